"""Sound: an audio file in; rate, channels and duration, or samples out."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import soundfile

from unified_assets.core.contracts import Modality
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import DecodedAudio
from unified_assets.formats import clips

MAX_SECONDS = 60.0
MAX_CHANNELS = 64
WHOLE = 0.98  # share of the samples that the header promises, from which on a sound counts as read whole
_SHORT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAMED = 0x7FFF0000  # bytes and more: written by a program that did not know the length yet
_THROUGH_PYAV = frozenset({"audio/aac", "audio/mp4"})
_NATIVE = frozenset({"audio/wav", "audio/flac", "audio/mpeg", "audio/ogg", "audio/aiff"})


def probe(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:
    """Sample rate, channels and duration from the header; an Ogg stream that libsndfile cannot read is left to PyAV."""
    if media_type in _THROUGH_PYAV:
        return clips.sound_facts(stream)
    with _opened(stream) as sound:
        if not sound.frames:
            raise UnreadableFile("no_samples")
        return {"sample_rate_hz": sound.samplerate, "channels": sound.channels, "duration_s": sound.frames / sound.samplerate}


def decode(stream: BinaryIO, media_type: str) -> DecodedAudio:
    """Samples as float32 in [-1, 1], at most a minute of them."""
    if media_type in _THROUGH_PYAV:
        decoded = clips.sound(stream, MAX_SECONDS)
        if decoded is None:
            raise UnreadableFile("no_sound_track")
        return decoded
    with _opened(stream) as sound:
        wanted = int(MAX_SECONDS * sound.samplerate)
        try:
            samples = sound.read(wanted, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            return _second_opinion(stream, expected=min(wanted, sound.frames), problem=str(error))
        if not len(samples):
            raise UnreadableFile("no_samples")
        if len(samples) < min(wanted, sound.frames):
            raise UnreadableFile("truncated", f"{len(samples)} of {sound.frames} samples")
        return DecodedAudio(
            samples=np.clip(np.nan_to_num(samples), -1, 1),
            sample_rate_hz=sound.samplerate,
            cut=sound.frames > wanted,
            missing_share=_missing(sound.extra_info),
        )


def _missing(log: str) -> float:
    """Share of the samples; of a cut WAV libsndfile reads what is there and notes `data : 176400 (should be 88200)`, promised and found bytes."""
    found = _SHORT.search(log)
    promised = int(found[1]) if found else 0
    return max(0.0, 1 - int(found[2]) / promised) if found and 0 < promised < _STREAMED else 0.0


def _second_opinion(stream: BinaryIO, *, expected: int, problem: str) -> DecodedAudio:
    """What PyAV hears where libsndfile stops: it rejects some FLAC files, saying it lost sync, that others read whole."""
    try:
        decoded = clips.sound(stream, MAX_SECONDS)
    except (UnreadableFile, ImportError) as error:
        raise UnreadableFile("corrupt", problem) from error
    if decoded is None or len(decoded.samples) < WHOLE * expected:
        raise UnreadableFile("corrupt", problem)
    return decoded


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[soundfile.SoundFile]:
    stream.seek(0)
    try:
        sound = soundfile.SoundFile(stream)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise UnreadableFile("corrupt_header", str(error).removeprefix(f"Error opening {stream!r}: ")) from error
    with sound:
        if sound.channels > MAX_CHANNELS or not 0 < sound.samplerate <= 768_000:
            raise UnreadableFile("corrupt_header", f"{sound.channels} channels at {sound.samplerate} Hz")
        yield sound


def _good() -> tuple[bytes, str]:
    buffer = io.BytesIO()
    soundfile.write(buffer, (0.4 * np.sin(np.arange(4000) * 0.3)).astype(np.float32), 8000, format="WAV")
    return buffer.getvalue(), "audio/wav"


def _bad() -> tuple[bytes, str]:
    return _good()[0][:20], "audio/wav"


MODALITY = Modality(
    name="audio",
    description="Speech, music and other sound.",
    media_types=_NATIVE | _THROUGH_PYAV,
    probe=probe,
    decode=decode,
    views=("audio",),
    extensions={
        "wav": "audio/wav",
        "flac": "audio/flac",
        "mp3": "audio/mpeg",
        "ogg": "audio/ogg",
        "oga": "audio/ogg",
        "opus": "audio/ogg",
        "aif": "audio/aiff",
        "aiff": "audio/aiff",
        "aac": "audio/aac",
        "m4a": "audio/mp4",
    },
    good=_good,
    bad=_bad,
)
