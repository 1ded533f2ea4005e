"""Judging reads all of a file and computes no more of it than it needs: the verdict must be that of the whole."""

import io

import numpy as np
import pytest
from PIL import Image

from unified_assets import files
from unified_assets.core.errors import UnreadableFile
from unified_assets.quality.measure import glance_stream, measure_decoded


def photograph(width=1000, height=700, **options):
    tones = np.random.default_rng(7).integers(0, 256, (height // 10, width // 10, 3)).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(tones).resize((width, height), Image.Resampling.BICUBIC).save(target, "JPEG", quality=70, **options)
    return target.getvalue()


def reason(decode, data):
    try:
        decode(io.BytesIO(data), "image", "image/jpeg")
    except UnreadableFile as error:
        return error.reason
    return None


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cut_anywhere_is_truncated_at_a_glance_where_it_is_so_when_decoded_whole(progressive):
    data = photograph(progressive=progressive)
    lengths = [round(share * len(data)) for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.999)] + [len(data) - 2, len(data)]
    whole = [reason(files.decode_stream, data[:length]) for length in lengths]
    assert [reason(glance_stream, data[:length]) for length in lengths] == whole
    assert (whole[3], whole[-1]) == ("truncated", None)


def test_a_jpeg_is_looked_at_small_with_its_size_as_stored():
    found = glance_stream(io.BytesIO(photograph()), "image", "image/jpeg")
    assert (found.pixels.shape, found.original_width, found.original_height, found.detail) == ((350, 500, 3), 1000, 700, None)


def test_a_glance_shows_what_the_whole_shows():
    data = photograph()
    small = glance_stream(io.BytesIO(data), "image", "image/jpeg").pixels
    whole = Image.fromarray(files.decode_stream(io.BytesIO(data), "image", "image/jpeg").pixels)
    expected = np.asarray(whole.resize((small.shape[1], small.shape[0]), Image.Resampling.BOX))
    assert np.abs(small.astype(int) - expected).mean() < 3


def test_a_turned_jpeg_is_turned_at_a_glance():
    exif = Image.Exif()
    exif[0x0112] = 6
    found = glance_stream(io.BytesIO(photograph(exif=exif)), "image", "image/jpeg")
    assert found.pixels.shape == (500, 350, 3)


def test_a_large_png_keeps_a_detail_as_it_was_stored():
    picture = Image.open(io.BytesIO(photograph()))
    target = io.BytesIO()
    picture.save(target, "PNG")
    found = glance_stream(io.BytesIO(target.getvalue()), "image", "image/png")
    assert found.pixels.shape == (234, 334, 3)
    assert np.array_equal(found.detail, np.asarray(picture)[222:478, 372:628])


def test_other_modalities_are_decoded_whole():
    decoded = glance_stream(io.BytesIO(b"A cat sat on the mat.\n"), "text", "text/plain")
    assert decoded.text == "A cat sat on the mat.\n"
    assert {name: value for name, value, _ in measure_decoded(decoded, "text", "text/plain").values}["short_text"] == 16.0


def test_what_no_modality_reads_is_unsupported():
    with pytest.raises(UnreadableFile, match="unsupported"):
        glance_stream(io.BytesIO(b""), "smell", "application/smell")
