"""Films and compressed sound, under names without an extension, as PyAV writes them: told by content, probed, and decoded."""

import io

import numpy as np
import pytest

from unified_assets.catalog import scan
from unified_assets.core.settings import Settings
from unified_assets.files import decode
from unified_assets.store.local import Store

av = pytest.importorskip("av")
RATE = 32_000
FILMS = {  # format -> (picture codec, sound codec, media type)
    "mp4": ("mpeg4", "aac", "video/mp4"),
    "mov": ("mpeg4", "aac", "video/quicktime"),
    "avi": ("mpeg4", "mp2", "video/x-msvideo"),
    "matroska": ("mpeg4", "aac", "video/x-matroska"),
    "webm": ("libvpx", "libopus", "video/webm"),
    "flv": ("flv", "aac", "video/x-flv"),
    "mpeg": ("mpeg2video", "mp2", "video/mpeg"),
}
SOUNDS = {  # name -> (format, codec, media type)
    "m4a": ("ipod", "aac", "audio/mp4"),
    "aac": ("adts", "aac", "audio/aac"),
    "opus": ("ogg", "libopus", "audio/ogg"),
    "mp3": ("mp3", "libmp3lame", "audio/mpeg"),
}


def film(form: str, pictures: str, sound: str) -> bytes:
    """Two seconds of 64 x 48 pixels at 25 a second, with a tone."""
    buffer = io.BytesIO()
    rate = 48_000 if sound == "libopus" else RATE
    with av.open(buffer, "w", format=form) as container:
        track = container.add_stream(pictures, rate=25)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        tone = container.add_stream(sound, rate=rate)
        tone.layout = "mono"
        for number in range(50):
            container.mux(track.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number, np.uint8), format="rgb24")))
        container.mux(track.encode(None))
        _tone(container, tone, rate)
    return buffer.getvalue()


def sound(form: str, codec: str) -> bytes:
    """Two seconds of a tone."""
    buffer = io.BytesIO()
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(buffer, "w", format=form) as container:
        tone = container.add_stream(codec, rate=rate)
        tone.layout = "mono"
        _tone(container, tone, rate)
    return buffer.getvalue()


def _tone(container, track, rate: int) -> None:
    samples = (0.4 * np.sin(np.arange(2 * rate) * 0.1)).astype(np.float32)
    resampler = av.AudioResampler(format=track.codec_context.format or "fltp", layout="mono", rate=rate, frame_size=track.codec_context.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
    frame.sample_rate = rate
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(track.encode(part))
    container.mux(track.encode(None))


def test_every_format_is_told_and_probed_without_its_name(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for form, (pictures, tone, _) in FILMS.items():
        (raw / form).write_bytes(film(form, pictures, tone))
    for name, (form, codec, _) in SOUNDS.items():
        (raw / name).write_bytes(sound(form, codec))
    scan(Settings(raw=raw, state=tmp_path / "state", workers=1))
    table = Store(tmp_path / "state").table("catalog")
    rows = {row["path"]: row for row in table.iter_rows(named=True)}
    wanted = {**{name: ("video", media_type) for name, (*_, media_type) in FILMS.items()}, **{name: ("audio", kind) for name, (*_, kind) in SOUNDS.items()}}
    assert {name: (row["modality"], row["media_type"]) for name, row in rows.items()} == wanted
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert {(rows[name]["width"], rows[name]["height"], rows[name]["fps"]) for name in FILMS} == {(64, 48, 25.0)}
    assert {name: row["duration_s"] for name, row in rows.items() if not 1.6 < row["duration_s"] < 2.3} == {}  # a program stream states none: it is estimated
    rates = {name: 48_000 if name in {"webm", "opus"} else RATE for name in rows}
    assert {name: (row["sample_rate_hz"], row["channels"]) for name, row in rows.items()} == {name: (rate, 1) for name, rate in rates.items()}
    for name, row in rows.items():
        decoded = decode(raw, name, row["modality"], row["media_type"])
        assert (decoded if row["modality"] == "audio" else decoded.sound).samples.std() > 0.1
