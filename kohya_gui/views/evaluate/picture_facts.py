"""How a picture of a grid is drawn, as HTML."""

from __future__ import annotations

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined
from train_core.config.interop.sampler_words import LABELS
from train_core.facts.grids.folder import NetworkFacts, PictureFacts


def facts_html(picture: PictureFacts, language: str) -> Markup:
    """A list of what the picture was drawn from."""
    sampler = LABELS.get(picture.sampler.removeprefix("k_"), picture.sampler)
    rows = [
        ("prompt", Markup("<p>{}</p>").format(picture.prompt)),
        ("negative", Markup("<p>{}</p>").format(picture.negative_prompt) if picture.negative_prompt else ""),
        ("networks", joined(Markup("<p>{}</p>").format(_network(one)) for one in picture.networks)),
        ("seed", str(picture.seed)), ("steps", str(picture.steps)), ("scale", f"{picture.scale:g}"),
        ("sampler", sampler), ("size", f"{picture.width} × {picture.height}"), ("base", picture.model),
    ]  # fmt: skip
    return joined(
        Markup('<div class="{}"><dt>{}</dt><dd>{}</dd></div>').format(
            f"of-{name}", text(f"ui.evaluate.fact_{name}", language), said
        )
        for name, said in rows if said
    )  # fmt: skip


def _network(network: NetworkFacts) -> str:
    """A network as it stands in prompts: one strength, or both where they differ."""
    strengths = f"{network.unet:g}"
    if network.text_encoder != network.unet:
        strengths = f"te={network.text_encoder:g}:unet={network.unet:g}"
    blocks = f":lbw={network.blocks}" if network.blocks else ""
    return f"{network.name}:{strengths}{blocks}"
