"""`accept`, `reject` and `checks` of unified.yaml in; what a person decided about paths and checks out."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.quality.tuning import Tuning, read

FILE = "unified.yaml"
_PARTS = re.compile(r"(\*\*/|\*\*|\*|\?|\[[^/]+?\])")
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Patterns over paths relative to the raw root. `reject` wins over `accept`."""

    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    tuning: Tuning = field(default_factory=Tuning)

    def accepts(self, path: str) -> bool:
        """Whether failed checks of this file are warnings only."""
        return _matches(self.accept, path)

    def rejects(self, path: str) -> bool:
        """Whether this file is rejected whatever the checks say."""
        return _matches(self.reject, path)


def load(settings: Settings) -> Overrides:
    """Read them from `settings.config`, else from unified.yaml in the raw root where it exists."""
    path = settings.raw / FILE if settings.config is None else settings.config
    if settings.config is None and not path.is_file():
        return Overrides()
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise InvalidSetting(source=str(path), field="(file)", value=path.name, problem=problem, fix="Name a YAML file that can be read.") from error
    if not isinstance(content, dict):
        raise InvalidSetting(source=str(path), field="(file)", value=type(content).__name__, problem="not a mapping", fix="Write `key: value` lines.")
    return Overrides(
        accept=_patterns(path, content, "accept"),
        reject=_patterns(path, content, "reject"),
        tuning=read(str(path), content),
    )


def pattern(glob: str) -> re.Pattern[str]:
    """`*`, `?` and `[…]` stay within one folder, `**` crosses folders; without `/` it matches a name at any depth, a folder's too."""
    anchored = "/" in glob.rstrip("/")
    out = "" if anchored else "(?:.*/)?"
    for part in _PARTS.split(glob.strip("/")):
        if part.startswith("[") and part.endswith("]"):
            inside = part[1:-1].replace("\\", r"\\").replace("[", r"\[")
            out += f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
        else:
            out += _WILD.get(part, re.escape(part))
    return re.compile(out + "(?:/.*)?", re.DOTALL)


def _matches(globs: tuple[str, ...], path: str) -> bool:
    return any(pattern(glob).fullmatch(path) for glob in globs)


def _patterns(path: Path, content: dict[str, Any], field: str) -> tuple[str, ...]:
    found = content.get(field) or ()
    if not isinstance(found, list | tuple) or not all(isinstance(entry, str) for entry in found):
        raise InvalidSetting(source=str(path), field=field, value=found, problem="not a list of patterns", fix=f'Write `{field}: ["folder/*.png"]`.')
    return tuple(found)
