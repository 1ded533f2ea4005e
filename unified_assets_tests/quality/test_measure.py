import numpy as np

from unified_assets.core import plugins
from unified_assets.core.media import DecodedAudio, DecodedDocument, DecodedImage, DecodedText, DecodedVideo, Page
from unified_assets.quality import measure


def test_every_modality_has_a_version_and_it_is_stable():
    assert measure.versions() == measure.versions()
    assert set(measure.versions()) == set(plugins.modalities())


def test_a_version_covers_the_modules_that_a_decoder_leans_on():
    behind = {module.__name__ for module in measure._behind(plugins.modalities()["document"].decode)}
    assert "unified_assets.modalities.document" in behind
    assert len(behind) > 3
    assert not any(name.startswith("unified_assets.core.") for name in behind)


def test_a_large_image_is_averaged_down_and_keeps_its_original_size():
    pixels = np.zeros((1600, 2004, 3), np.uint8)
    found = measure.reduced(DecodedImage(pixels=pixels, original_width=8000, original_height=6400))
    assert (found.pixels.shape, found.original_width, found.original_height) == ((229, 287, 3), 8000, 6400)


def test_a_narrow_image_keeps_enough_pixels_to_be_judged():
    found = measure.reduced(DecodedImage(pixels=np.zeros((40, 8000, 3), np.uint8), original_width=8000, original_height=40))
    assert found.pixels.shape == (40, 8000, 3)


def test_every_decoded_value_has_a_preview():
    tall = DecodedImage(pixels=np.zeros((640, 320, 3), np.uint8), original_width=320, original_height=640)
    assert measure.preview(tall).shape == (160, 80, 3)
    assert measure.preview(DecodedText(text="a" * 900, encoding="utf-8")) == "a" * 400
    wave = measure.preview(DecodedAudio(samples=np.tile([[0.5], [-0.5]], (400, 1)).astype(np.float32), sample_rate_hz=8000))
    assert (wave.shape, wave.dtype, int(wave[:48].min()) < 255, int(wave[48:].min()) < 128) == ((112, 160, 3), np.uint8, True, True)
    assert measure.preview(DecodedDocument(pages=(Page(image=None, text="words"),))) == "words"
    assert measure.preview(DecodedVideo(frames=np.zeros((3, 90, 160, 3), np.uint8), times_s=np.arange(3.0), fps=1.0, duration_s=3.0)).shape == (90, 160, 3)


def test_nothing_has_a_preview_that_says_nothing():
    assert measure.preview(DecodedVideo(frames=np.zeros((0, 0, 0, 3), np.uint8), times_s=np.zeros(0), fps=0.0, duration_s=0.0)) == ""
    assert measure.preview(DecodedDocument(pages=())) == ""
    assert measure.preview(DecodedAudio(samples=np.zeros((0, 1), np.float32), sample_rate_hz=8000)).shape == (112, 160, 3)
