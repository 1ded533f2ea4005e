"""`unified.yaml` in; which paths are no part of the lake out."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings

CONFIG_NAME = "unified.yaml"
SYSTEM_NAMES = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
_LOCK_FILE = "~$"  # an Office program has the document open


def ignored_paths(settings: Settings) -> Callable[[str, str], bool]:
    """A test (path, name) -> ignored: hidden and system files, the lake's own configuration, and the `ignore` globs.

    A glob without a slash matches a name at any depth, one with a slash the path from the raw root; `**` spans folders. A
    folder that matches is not entered. Raises InvalidSetting for a configuration that cannot be read.
    """
    globs = _globs(settings)
    pattern = re.compile("|".join(map(_regular, globs)), re.DOTALL) if globs else None

    def ignored(path: str, name: str) -> bool:
        if name[:1] in {".", "~"} and name.startswith((".", _LOCK_FILE)):
            return True
        if name in SYSTEM_NAMES or path == CONFIG_NAME:
            return True
        return pattern is not None and pattern.fullmatch(path) is not None

    return ignored


def _globs(settings: Settings) -> Sequence[str]:
    source = settings.config if settings.config is not None else settings.raw / CONFIG_NAME
    if settings.config is None and not source.is_file():
        return ()
    content = _read(source)
    globs = content.get("ignore") or [] if isinstance(content, dict) else []
    if not isinstance(globs, list) or not all(isinstance(glob, str) and glob for glob in globs):
        raise InvalidSetting(
            source=str(source), field="ignore", value=globs, problem="it is not a list of globs", fix="Write a list of texts such as `- '*.bak'`."
        )
    return globs


def _read(source: Path) -> Any:
    try:
        return yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSetting(
            source="settings", field="config", value=str(source), problem=error.strerror or str(error), fix="Name a file that can be read."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidSetting(source=str(source), field="the file", value=source.name, problem=f"it is not YAML: {error}", fix="Correct it.") from error


def _regular(glob: str) -> str:
    """A glob as a regular expression over whole paths."""
    anchored = "/" in glob.strip("/") or glob.startswith("/")
    out = "" if anchored else "(?:.*/)?"
    rest = glob.strip("/")
    while rest:
        if rest.startswith("**/"):
            out, rest = out + "(?:.*/)?", rest[3:]
        elif rest.startswith("**"):
            out, rest = out + ".*", rest[2:]
        elif rest[0] in "*?":
            out, rest = out + ("[^/]*" if rest[0] == "*" else "[^/]"), rest[1:]
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            body = rest[1:end].replace("\\", "\\\\").replace("[", "\\[")
            out, rest = out + f"[{'^' + body[1:] if body[0] == '!' else body}]", rest[end + 1 :]
        else:
            out, rest = out + re.escape(rest[0]), rest[1:]
    return f"(?:{out})"
