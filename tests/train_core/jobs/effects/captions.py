"""Effects of settings of captions: the texts that the text encoder is given."""

from __future__ import annotations

import torch

from tests.train_core.jobs.effects.comparing import assert_learnt_otherwise, assert_same
from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.outcome import Outcome

CAPTIONS = Effects()


def tags(caption: str, separator: str = ",") -> list[str]:
    return [tag.strip() for tag in caption.split(separator)]


def pairs(before: Outcome, after: Outcome) -> list[tuple[str, str]]:
    """Each sample's caption in both runs, where all else that is shown is the same."""
    assert_same(before, after, "pictures", "timesteps", "latents", "noisy")
    return list(zip(before.captions, after.captions, strict=True))


@CAPTIONS.of("caption_extension", ".caption")
def captions_come_from_the_files_with_that_ending(before: Outcome, after: Outcome) -> None:
    for old, new in pairs(before, after):
        number = old.split("tag")[1][0] if "tag" in old else ""
        assert new == (f"a drawing, number {number}" if number else old)


@CAPTIONS.of("shuffle_caption", True)
def the_same_tags_come_in_another_order(before: Outcome, after: Outcome) -> None:
    assert all(sorted(tags(old)) == sorted(tags(new)) for old, new in pairs(before, after))
    assert before.captions != after.captions


@CAPTIONS.of("keep_tokens", 2, shuffle_caption=True)
def the_first_two_tags_stay_and_the_others_are_shuffled(before: Outcome, after: Outcome) -> None:
    plain = before.but(shuffle_caption=False)
    assert all(tags(old)[:2] == tags(new)[:2] for old, new in pairs(plain, after))
    assert any(tags(old)[:2] != tags(new)[:2] for old, new in pairs(plain, before))
    assert all(sorted(tags(old)) == sorted(tags(new)) for old, new in pairs(before, after))
    assert plain.captions != after.captions


@CAPTIONS.of("keep_tokens_separator", "|||", shuffle_caption=True, caption_extension=".marked")
def what_stands_before_the_mark_stays_and_the_mark_is_not_shown(before: Outcome, after: Outcome) -> None:
    assert any("|||" in caption for caption in before.captions)
    marked = [caption for caption in after.captions if "tag" in caption]
    for caption in marked:
        head, free = tags(caption)[:2], tags(caption)[2:]
        assert head in (["zuko dog", "tag1"], ["zuko dog", "tag2"])
        assert sorted(free) == ["blue sky", "other", "red hair"]
    assert any(tags(caption)[2:] != ["other", "red hair", "blue sky"] for caption in marked)


@CAPTIONS.of("caption_separator", ";", shuffle_caption=True, caption_extension=".semicolons")
def tags_are_what_stands_between_semicolons(before: Outcome, after: Outcome) -> None:
    assert all(sorted(tags(old, ";")) == sorted(tags(new, ";")) for old, new in pairs(before, after))
    assert before.captions == before.but(shuffle_caption=False).captions  # without commas there is nothing to shuffle
    assert before.captions != after.captions


@CAPTIONS.of("secondary_separator", ";;;", shuffle_caption=True, caption_extension=".joined")
def tags_that_belong_together_stay_together(before: Outcome, after: Outcome) -> None:
    for old, new in pairs(before, after):
        assert new == old.replace(";;;", ", ")  # shuffled as one tag, and shown as two
    assert any("red hair, red eyes" in caption for caption in after.captions)


@CAPTIONS.of("caption_prefix", "a photo of")
def every_caption_begins_with_it(before: Outcome, after: Outcome) -> None:
    assert all(new == f"a photo of {old}" for old, new in pairs(before, after))


@CAPTIONS.of("caption_suffix", "in the snow")
def every_caption_ends_with_it(before: Outcome, after: Outcome) -> None:
    assert all(new == f"{old} in the snow" for old, new in pairs(before, after))


@CAPTIONS.of("enable_wildcard", True, caption_prefix="{red|blue}")
def one_of_the_choices_is_shown(before: Outcome, after: Outcome) -> None:
    for old, new in pairs(before, after):
        assert new in {old.replace("{red|blue}", colour) for colour in ("red", "blue")}
    assert {caption.split()[0] for caption in after.captions} == {"red", "blue"}


@CAPTIONS.of("caption_dropout_rate", 0.5)
def some_captions_are_left_out(before: Outcome, after: Outcome) -> None:
    assert all(new in ("", old) for old, new in pairs(before, after))
    assert "" in after.captions
    assert any(after.captions)


@CAPTIONS.of("caption_dropout_every_n_epochs", 2, max_train_epochs=2)
def every_second_epoch_goes_without_captions(before: Outcome, after: Outcome) -> None:
    half = len(before.captions) // 2
    assert after.captions == before.captions[:half] + [""] * half
    assert all(before.captions)


@CAPTIONS.of("caption_tag_dropout_rate", 0.7)
def some_tags_are_left_out_and_the_others_keep_their_order(before: Outcome, after: Outcome) -> None:
    for old, new in pairs(before, after):
        kept = [tag for tag in tags(new) if tag]
        assert kept == [tag for tag in tags(old) if tag in kept]
    shown = sum(len(tags(caption)) for caption in after.captions)
    assert shown < 0.7 * sum(len(tags(caption)) for caption in before.captions)


def shown_first(before: Outcome, after: Outcome, least: int) -> None:
    """`after` shows the first `least` tags of each caption at first, and by 0.9 of the run all of them."""
    lengths = []
    for step, (old, new) in enumerate(zip(before.passes, after.passes, strict=True)):
        for whole, shown in zip(old.captions, new.captions, strict=True):
            free = len(tags(whole))
            number = free if free <= least else least + int(step * (free - least) / (0.9 * before.steps))
            assert tags(shown) == tags(whole)[:number]
            lengths += [number] if free == 5 else []
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


@CAPTIONS.of("token_warmup_step", 0.9)
def tags_are_added_step_by_step(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "pictures", "timesteps", "noisy")
    shown_first(before, after, least=1)


@CAPTIONS.of("token_warmup_min", 2, token_warmup_step=0.9)
def the_warm_up_begins_with_two_tags(before: Outcome, after: Outcome) -> None:
    plain = before.but(token_warmup_step=0.0)
    shown_first(plain, before, least=1)
    shown_first(plain, after, least=2)


@CAPTIONS.of("weighted_captions", True, caption_prefix="(red:1.5)")
def the_weights_of_words_are_read(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    assert not any(one.weighted for one in before.passes)
    assert all(one.weighted for one in after.passes)
    # What is read are the word and its weight: at first it is what the plain word is, with another emphasis.
    plain = before.but(caption_prefix="red").passes[0].hidden
    emphasis = after.passes[0].hidden / plain
    first = emphasis[:, 0].mean(dim=-1)  # the mark of the beginning
    word = emphasis[:, 1].mean(dim=-1)
    torch.testing.assert_close(word, 1.5 * first)
    assert not torch.allclose(before.passes[0].hidden, plain)


@CAPTIONS.of("max_token_length", 150)
def twice_as_many_tokens_are_read(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    assert {one.hidden.shape[1] for one in before.passes} == {77}
    assert {one.hidden.shape[1] for one in after.passes} == {152}


@CAPTIONS.of("clip_skip", 2)
def the_last_layer_of_the_text_encoder_is_not_read(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    last = [name for name in before.weights if "_te_" in name and "_layers_2_" in name and "lora_up" in name]
    assert all(before.weights[name].any() for name in last if "fc" in name or "out_proj" in name)
    assert not any(after.weights[name].any() for name in last)  # so nothing is learnt there
    assert any(tensor.any() for name, tensor in after.weights.items() if "_layers_1_" in name and "lora_up" in name)
    assert_learnt_otherwise(before, after)
