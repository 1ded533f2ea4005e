"""Faults at the strength at which they begin to matter, in places where they were missed before."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from unified_assets.core import plugins
from unified_assets.core.media import DecodedAudio, DecodedDocument, DecodedImage, DecodedText, Page
from unified_assets.quality.measure import glance_stream, measure_decoded

CHECKS = plugins.discover("checks")


def fails(name, value):
    check = CHECKS[name]
    return check.fails(float(check.measure(value)[0]), float(check.threshold))


def picture(pixels):
    return DecodedImage(pixels=pixels, original_width=pixels.shape[1], original_height=pixels.shape[0])


def stored(image, form="PNG"):
    target = io.BytesIO()
    image.save(target, form)
    return glance_stream(io.BytesIO(target.getvalue()), "image", f"image/{form.lower()}")


def test_the_dots_of_a_large_two_tone_picture_are_seen_although_averaging_takes_them_away():
    ramp = Image.linear_gradient("L").resize((1200, 900))
    assert fails("dithered", stored(ramp.convert("1")))
    assert not fails("dithered", stored(ramp))
    assert not fails("dithered", stored(ramp.point(lambda level: 255 * (level > 100)).convert("1")))


@pytest.mark.parametrize("side", [24, 28, 40, 64, 300, 900])
def test_a_blur_of_two_pixels_or_a_fiftieth_is_seen_at_every_size(side):
    tones = np.random.default_rng(2).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    sharp = Image.fromarray(tones).resize((side, side), Image.Resampling.NEAREST)
    assert not fails("blurry", stored(sharp))
    assert fails("blurry", stored(sharp.filter(ImageFilter.GaussianBlur(max(2, side / 50)))))


def test_a_sharp_digit_is_not_blurry_and_a_smeared_one_is():
    sheet = Image.new("L", (28, 28))
    sheet.paste(255, (12, 4, 16, 24))
    assert not fails("blurry", stored(sheet))
    assert fails("blurry", stored(sheet.filter(ImageFilter.GaussianBlur(2))))


@pytest.mark.parametrize("text", ["One line of sixty characters and more, without any line break in it.", '{"a": [1, 2, 3]}\n' * 9 + '{"b": "something else"}'])
def test_a_text_that_stands_there_twice_is_found_whatever_its_lines(text):
    assert fails("duplicated_lines", DecodedText(text=f"{text}\n\n{text}\n", encoding="utf-8", media_type="application/json"))
    assert not fails("duplicated_lines", DecodedText(text=f"{text}\n\n{text[:-1]}!\n", encoding="utf-8", media_type="application/json"))


def test_a_sixth_of_a_second_of_hiss_is_mostly_noise_and_a_spoken_syllable_is_not():
    rng = np.random.default_rng(1)
    hiss = rng.normal(0, 0.05, 1300).astype(np.float32)
    syllable = hiss * np.exp(-np.square(np.linspace(-2, 2, 1300))).astype(np.float32)
    assert fails("mostly_noise", DecodedAudio(samples=hiss[:, None], sample_rate_hz=8000))
    assert not fails("mostly_noise", DecodedAudio(samples=syllable[:, None], sample_rate_hz=8000))


def test_a_sound_whose_new_samples_were_rounded_down_is_still_seen_to_be_upsampled():
    narrow = np.random.default_rng(4).normal(0, 0.02, 8000)
    spectrum = np.fft.rfft(narrow)
    wide = np.fft.irfft(np.pad(spectrum, (0, 4000)), 16_000) * 2 * 32768
    wide[1::2] = np.floor(wide[1::2])
    wide[::2] = np.round(wide[::2])
    assert fails("upsampled", DecodedAudio(samples=(wide / 32768).astype(np.float32)[:, None], sample_rate_hz=16_000))


def test_pages_that_were_drawn_and_not_rendered_are_not_said_to_be_blank():
    pages = (Page(image=np.full((100, 80, 3), 255, np.uint8), text=""),) * 3
    assert fails("blank_pages", DecodedDocument(pages=pages, total_pages=3))
    assert not fails("blank_pages", DecodedDocument(pages=pages, total_pages=3, drawn=True))


def test_half_a_page_of_french_in_english_prose_is_a_mix():
    english = "The children of the village carried the plums home, for it was late and the rain was near. " * 4
    french = "Le marché ouvre près du vieux pont, où les marchands installent une table et des fruits avant la nuit. " * 4
    assert fails("language_mix", DecodedText(text=english + french, encoding="utf-8"))
    assert not fails("language_mix", DecodedText(text=english * 2, encoding="utf-8"))


def test_grey_rows_below_are_seen_in_a_jpeg_read_at_a_glance():
    noise = np.random.default_rng(3).integers(0, 256, (800, 1000, 3)).astype(np.uint8)
    noise[600:] = 128
    found = {name: value for name, value, _ in measure_decoded(stored(Image.fromarray(noise), "JPEG"), "image", "image/jpeg").values}
    assert 0.23 <= found["truncated"] <= 0.26
