"""A surveyed file in; what its decoder says of it out: the columns of its catalog row. Runs in a guarded worker process."""

import importlib
import io
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from unified_assets.core.errors import UnreadableFile
from unified_assets.files import detection
from unified_assets.files.decoding import probe_stream
from unified_assets.files.opening import Folders, open_regular
from unified_assets.files.surveying import AT_ONCE, CONTAINERS, UNDECIDED, Row, Surveyed, Verdict, as_json, columns, detail, require_stillness, survey_file
from unified_assets.formats.archives import list_members

NEEDS_INSTALL = "install_extra_video"
Kind = tuple[str, str]  # modality, media type
_NATIVE: Mapping[str, tuple[str, ...]] = {"video": ("av",), "audio": ("av",)}  # what a modality imports late, as it is optional
_DETAIL_CHARS = 300


def probe_file(root: Path, listed: Row) -> Surveyed:
    """All in one: survey a file, and ask its decoder where that is needed. Raises UnreadableFile where it cannot be opened."""
    folders = Folders(str(root))
    try:
        surveyed = Surveyed(*survey_file(folders, detection.kinds(), listed))
    finally:
        folders.close()
    if surveyed.status != UNDECIDED or surveyed.media_type is None:
        return surveyed
    status, reason, found = decide_file(root, (listed, (surveyed.modality, surveyed.media_type)))
    return surveyed._replace(status=status, reason=reason, columns=found)


def decide_file(root: Path, item: tuple[Row, Kind]) -> Verdict:
    """Open a file again and ask its decoder: (status, reason, columns). Raises UnreadableFile where it is gone or has changed."""
    listed, (modality, media_type) = item
    with open_regular(root, listed[0]) as stream:
        require_stillness(os.fstat(stream.fileno()), listed)
        content = io.BytesIO(stream.read(AT_ONCE + 1)) if listed[1] <= AT_ONCE else stream
        verdict = _contained(content, media_type) if media_type in CONTAINERS else _probed(content, modality, media_type)
        require_stillness(os.fstat(stream.fileno()), listed)
    return verdict


def load_decoders(modalities: Iterable[str]) -> None:
    """Import what the workers will need, once, before they are forked."""
    from unified_assets.core import plugins

    plugins.modalities()
    for name in {module for modality in modalities for module in _NATIVE.get(modality, ())}:
        with suppress(ImportError):
            importlib.import_module(name)


def _probed(stream: BinaryIO, modality: str, media_type: str) -> Verdict:
    try:
        return "ok", None, columns(probe_stream(stream, modality, media_type))
    except MemoryError:
        raise
    except UnreadableFile as error:
        return "unsupported" if error.reason == NEEDS_INSTALL else "quarantined", error.reason, detail(error.detail)
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes becomes its row
        return "quarantined", type(error).__name__, detail(str(error))


def _contained(stream: BinaryIO, media_type: str) -> Verdict:
    """A container is listed and stays closed; one that would burst, or cannot be listed, says so."""
    try:
        return "unsupported", "container", {"probe_extra": as_json(list_members(stream, media_type))}
    except UnreadableFile as error:
        return ("quarantined", "bomb", detail(error.detail)) if error.reason == "bomb" else _unlisted(error.reason, error.detail)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes becomes its row
        return _unlisted(type(error).__name__, str(error))


def _unlisted(problem: str, text: str) -> Verdict:
    known: Mapping[str, Any] = {"listed": False, "problem": problem, "detail": text[:_DETAIL_CHARS]}
    return "unsupported", "container", {"probe_extra": as_json(known)}
