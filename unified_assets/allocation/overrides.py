"""`unified.yaml` in; what a person says about columns and tasks, against the inferences, out.

`ignore` is read by the catalog, `accept`, `reject` and `checks` by quality; they are known here so that a misspelt key is an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.quality.overrides import FILE, pattern


class TaskOverride(BaseModel):
    """What to change of one task, named by the id that allocation gave it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", description="An alias that becomes the task's id.")
    ignore: bool = Field(default=False, description="Do not learn this task.")
    subject: str | None = Field(default=None, description="Another subject: image audio video document image_text causal math logic concept.")
    class_map: dict[str, str] = Field(default_factory=dict, description="Class as found → class as wanted.")


class Overrides(BaseModel):
    """The fields of `unified.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ignore: tuple[str, ...] = Field(default=(), description="Globs of files that are no part of the lake.")
    accept: tuple[str, ...] = Field(default=(), description="Globs of files that are used whatever quality says.")
    reject: tuple[str, ...] = Field(default=(), description="Globs of files that no model gets.")
    checks: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Check → `threshold` in its unit, or `enabled: false`; checked by quality.")
    columns: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Glob of record files → field → role: label, split, group, ignore, or an input role."
    )
    tasks: dict[str, TaskOverride] = Field(default_factory=dict, description="Task id → what to change.")

    def roles(self, path: str) -> Mapping[str, str]:
        """Field → role for a record file."""
        return {field: role for glob, roles in self.columns.items() if pattern(glob).fullmatch(path) for field, role in roles.items()}


def load_overrides(settings: Settings) -> Overrides:
    """Read `unified.yaml`. Raises InvalidSetting for one that is not valid."""
    path = settings.config if settings.config is not None else settings.raw / FILE
    if not path.is_file():
        return Overrides()
    try:
        value: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Overrides.model_validate({} if value is None else value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidSetting(source=str(path), field=place, value=first.get("input"), problem=first["msg"], fix="Correct or remove it.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidSetting(source=str(path), field="(file)", value=path.name, problem=str(error), fix="Write valid YAML in UTF-8.") from error


def is_config(path: str, settings: Settings) -> bool:
    """Whether a catalogued path is the configuration itself."""
    return path == FILE or (settings.config is not None and settings.raw / path == Path(settings.config))
