"""The crop of one draw of an image: in the middle, at random, or around a face given in the file's name."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from train_core.config.sections.augmentation import AugmentationSettings
from train_core.facts.images.buckets import BucketFit, Size
from train_core.facts.images.faces import Face


@dataclass(frozen=True)
class CropRules:
    """Rules by which crops vary. `face_range` bounds the crop's short side, in widths of the face."""

    random: bool = False
    face_range: tuple[float, float] | None = None

    @property
    def vary(self) -> bool:
        """Whether an image is cut out differently from draw to draw."""
        return self.random or self.face_range is not None


def crop_rules(augmentation: AugmentationSettings) -> CropRules:
    """The crop rules that `augmentation` asks for."""
    low, _, high = augmentation.face_crop_aug_range.partition(",")
    return CropRules(augmentation.random_crop, (float(low), float(high)) if high else None)


def draw_fit(size: Size, fit: BucketFit, face: Face | None, rules: CropRules, rng: Random) -> BucketFit:
    """`fit`, which an image of `size` has by itself, as one draw changes it; the bucket stays.

    With a face the image is scaled so that the crop's short side is some number of faces wide, but never enlarged for
    it and always large enough for the bucket. The crop is centred on the face or, if random, lies anywhere around it.
    """
    if face is None or rules.face_range is None:
        return _anywhere(fit, rng) if rules.random else fit
    resized = _scaled(size, fit.bucket, max(face.width, face.height) * rng.uniform(*rules.face_range))
    crops = [
        _around(centre * length / whole, extent * length / whole, length - side, side, rng if rules.random else None)
        for centre, extent, length, whole, side in zip(
            (face.x, face.y), (face.width, face.height), resized, size, fit.bucket, strict=True
        )
    ]
    return BucketFit(fit.bucket, resized, (crops[0], crops[1]))


def _anywhere(fit: BucketFit, rng: Random) -> BucketFit:
    left = rng.randint(0, fit.resized[0] - fit.bucket[0])
    return BucketFit(fit.bucket, fit.resized, (left, rng.randint(0, fit.resized[1] - fit.bucket[1])))


def _scaled(size: Size, bucket: Size, short_side: float) -> Size:
    """`size` scaled so that `short_side` of its pixels become the bucket's short side."""
    covers = max(bucket[0] / size[0], bucket[1] / size[1])
    scale = max(covers, min(1.0, min(bucket) / short_side))
    return max(bucket[0], round(size[0] * scale)), max(bucket[1], round(size[1] * scale))


def _around(centre: float, extent: float, room: int, side: int, rng: Random | None) -> int:
    """Start of a crop of `side`, from 0 to `room`, such that it contains `centre` ± `extent` / 2."""
    start = centre - side / 2
    if rng is not None:
        play = max(0.0, side - extent) / 2
        # Limits first, so that chance is spread over what is possible and does not pile up at the image's edge.
        low, high = max(0.0, start - play), min(float(room), start + play)
        start = rng.uniform(low, high) if low < high else start
    return min(room, max(0, round(start)))
