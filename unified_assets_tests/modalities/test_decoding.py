"""What comes out of a file is what was put in, within the stated bounds."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
import soundfile
from PIL import Image

from unified_assets.core import plugins
from unified_assets.core.errors import UnreadableFile
from unified_assets.files import decode_bytes
from unified_assets.files.deciding import probe_file
from unified_assets.files.surveying import Listed


def saved(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def sounded(samples: np.ndarray, rate: int, form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form)
    return buffer.getvalue()


def reason(data: bytes, name: str = "") -> str:
    with pytest.raises(UnreadableFile) as caught:
        decode_bytes(data, name)
    return caught.value.reason


def test_transparency_is_laid_over_white():
    image = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    pixels = decode_bytes(saved(image, "PNG"))[2].pixels
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 1].tolist() == [10, 20, 30]


def test_exif_orientation_is_applied_and_original_sizes_are_kept():
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode_bytes(saved(Image.new("RGB", (30, 10)), "JPEG", exif=exif))[2]
    assert decoded.pixels.shape == (30, 10, 3)
    assert (decoded.original_width, decoded.original_height) == (30, 10)


def test_palettes_greys_and_sixteen_bits_become_rgb():
    grey = np.linspace(0, 255, 64, dtype=np.uint8).reshape(8, 8)
    for image in (Image.fromarray(grey), Image.fromarray(grey).convert("P"), Image.fromarray(grey).convert("1"), Image.fromarray(grey.astype(np.uint16) * 257)):
        pixels = decode_bytes(saved(image, "PNG"))[2].pixels
        assert (pixels.shape, pixels.dtype) == ((8, 8, 3), np.uint8)
    assert np.array_equal(pixels[:, :, 0], grey)


def test_a_picture_bomb_is_refused_by_its_header():
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
        + bytes(4)
        + b"IDAT"
        + struct.pack(">I", zlib.crc32(b"IDAT"))
    )
    assert reason(data) == "too_many_pixels"


def test_half_a_picture_is_truncated():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8))
    for form in ("PNG", "JPEG", "BMP"):
        data = saved(noise, form)
        assert reason(data[: len(data) // 2]) == "truncated"


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_sound_comes_out_as_it_went_in(form):
    wave = (0.5 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32)
    modality, _, decoded = decode_bytes(sounded(np.stack([wave, -wave], axis=1), 16_000, form))
    assert (modality, decoded.sample_rate_hz, decoded.samples.shape[1], decoded.cut) == ("audio", 16_000, 2, False)
    assert abs(len(decoded.samples) - 16_000) <= 2400
    assert abs(np.abs(decoded.samples).max() - 0.5) < 0.1


def test_sound_is_cut_after_a_minute():
    decoded = decode_bytes(sounded(np.zeros(8000 * 61, np.float32), 8000, "FLAC"))[2]
    assert (len(decoded.samples), decoded.cut) == (480_000, True)


def test_sound_without_samples_is_named():
    assert reason(sounded(np.zeros(0, np.float32), 8000, "WAV")) == "no_samples"


def test_compressed_sound_needs_and_uses_the_video_extra():
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="adts") as container:
        track = container.add_stream("aac", rate=16_000)
        track.layout = "mono"
        frame = av.AudioFrame.from_ndarray((0.5 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32)[None, :], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in [*track.encode(frame), *track.encode(None)]:
            container.mux(packet)
    modality, media_type, decoded = decode_bytes(buffer.getvalue())
    assert (modality, media_type, decoded.sample_rate_hz) == ("audio", "audio/aac", 16_000)
    assert 15_000 < len(decoded.samples) < 18_500


@pytest.mark.parametrize(("form", "codec"), [("mp4", "mpeg4"), ("avi", "mpeg4"), ("matroska", "mpeg4"), ("flv", "flv"), ("mov", "mpeg4")])
def test_films_give_frames_spread_over_the_clip(form, codec):
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        track = container.add_stream(codec, rate=10)
        track.width, track.height, track.pix_fmt = 640, 480, "yuv420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 12 * number, np.uint8), format="rgb24")
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    modality, _, decoded = decode_bytes(buffer.getvalue())
    assert modality == "video"
    assert decoded.frames.shape == (8, 240, 320, 3)
    assert decoded.sound is None
    assert np.all(np.diff(decoded.frames.mean(axis=(1, 2, 3))) > 5)
    assert decoded.times_s[0] < 0.15
    assert abs(decoded.times_s[-1] - 1.9) < 0.3


def test_long_text_is_cut_between_characters():
    decoded = decode_bytes("é".encode() * (3 << 20), "a.txt")[2]
    assert decoded.cut
    assert len(decoded.text) == 2 << 20


def test_without_the_video_extra_a_film_is_unsupported_and_the_reason_says_what_to_install(tmp_path, monkeypatch):
    data, _ = plugins.modalities()["video"].good()
    (tmp_path / "film.mp4").write_bytes(data)
    facts = (tmp_path / "film.mp4").stat()
    monkeypatch.setitem(sys.modules, "av", None)
    probed = probe_file(tmp_path, Listed("film.mp4", facts.st_size, facts.st_mtime_ns, facts.st_ino))
    assert (probed.modality, probed.status, probed.reason) == ("video", "unsupported", "install_extra_video")
    assert "unified-assets[video]" in probed.columns["probe_extra"]


def test_a_file_that_is_still_written_waits_for_the_next_scan(tmp_path):
    (tmp_path / "log.txt").write_text("one line\n")
    facts = (tmp_path / "log.txt").stat()
    with pytest.raises(UnreadableFile, match="still_being_written"):
        probe_file(tmp_path, Listed("log.txt", facts.st_size - 1, facts.st_mtime_ns, facts.st_ino))


def test_opus_is_sound_in_ogg():
    samples = (0.4 * np.sin(np.arange(24_000) * 0.05)).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 48_000, format="OGG", subtype="OPUS")
    modality, media_type, decoded = decode_bytes(buffer.getvalue(), "voice.opus")
    assert (modality, media_type, decoded.sample_rate_hz, len(decoded.samples)) == ("audio", "audio/ogg", 48_000, 24_000)


def test_m4a_is_sound_in_mp4():
    av = pytest.importorskip("av", reason="the extra `video` is not installed")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ipod") as container:
        track = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray((0.4 * np.sin(np.arange(44_100) * 0.05)).astype(np.float32)[None], format="fltp", layout="mono")
        frame.rate = 44_100
        container.mux([*track.encode(frame), *track.encode(None)])
    modality, media_type, decoded = decode_bytes(buffer.getvalue(), "voice.m4a")
    assert (modality, media_type, decoded.sample_rate_hz) == ("audio", "audio/mp4", 44_100)
    assert abs(len(decoded.samples) / 44_100 - 1) < 0.1


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_newer_picture_formats_are_decoded(form):
    from PIL import features

    if not features.check(form.lower()):
        pytest.skip(f"this Pillow has no {form}")
    modality, media_type, decoded = decode_bytes(saved(Image.new("RGB", (40, 24), (200, 30, 30)), form))
    assert (modality, media_type, decoded.pixels.shape) == ("image", f"image/{form.lower()}", (24, 40, 3))
