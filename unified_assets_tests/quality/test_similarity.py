import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from unified_assets.quality import similarity


def photo(seed):
    """Smooth random colours with structure at several sizes, as photographs have."""
    rng = np.random.default_rng(seed)
    layers = [Image.fromarray(rng.integers(0, 256, (size, size, 3)).astype(np.uint8)).resize((240, 180), Image.Resampling.BICUBIC) for size in (4, 8, 24)]
    return Image.blend(Image.blend(layers[0], layers[1], 0.4), layers[2], 0.3)


def digit(seed):
    """A thick white stroke on black: different ones correlate highly. They differ by two pixels or more."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (28, 28))
    ImageDraw.Draw(picture).line([(14 + 2 * int(rng.integers(-3, 4)), 4), (14 + 2 * int(rng.integers(-3, 4)), 24)], fill="white", width=4)
    return picture


def groups(*pictures):
    signatures = [similarity.signature(np.asarray(picture.convert("RGB"))) for picture in pictures]
    return similarity.near_duplicates(signatures)


def recompressed(picture):
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=30)
    return Image.open(target)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture.resize((120, 90)),
        lambda picture: picture.resize((480, 360)),
        recompressed,
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
        lambda picture: ImageEnhance.Contrast(picture).enhance(1.2),
        lambda picture: picture.crop((3, 3, 237, 177)),
        lambda picture: picture.crop((8, 2, 234, 174)),
    ],
    ids=["half", "double", "jpeg", "darker", "contrast", "cropped", "cropped unevenly"],
)
def test_a_retouched_photograph_is_a_near_duplicate(change):
    found = [groups(photo(seed), photo(seed + 100), change(photo(seed))) for seed in range(8)]
    assert found == [[[0, 2]]] * 8


def test_different_photographs_are_not_near_duplicates():
    assert groups(*(photo(seed) for seed in range(60))) == []


def test_the_same_picture_in_another_colour_is_another_picture():
    red, blue = (Image.new("RGB", (200, 200), "white") for _ in range(2))
    ImageDraw.Draw(red).ellipse((40, 40, 160, 160), fill=(230, 40, 40))
    ImageDraw.Draw(blue).ellipse((40, 40, 160, 160), fill=(40, 60, 255))
    assert groups(red, blue) == []


def test_similar_strokes_on_black_are_different_digits():
    apart = [digit(seed) for seed in range(40)]
    distinct = [picture for index, picture in enumerate(apart) if picture.tobytes() not in {other.tobytes() for other in apart[:index]}]
    assert len(distinct) > 20
    grouped = sum(len(group) for group in groups(*distinct))
    assert grouped <= len(distinct) // 10


def test_nothing_and_one_picture_have_no_near_duplicates():
    assert groups() == []
    assert groups(photo(1)) == []


def test_a_copy_whose_highlights_were_lost_to_white_is_a_near_duplicate():
    for seed in range(8):
        light = Image.eval(photo(seed), lambda level: 90 + level * 3 // 5)
        assert groups(light, photo(seed + 50), ImageEnhance.Brightness(light).enhance(1.2)) == [[0, 2]]


def test_a_copy_cut_at_two_sides_alone_is_a_near_duplicate():
    for seed in range(8):
        assert groups(photo(seed), photo(seed + 50), photo(seed).crop((12, 9, 240, 180))) == [[0, 2]]
