"""A shape and a generator → a short video of it moving over a ground, with the tone that belongs to it."""

import io
from typing import Any

import numpy as np
from PIL import Image

from unified_assets.sample.pictures import SHAPES, shape_mask

SIDE = 64
FPS = 12
RATE_HZ = 16000
TONES_HZ = dict(zip(SHAPES, (440, 620, 880, 1240), strict=True))
CONTAINERS = {"mp4": "video/mp4", "avi": "video/x-msvideo", "mov": "video/quicktime", "mkv": "video/x-matroska"}
FORMATS = {"mp4": "mp4", "avi": "avi", "mov": "mov", "mkv": "matroska"}


def frames_of(rng: np.random.Generator, name: str, count: int) -> np.ndarray:
    """(count, 64, 64, 3) uint8: the shape crosses the picture in a random direction."""
    ground, colour = rng.uniform(20, 110, size=3), rng.uniform(150, 250, size=3)
    if rng.random() < 0.5:
        ground, colour = colour, ground
    side = int(rng.integers(26, 40))
    mask = shape_mask(name).rotate(float(rng.uniform(-25, 25))).resize((side, side), Image.Resampling.LANCZOS)
    ink = np.asarray(mask, np.float32)[..., None] / 255
    ends = rng.uniform(0, SIDE - side, size=(2, 2))
    out = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for index in range(count):
        top, left = (ends[0] + (ends[1] - ends[0]) * index / (count - 1)).round().astype(int)
        pixels = np.broadcast_to(ground, (SIDE, SIDE, 3)) + rng.normal(0, 5, size=(SIDE, SIDE, 3))
        window = pixels[top : top + side, left : left + side]
        pixels[top : top + side, left : left + side] = window * (1 - ink) + colour * ink
        out[index] = np.clip(pixels, 0, 255)
    return out


def sound_of(rng: np.random.Generator, name: str, seconds: float) -> np.ndarray:
    """(1, frames) float32 at 16 kHz: the shape's tone, slightly detuned, with an overtone and noise."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    frequency = TONES_HZ[name] * (1 + rng.uniform(-0.03, 0.03))
    wave = np.sin(2 * np.pi * (frequency * time + rng.random())) + rng.uniform(0, 0.5) * np.sin(4 * np.pi * frequency * time)
    wave = wave * rng.uniform(0.1, 0.4) + rng.normal(0, 0.02, len(time))
    return np.clip(wave, -0.95, 0.95).astype(np.float32)[None]


def encode(frames: np.ndarray, sound: np.ndarray, extension: str) -> bytes:
    """One file with a picture and a sound stream. Needs the extra `video`; raises ModuleNotFoundError without it."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=FORMATS[extension], container_options={"fflags": "+bitexact"}) as container:
        video: Any = container.add_stream("mpeg4", rate=FPS, options={"flags": "+bitexact", "threads": "1", "qscale": "4"})
        video.width, video.height, video.pix_fmt = SIDE, SIDE, "yuv420p"
        audio: Any = container.add_stream("aac", rate=RATE_HZ, layout="mono", options={"flags": "+bitexact"})
        for packet in _video_packets(av, video, frames):
            container.mux(packet)
        for packet in _audio_packets(av, audio, sound):
            container.mux(packet)
    return out.getvalue()


def _video_packets(av: Any, stream: Any, frames: np.ndarray) -> Any:
    for pixels in frames:
        yield from stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24"))
    yield from stream.encode(None)


def _audio_packets(av: Any, stream: Any, sound: np.ndarray) -> Any:
    for start in range(0, sound.shape[1], 1024):
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[:, start : start + 1024]), format="fltp", layout="mono")
        block.sample_rate, block.pts = RATE_HZ, start
        yield from stream.encode(block)
    yield from stream.encode(None)
