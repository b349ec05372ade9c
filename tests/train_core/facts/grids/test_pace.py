"""How much there is to calculate for a picture."""

import pytest

from train_core.facts.grids.pace import work_of
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_lines import SamplePrompt


@pytest.mark.parametrize(
    ("sampler", "hires", "work"),
    [("euler", None, 5.0), ("heun", None, 10.0), ("euler", Hires(2, 0.5), 25.0), ("euler", Hires(2, 0.5, 4), 13.0),
     ("euler", Hires(2, 0), 5.0)],
)  # fmt: skip
def test_work_is_calls_of_the_model_times_megapixels_in_both_passes(sampler, hires, work):
    prompt = SamplePrompt("a", "", 1000, 500, 1, 10, 7.0, sampler, hires=hires)
    assert work_of(prompt) == pytest.approx(work, rel=0.02)
