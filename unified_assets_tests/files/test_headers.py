"""What our own header parsers say is what the libraries say, on seeds, mutations of them and real files; else they say nothing."""

import io
import os
from pathlib import Path

import hostile
import pytest

from unified_assets.core import plugins
from unified_assets.files import detect
from unified_assets.files.headers import header_facts
from unified_assets.formats import movie_headers, picture_headers, sound_headers

SEEDS = dict(hostile.seeds())
TOLD = ("png", "jpeg", "gif", "bmp", "webp", "wav", "flac", "mp4")


def both(data: bytes) -> tuple[dict | None, dict | None]:
    """(our facts, the library's facts) of a picture, sound or film; None where we say nothing, or it does."""
    found = detect(io.BytesIO(data), "")
    if found.modality not in {"image", "audio", "video"}:
        return None, None
    ours = header_facts(io.BytesIO(data), (found.modality, found.media_type), len(data), None)
    return (None, None) if ours is None else (dict(ours), probed(data, found.modality, found.media_type))


def probed(data: bytes, modality: str, media_type: str) -> dict | None:
    """What the library says, None where it refuses the file."""
    try:
        return dict(plugins.modalities()[modality].probe(io.BytesIO(data), media_type))
    except Exception:  # noqa: BLE001 - whatever a probe raises, it tells nothing
        return None


@pytest.mark.parametrize("extension", TOLD)
def test_plain_files_are_told_without_a_decoder_and_as_the_decoder_tells_them(extension):
    ours, theirs = both(SEEDS[extension])
    assert ours is not None
    assert ours == theirs


@pytest.mark.parametrize("extension", TOLD)
def test_a_cut_header_says_nothing_or_what_the_decoder_says(extension):
    for cut in hostile.truncations(SEEDS[extension]):
        ours, theirs = both(cut)
        assert ours in (None, theirs)


def test_mutated_headers_say_nothing_or_what_the_decoder_says():
    wrong = []
    for _, data in hostile.mutated(1500, 23):
        ours, theirs = both(data)
        damaged_frames = ours is not None and "fps" in ours and theirs is None  # no header shows them
        if ours not in (None, theirs) and not damaged_frames:
            wrong.append((ours, theirs))
    assert wrong == []


def test_absurd_headers_are_left_to_the_decoder():
    for extension, data in hostile.absurd():
        if extension in TOLD:
            assert both(data)[0] is None


def test_claims_beyond_the_bounds_are_not_believed():
    header = b"BM" + bytes(8) + b"\x36\0\0\0\x28\0\0\0" + (9000).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24)
    assert picture_headers.picture_size(header, "image/bmp", 1 << 40) is None
    assert picture_headers.picture_size(b"", "image/png", 0) is None
    assert picture_headers.picture_size(SEEDS["png"], "image/x-unknown", len(SEEDS["png"])) is None
    assert sound_headers.sound_facts(SEEDS["wav"][:30], "audio/wav", 30) is None
    assert movie_headers.film_facts(io.BytesIO(b"\0\0\0\1moov\0\0\0\0\0\0\0\x10"), 16) is None
    assert movie_headers.film_facts(io.BytesIO(b"\0\0\0\x08free" * 5000), 40_000) is None


def test_real_pictures_sounds_and_films_are_told_as_their_decoders_tell_them(corpus):
    told, seen, wrong = 0, 0, []
    for folder, _, names in os.walk(corpus):
        for name in names:
            path = Path(folder) / name
            if path.suffix.lower().removeprefix(".") in {*TOLD, "jpg"} and path.stat().st_size:
                ours, theirs = both(path.read_bytes())
                seen += 1
                told += ours is not None
                if ours not in (None, theirs):
                    wrong.append((name, ours, theirs))
    assert wrong == []
    assert told > 0.9 * seen
