"""One contract for every check there is, ours and those of other packages."""

import math

import numpy as np
import pytest

from unified_assets.core import plugins
from unified_assets.core.media import DecodedAudio, DecodedDocument, DecodedImage, DecodedText, DecodedVideo, Page

CHECKS = tuple(plugins.discover("checks").values())
MODALITY_OF = {DecodedImage: "image", DecodedAudio: "audio", DecodedText: "text", DecodedDocument: "document", DecodedVideo: "video"}


def degenerate():
    """Values a decoder may return that have next to nothing in them."""
    yield DecodedImage(pixels=np.zeros((1, 1, 3), np.uint8), original_width=1, original_height=1)
    yield DecodedImage(pixels=np.zeros((0, 0, 3), np.uint8), original_width=0, original_height=0)
    yield DecodedImage(pixels=np.zeros((1, 5000, 3), np.uint8), original_width=5000, original_height=1)
    for frames in (0, 1, 2):
        yield DecodedAudio(samples=np.zeros((frames, 2), np.float32), sample_rate_hz=44100)
    yield DecodedText(text="", encoding="utf-8")
    yield DecodedText(text="\ud800", encoding="utf-8")
    yield DecodedDocument(pages=())
    yield DecodedDocument(pages=(Page(image=None, text=""),), total_pages=1)
    for frames in (0, 1):
        yield DecodedVideo(frames=np.zeros((frames, 8, 8, 3), np.uint8), times_s=np.zeros(frames), fps=0.0, duration_s=0.0)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_passes_its_good_example_and_fails_its_bad_one(check):
    good, _ = check.measure(check.good())
    bad, detail = check.measure(check.bad())
    assert (check.fails(good, check.threshold), check.fails(bad, check.threshold)) == (False, True)
    assert detail


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_is_declared_completely(check):
    assert check.severity in {"warn", "reject"}
    assert check.modality in {*MODALITY_OF.values(), *plugins.modalities()}
    assert check.description.endswith(".")
    assert 0 < check.penalty <= 100
    assert all(MODALITY_OF.get(type(example), check.modality) == check.modality for example in (check.good(), check.bad()))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_measures_a_finite_number_on_next_to_nothing(check):
    for value in degenerate():
        if MODALITY_OF[type(value)] == check.modality:
            measured, _ = check.measure(value)
            assert math.isfinite(measured), value


def test_every_modality_has_checks_that_reject_and_checks_that_warn():
    for modality in MODALITY_OF.values():
        assert {check.severity for check in CHECKS if check.modality == modality} == {"reject", "warn"}


def failing(value):
    modality = MODALITY_OF[type(value)]
    return [check.name for check in plugins.checks(modality) if check.fails(check.measure(value)[0], check.threshold)]


def image(pixels):
    return DecodedImage(pixels=pixels, original_width=pixels.shape[1], original_height=pixels.shape[0])


def test_a_white_receipt_with_a_few_printed_lines_is_fine():
    pixels = np.full((800, 300, 3), 252, np.uint8)
    for top in range(100, 500, 24):
        pixels[top : top + 9, 40 : 40 + 150 : 3] = 30
    assert failing(image(pixels)) == []


def test_a_digit_on_black_is_only_small():
    pixels = np.zeros((28, 28, 3), np.uint8)
    pixels[4:24, 12:16] = 254
    assert failing(image(pixels)) == ["too_small"]


def test_a_blank_sheet_with_codec_noise_is_blank():
    noise = np.random.default_rng(0).integers(-2, 3, (200, 200, 3))
    assert "blank" in failing(image((240 + noise).astype(np.uint8)))


def test_a_short_spoken_digit_with_leading_silence_is_fine():
    samples = np.zeros((1600, 1), np.float32)
    samples[1000:, 0] = 0.2 * np.sin(np.arange(600) * 0.4)
    assert failing(DecodedAudio(samples=samples, sample_rate_hz=8000)) == []


@pytest.mark.parametrize("frequency_hz", [50, 440, 3000])
def test_a_loud_pure_tone_is_not_clipped(frequency_hz):
    wave = 0.99 * np.sin(2 * np.pi * frequency_hz * np.arange(44100) / 44100)
    assert failing(DecodedAudio(samples=wave.astype(np.float32)[:, None], sample_rate_hz=44100)) == []


def test_speech_in_many_scripts_is_no_mojibake():
    text = "Привет, мир. 你好,世界。 مرحبا بالعالم. नमस्ते दुनिया. Ñandú, Ångström, São João, ÂNGULO, Ünïcödé 👩‍🚀 20 °C ± 3 µm «oui» " * 3
    assert failing(DecodedText(text=text, encoding="utf-8")) == []


def test_utf8_read_as_windows_1252_is_mojibake():
    text = "".join(f"{number}: it’s a naïve café — déjà vu. " for number in range(10))
    assert failing(DecodedText(text=text.encode().decode("cp1252", "replace"), encoding="cp1252")) == ["mojibake"]


def test_a_table_of_labels_is_not_repetitive():
    rows = "\n".join(f"img_{index:05d}.png,{index * 7 % 10}" for index in range(2000))
    assert failing(DecodedText(text=rows, encoding="utf-8")) == []


def page(ink_share):
    sheet = np.full((100, 80, 3), 255, np.uint8)
    sheet[: round(100 * ink_share)] = 0
    return Page(image=sheet, text="")


@pytest.mark.parametrize("lies", [False, True])
def test_drawings_are_not_taken_for_scans_of_print(lies):
    def issues(**ink):
        sheet = np.full((512, 396, 3), 255, np.uint8)
        for rows, columns in ink.values():
            sheet[rows, columns] = 0
        return failing(DecodedDocument(pages=(Page(image=sheet.swapaxes(0, 1) if lies else sheet, text=""),), total_pages=1))

    assert issues(logo=(slice(40, 140), slice(40, 180))) == []
    assert issues(frames=(slice(40, 400), slice(40, 300, 30))) == []
    assert issues(line=(slice(40, 47), slice(40, 300, 6))) == []  # one row of strokes too few
    assert issues(line=(slice(40, 48), slice(40, 300, 6))) == ["no_text_layer"]


def test_an_office_page_on_which_nothing_could_be_drawn_is_not_rejected():
    assert failing(DecodedDocument(pages=(page(0.0),), total_pages=1)) == ["blank_document", "blank_pages"]
    assert failing(DecodedDocument(pages=(page(0.0),), total_pages=1, drawn=True)) == []


def test_audio_that_a_lossy_codec_decodes_beyond_full_scale_is_clipped():
    wave = 1.05 * np.sin(np.arange(8000) * 0.3)
    assert failing(DecodedAudio(samples=wave.astype(np.float32)[:, None], sample_rate_hz=8000)) == ["clipped"]


@pytest.mark.parametrize("radius", [4, 8, 20])
def test_a_blurred_picture_is_blurry_however_wide_the_blur(radius):
    from PIL import Image, ImageFilter

    tones = np.kron(np.random.default_rng(1).integers(0, 256, (30, 40, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    assert failing(image(tones)) == []
    blurred = np.asarray(Image.fromarray(tones).filter(ImageFilter.GaussianBlur(radius)))
    assert "blurry" in failing(image(blurred))
