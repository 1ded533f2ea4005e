"""Films: a video file in; its facts, or frames spread over it and its sound out. Decoded by PyAV, the extra `video`."""

import base64
from collections.abc import Mapping
from typing import Any, BinaryIO

from unified_assets.core.contracts import Modality
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import DecodedVideo
from unified_assets.formats import clips

FRAMES = 8
SIDE = 320
SOUND_S = 30.0
_GOOD = (  # four grey frames of 32 x 32 pixels at 4 a second, MPEG-4 in MP4
    "AAAAHGZ0eXBpc29tAAACAGlzb21pc28ybXA0MQAAAAhmcmVlAAAAf21kYXQAAAGzABAHAAABthMCjBYtv422/QAAwkYLFt/G234AAAGzABAHAAABthcDjC42/jbb9wAAw0YXG38bbfsAAAGzABAHAA"
    "ABthsGjWbfxtt+AADGRrNv422/fwAAAbMAEAcAAAG2HwmMcNv422/fAADJRjht/G237wAAA0Ftb292AAAAbG12aGQAAAAAAAAAAAAAAAAAAAPoAAAD6AABAAABAAAAAAAAAAAAAAAAAQAAAAAAAAAA"
    "AAAAAAAAAAEAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACAAACa3RyYWsAAABcdGtoZAAAAAMAAAAAAAAAAAAAAAEAAAAAAAAD6AAAAAAAAAAAAAAAAAAAAAAAAQ"
    "AAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAEAAAAAAIAAAACAAAAAAACRlZHRzAAAAHGVsc3QAAAAAAAAAAQAAA+gAAAAAAAEAAAAAAeNtZGlhAAAAIG1kaGQAAAAAAAAAAAAAAAAAAEAAAABA"
    "AFXEAAAAAAAtaGRscgAAAAAAAAAAdmlkZQAAAAAAAAAAAAAAAFZpZGVvSGFuZGxlcgAAAAGObWluZgAAABR2bWhkAAAAAQAAAAAAAAAAAAAAJGRpbmYAAAAcZHJlZgAAAAAAAAABAAAADHVybCAAAA"
    "ABAAABTnN0YmwAAADac3RzZAAAAAAAAAABAAAAym1wNHYAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAIAAgAEgAAABIAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY//8A"
    "AABgZXNkcwAAAAADgICATwABAASAgIBBIBEAAAAAAAO4AAAAAAWAgIAvAAABsAEAAAG1iRMAAAEAAAABIADEjYgAJQEEBBRDAAABskxhdmM2Mi4yOC4xMDIGgICAAQIAAAAUYnRydAAAAAAAAAO4AA"
    "AAAAAAABhzdHRzAAAAAAAAAAEAAAAEAAAQAAAAABxzdHNjAAAAAAAAAAEAAAABAAAABAAAAAEAAAAkc3RzegAAAAAAAAAAAAAABAAAAB4AAAAeAAAAHQAAAB4AAAAUc3RjbwAAAAAAAAABAAAALAAA"
    "AGJ1ZHRhAAAAWm1ldGEAAAAAAAAAIWhkbHIAAAAAAAAAAG1kaXJhcHBsAAAAAAAAAAAAAAAALWlsc3QAAAAlqXRvbwAAAB1kYXRhAAAAAQAAAABMYXZmNjIuMTIuMTAy"
)


def probe(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:  # noqa: ARG001 - one decoder for all containers
    """Size, frame rate, frames and duration; sample rate and channels where there is sound."""
    return clips.film_facts(stream)


def decode(stream: BinaryIO, media_type: str) -> DecodedVideo:  # noqa: ARG001 - one decoder for all containers
    """Eight frames evenly spread over the clip and at most half a minute of sound."""
    frames, times, fps, duration = clips.pictures(stream, FRAMES, SIDE)
    try:
        sound = clips.sound(stream, SOUND_S)
    except UnreadableFile:
        sound = None  # a clip whose sound track is broken still has its pictures
    return DecodedVideo(frames=frames, times_s=times, fps=fps, duration_s=duration, sound=sound)


def _good() -> tuple[bytes, str]:
    return base64.b64decode(_GOOD), "video/mp4"


def _bad() -> tuple[bytes, str]:
    return _good()[0][:200], "video/mp4"


MODALITY = Modality(
    name="video",
    description="Films and clips, with or without sound.",
    media_types=frozenset(
        {
            "video/mp4",
            "video/quicktime",
            "video/x-msvideo",
            "video/x-matroska",
            "video/webm",
            "video/x-flv",
            "video/mpeg",
            "video/ogg",
            "video/x-ms-asf",
        }
    ),
    probe=probe,
    decode=decode,
    views=("video", "video.frames", "video.sound"),
    extensions={
        "mp4": "video/mp4",
        "m4v": "video/mp4",
        "mov": "video/quicktime",
        "avi": "video/x-msvideo",
        "mkv": "video/x-matroska",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpg": "video/mpeg",
        "mpeg": "video/mpeg",
        "ogv": "video/ogg",
        "wmv": "video/x-ms-asf",
    },
    good=_good,
    bad=_bad,
)
