"""Films and compressed sound through PyAV, which is optional (extra `video`): streams in; frames, samples and facts out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import DecodedAudio

MISSING = "install_extra_video"
MAX_FRAME_PIXELS = 40_000_000


def sound_facts(stream: BinaryIO) -> Mapping[str, Any]:
    """Sample rate, channels and duration of the first sound track."""
    with _opened(stream) as container:
        track = _sound_track(container)
        if track is None:
            raise UnreadableFile("no_sound_track")
        return {"sample_rate_hz": track.rate, "channels": track.channels, "duration_s": _duration(container, track)}


def film_facts(stream: BinaryIO) -> Mapping[str, Any]:
    """Size, frame rate, number of frames and duration of the picture track, and rate and channels of the sound if there is any."""
    with _opened(stream) as container:
        track = _picture_track(container)
        duration, fps = _duration(container, track), float(track.average_rate or 0)
        facts: dict[str, Any] = {"width": track.width, "height": track.height, "duration_s": duration, "fps": fps}
        facts["frames"] = track.frames or (round(duration * fps) if duration else None)
        sound = _sound_track(container)
        if sound is not None:
            facts |= {"sample_rate_hz": sound.rate, "channels": sound.channels}
        return facts


def sound(stream: BinaryIO, limit_s: float) -> DecodedAudio | None:
    """The first sound track, at most `limit_s` seconds of it; None where there is none."""
    import av

    with _opened(stream) as container:
        track = _sound_track(container)
        if track is None:
            return None
        rate, parts, wanted, cut = int(track.rate), [], int(limit_s * track.rate), False
        resampler = av.AudioResampler(format="fltp", layout=track.layout, rate=rate)
        for frame in _frames(container, track):
            parts += [out.to_ndarray() for out in resampler.resample(frame)]
            if sum(part.shape[1] for part in parts) > wanted:
                cut = True
                break
        if not parts:
            raise UnreadableFile("no_samples")
        samples = np.concatenate(parts, axis=1)[:, :wanted].T
        return DecodedAudio(samples=np.ascontiguousarray(np.clip(samples, -1, 1), dtype=np.float32), sample_rate_hz=rate, cut=cut)


def pictures(stream: BinaryIO, count: int, side: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """`count` frames evenly spread over the clip, longest side at most `side`: (frames, times_s, fps, duration_s)."""
    with _opened(stream) as container:
        track = _picture_track(container)
        duration, fps = _duration(container, track), float(track.average_rate or 0)
        total = track.frames or round(duration * fps)
        wanted = np.unique(np.linspace(0, max(total - 1, 0), count).round().astype(int)) if total else np.arange(count)
        scale = min(1.0, side / max(track.width, track.height, 1))
        size = (max(2, round(track.width * scale)), max(2, round(track.height * scale)))
        kept, times, last = [], [], None
        for index, frame in enumerate(_frames(container, track)):
            last = frame
            if index in wanted:
                kept.append(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]))
                times.append(_time(frame, index, fps))
            if index >= wanted[-1]:
                break
        if last is None:
            raise UnreadableFile("no_frames")
        return np.stack(kept), np.asarray(times, dtype=np.float32), fps, duration or (times[-1] if times else 0.0)


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[Any]:
    try:
        import av
    except ImportError as error:
        raise UnreadableFile(MISSING, "pip install 'unified-assets[video]'") from error
    stream.seek(0)
    try:
        # Playlists and protocols would let a file name other files and hosts.
        with av.open(stream, metadata_errors="ignore", options={"protocol_whitelist": "file,pipe"}) as container:
            yield container
    except av.FFmpegError as error:
        raise UnreadableFile("corrupt", str(error)) from error


def _frames(container: Any, track: Any) -> Iterator[Any]:
    """Decoded frames; what follows a broken packet in a clip that began well is left out."""
    import av

    any_frame = False
    track.thread_type = "NONE"
    try:
        for frame in container.decode(track):
            any_frame = True
            yield frame
    except (av.FFmpegError, EOFError):
        if not any_frame:
            raise


def _picture_track(container: Any) -> Any:
    if not container.streams.video:
        raise UnreadableFile("no_picture_track")
    track = container.streams.video[0]
    width, height = (getattr(track, side, 0) or 0 for side in ("width", "height"))  # a track of an unknown codec has none
    if not 0 < width * height <= MAX_FRAME_PIXELS:
        raise UnreadableFile("unusable_picture_track", f"{width} x {height}")
    return track


def _sound_track(container: Any) -> Any:
    usable = [track for track in container.streams.audio if getattr(track, "rate", None)]
    return usable[0] if usable else None


def _duration(container: Any, track: Any) -> float:
    if track.duration and track.time_base:
        return float(track.duration * track.time_base)
    return container.duration / 1_000_000 if container.duration else 0.0


def _time(frame: Any, index: int, fps: float) -> float:
    return float(frame.time) if frame.time is not None else index / fps if fps else 0.0
