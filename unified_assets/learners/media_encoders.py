"""Encoders of the media models: a decoded file in, arrays of fixed shape out. Imported by decode workers: no torch here."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from unified_assets.core.contracts import Encoder
from unified_assets.core.media import Decoded, DecodedVideo
from unified_assets.learners import audio_features, video_features
from unified_assets.learners.image_objects import FIELDS, MOST, things
from unified_assets.learners.media_views import frames_of, pixels_of, sound_of, square

FRAMES = 8
SCENE_SIDE = 72
FRAME_SIDE, CLOSE_UP_SIDE = 64, 48


def _picture(decoded: Decoded, locator: str | None, *, side: int) -> Mapping[str, np.ndarray]:
    pixels = pixels_of(decoded, locator)
    return {"pixels": square(pixels, side), "size": np.asarray([pixels.shape[1], pixels.shape[0]], np.int32)}


def _frames(decoded: Decoded, _locator: str | None) -> Mapping[str, np.ndarray]:
    frames = frames_of(decoded, FRAMES)
    crops, spots = video_features.close_ups(frames, CLOSE_UP_SIDE)
    return {"pixels": video_features.whole_frames(frames, FRAME_SIDE), "crops": crops, "spots": spots}


def _scene(decoded: Decoded, locator: str | None, *, side: int) -> Mapping[str, np.ndarray]:
    return {**_picture(decoded, locator, side=side), "things": things(pixels_of(decoded, locator))}


def _clip(decoded: Decoded, locator: str | None) -> Mapping[str, np.ndarray]:
    if isinstance(decoded, DecodedVideo) and decoded.sound is not None and len(decoded.sound.samples) > decoded.sound.sample_rate_hz // 50:
        return {**_frames(decoded, locator), **_sound(decoded, None), "heard": np.ones(1, np.float32)}
    silent = {name: np.zeros(shape, dtype) for name, (dtype, shape) in _SOUND.items()}
    return {**_frames(decoded, locator), **silent, "heard": np.zeros(1, np.float32)}


def _sound(decoded: Decoded, locator: str | None) -> Mapping[str, np.ndarray]:
    mel, seconds = audio_features.log_mel(sound_of(decoded, locator))
    return {
        "mel": audio_features.resize_time(mel, audio_features.FRAMES),
        "mfcc": audio_features.mfcc_statistics(mel, seconds),
        "seconds": np.asarray([np.log(max(seconds, 1e-3))], np.float32),
    }


_SOUND = {
    "mel": ("float32", (audio_features.MELS, audio_features.FRAMES)),
    "mfcc": ("float32", (audio_features.STATISTICS,)),
    "seconds": ("float32", (1,)),
}


def picture_encoder(name: str, *, view: str, side: int) -> Encoder:
    """pixels: (side, side, 3) uint8; size: (2,) width and height before."""
    arrays = {"pixels": ("uint8", (side, side, 3)), "size": ("int32", (2,))}
    return Encoder(name=name, version="1", view=view, arrays=arrays, encode=partial(_picture, side=side))


def frames_encoder() -> Encoder:
    """pixels: (8, 64, 64, 3) whole frames; crops: (8, 48, 48, 3) of what stands out; spots: (8, 4) where, how much, motion."""
    arrays = {
        "pixels": ("uint8", (FRAMES, FRAME_SIDE, FRAME_SIDE, 3)),
        "crops": ("uint8", (FRAMES, CLOSE_UP_SIDE, CLOSE_UP_SIDE, 3)),
        "spots": ("float32", (FRAMES, 4)),
    }
    return Encoder(name="video_frames", version="1", view="video.frames", arrays=arrays, encode=_frames)


def scene_encoder() -> Encoder:
    """pixels: (72, 72, 3); size; things: (24, 9) plain coloured things and where they lie."""
    arrays = {"pixels": ("uint8", (SCENE_SIDE, SCENE_SIDE, 3)), "size": ("int32", (2,)), "things": ("float32", (MOST, FIELDS))}
    return Encoder(name="scene", version="2", view="image", arrays=arrays, encode=partial(_scene, side=SCENE_SIDE))


def clip_encoder() -> Encoder:
    """Frames, close-ups and spots beside the sound: mel, mfcc, seconds, and heard (0 where there is none)."""
    arrays = {**frames_encoder().arrays, **_SOUND, "heard": ("float32", (1,))}
    return Encoder(name="clip", version="1", view="video", arrays=arrays, encode=_clip)


def sound_encoder(*, view: str = "audio") -> Encoder:
    """mel: (32, 64) log-mel, time-normalised; mfcc: statistics at the original rate; seconds: log duration."""
    return Encoder(name=view.replace(".", "_") + "_mel", version="1", view=view, arrays=_SOUND, encode=_sound)
