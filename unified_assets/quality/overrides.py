"""`accept` and `reject` of unified.yaml in; which paths a person decided about out."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings

FILE = "unified.yaml"


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Patterns over paths relative to the raw root. `reject` wins over `accept`."""

    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()

    def accepts(self, path: str) -> bool:
        """Whether failed checks of this file are warnings only."""
        return _matches(self.accept, path)

    def rejects(self, path: str) -> bool:
        """Whether this file is rejected whatever the checks say."""
        return _matches(self.reject, path)


def load(settings: Settings) -> Overrides:
    """Read them from `settings.config`, else from unified.yaml in the raw root where it exists."""
    path = settings.config or settings.raw / FILE
    if not path.is_file():
        return Overrides()
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise InvalidSetting(source=str(path), field="(file)", value=path.name, problem=problem, fix="Correct the YAML.") from error
    if not isinstance(content, dict):
        raise InvalidSetting(source=str(path), field="(file)", value=type(content).__name__, problem="not a mapping", fix="Write `key: value` lines.")
    return Overrides(accept=_patterns(path, content, "accept"), reject=_patterns(path, content, "reject"))


def pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` stay within one folder, `**` crosses folders; a pattern without `/` matches a name at any depth, a folder's too."""
    anchored = "/" in glob.rstrip("/")
    out = "" if anchored else "(?:.*/)?"
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", glob.strip("/")):
        out += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return re.compile(out + "(?:/.*)?", re.DOTALL)


def _matches(globs: tuple[str, ...], path: str) -> bool:
    return any(pattern(glob).fullmatch(path) for glob in globs)


def _patterns(path: Path, content: dict[str, Any], field: str) -> tuple[str, ...]:
    found = content.get(field) or ()
    if not isinstance(found, list | tuple) or not all(isinstance(entry, str) for entry in found):
        raise InvalidSetting(source=str(path), field=field, value=found, problem="not a list of patterns", fix=f'Write `{field}: ["folder/*.png"]`.')
    return tuple(found)
