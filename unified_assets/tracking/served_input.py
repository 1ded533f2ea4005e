"""What a caller hands a served model → the items inference takes.

A string in a request names a file only below the folder that whoever serves the model has named (`UNIFIED_ASSETS_SERVE_ROOT`). A caller in the
same process may name any: it could read the file itself. A process in which a web server is loaded counts as one that serves, whoever calls.
A `Path` can be in no request, and is always such a caller's own.
"""

import base64
import binascii
import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unified_assets.core.errors import InvalidSetting, UnreadableFile
from unified_assets.core.paths import encode_path
from unified_assets.core.settings import Settings
from unified_assets.inference.reading import OPTIONS, FileBelow, names_a_file

LONGEST_PATH = 1024
CONTENT = re.compile(r"data:[^,\s]{0,200};base64,", re.IGNORECASE)  # RFC 2397
REFUSED = "not_allowed"
SERVERS = frozenset({"gunicorn", "hypercorn", "mlflow.pyfunc.scoring_server.app", "mlserver", "ray.serve", "uvicorn", "waitress"})
SEND_IT = 'send its content as `data:;base64,…`; a text that only looks like a path goes as `{"text": …}`'


def root_of(settings: Settings) -> Path | None:
    """The folder whose files requests may name, without links; None where none is named. Raises InvalidSetting for one that is no folder."""
    if settings.serve_root is None:
        return None
    if not settings.serve_root.is_dir():
        fix = "Set UNIFIED_ASSETS_SERVE_ROOT to the folder whose files requests may name, or unset it: then no file is read."
        raise InvalidSetting(source="environment", field="serve_root", value=str(settings.serve_root), problem="it is no folder", fix=fix)
    return settings.serve_root.resolve()


def serves() -> bool:
    """Whether a web server is loaded in this process."""
    return not SERVERS.isdisjoint(sys.modules)


@dataclass(frozen=True, kw_only=True)
class Request:
    """How strings are read. root: as `root_of` gives it; media: the roles that only a file fills; own: strings come from a caller in this process."""

    root: Path | None
    media: Collection[str]
    own: bool = False

    def items_of(self, model_input: Any) -> list[Any]:
        """Of a list, its paths, contents, texts or dicts role → value; of a table, a dict a row. What may not be read is an UnreadableFile that says why."""
        if _is_table(model_input):
            columns = [str(column) for column in model_input]
            rows = zip(*(model_input[column] for column in model_input), strict=True)
            return [self._roles(dict(zip(columns, row, strict=True))) for row in rows]
        values = _plain(model_input)
        return [self._item(value) for value in ([values] if isinstance(values, str | bytes | Mapping | Path) else values)]

    def _item(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self._roles(value)
        return self._told(value) if isinstance(value, str) else value

    def _roles(self, value: Mapping[Any, Any]) -> Mapping[Any, Any] | UnreadableFile:
        plain = {role: _plain(part) for role, part in value.items()}
        found = {role: self._part(role, part) if isinstance(part, str) else part for role, part in plain.items()}
        return next((part for part in found.values() if isinstance(part, UnreadableFile)), found)

    def _part(self, role: Any, text: str) -> Any:
        if role in OPTIONS:
            return text
        content = _content(text)
        if content is not None:
            return content
        return self._file(text) if role == "path" or role in self.media else text

    def _told(self, text: str) -> Any:
        """A string that stands alone: a content, a file that may be read, else a text, unless it reads like the name of a file."""
        content = _content(text)
        if content is not None or len(text) > LONGEST_PATH or "\n" in text or "\0" in text:
            return text if content is None else content
        if self.own:
            return Path(text) if Path(text).is_file() or names_a_file(text) else text
        real = self._real(text)
        if real is not None and real.is_file():
            return self._below(real)
        return self._file(text) if self._is_meant(text, outside=real is None) else text

    def _file(self, text: str) -> Path | FileBelow | UnreadableFile:
        """A string that is meant as a file."""
        if self.own:
            return Path(text)
        if self.root is None:
            fix = f"start it with UNIFIED_ASSETS_SERVE_ROOT naming the folder whose files may be read, or {SEND_IT}"
            return UnreadableFile(REFUSED, f"this model reads no files of the machine that serves it: {fix}")
        real = self._real(text)
        if real is None:
            return UnreadableFile(REFUSED, f"it does not lie below the folder that UNIFIED_ASSETS_SERVE_ROOT names: put it there, or {SEND_IT}")
        return self._below(real)

    def _real(self, text: str) -> Path | None:
        """Where a name leads from the root, all links followed; None where that is not below the root."""
        if self.root is None:
            return None
        try:
            real = (self.root / text).resolve()
        except (OSError, RuntimeError, ValueError):  # loops of links, names that no file can have
            return None
        return real if real.is_relative_to(self.root) else None

    def _below(self, real: Path) -> FileBelow:
        assert self.root is not None
        return FileBelow(root=self.root, path=encode_path(os.fsencode(real.relative_to(self.root))))

    def _is_meant(self, text: str, *, outside: bool) -> bool:
        """Whether a string was meant as a file. Nothing outside the root is looked at for that: an answer must not tell what is there."""
        path = Path(text)
        if path.is_absolute() or ".." in path.parts or names_a_file(text):
            return True
        return outside and self.root is not None and bool(path.parts) and os.path.lexists(self.root / path.parts[0])


def _is_table(model_input: Any) -> bool:
    """Whether it has columns: a data frame, or what MLflow makes of a list of objects, a dict of arrays of one length."""
    if not isinstance(model_input, Mapping):
        return hasattr(model_input, "columns")
    return len({getattr(part, "shape", None) for part in model_input.values()}) == 1 and all(getattr(part, "ndim", 0) == 1 for part in model_input.values())


def _plain(value: Any) -> Any:
    """What numpy holds, as Python has it: MLflow makes an array of each value of a request."""
    return value.tolist() if hasattr(value, "tolist") else value


def _content(text: str) -> bytes | UnreadableFile | None:
    """The bytes that a `data:` URL holds; None for any other text."""
    head = CONTENT.match(text)
    if head is None:
        return None
    try:
        return base64.b64decode("".join(text[head.end() :].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        return UnreadableFile("not_base64", f"what stands behind `{head.group()}` is no base64: {error}")
