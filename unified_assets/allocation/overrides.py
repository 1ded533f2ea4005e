"""`unified.yaml` in; what a person says about columns and tasks, against the inferences, out.

`ignore` is read by the catalog, `accept`, `reject` and `checks` by quality; they are known here so that a misspelt key is an error.
"""

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.quality.overrides import FILE, pattern

SCHEMA_FILE = Path(__file__).with_name("unified.schema.json")
Subject = Literal["image", "audio", "video", "document", "image_text", "causal", "math", "logic", "concept"]
Side = Literal["train", "valid", "test"]
Role = Literal[
    "label", "split", "group", "file", "ignore", "option", "text", "premise", "hypothesis", "context", "question", "term", "definition", "expression", "formula"
]


class TaskOverride(BaseModel):
    """What to change of one task, named by the id that allocation gave it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", description="An alias that becomes the task's id.")
    ignore: bool = Field(default=False, description="Do not learn this task.")
    subject: Subject | None = Field(default=None, description="Another subject.")
    class_map: dict[str, str] = Field(default_factory=dict, description="Class as found → class as wanted.")


class Overrides(BaseModel):
    """The fields of `unified.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ignore: tuple[str, ...] = Field(default=(), description="Globs of files that are no part of the lake.")
    accept: tuple[str, ...] = Field(default=(), description="Globs of files that are used whatever quality says.")
    reject: tuple[str, ...] = Field(default=(), description="Globs of files that no model gets.")
    checks: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Check → `threshold` in its unit, or `enabled: false`; checked by quality.")
    columns: dict[str, dict[str, Role]] = Field(
        default_factory=dict, description="Glob of record files → field → role: label, split, group, file (names a media file), ignore, or an input role."
    )
    split: dict[str, Side] = Field(default_factory=dict, description="Glob of files → their side, whatever folders and names declare; the first match counts.")
    group: dict[str, str] = Field(
        default_factory=dict, description="Glob of files → regular expression over the path; what its first group (or all of it) matches stays on one side."
    )
    tasks: dict[str, TaskOverride] = Field(default_factory=dict, description="Task id → what to change.")

    @field_validator("group")
    @classmethod
    def _expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for glob, expression in value.items():
            try:
                re.compile(expression)
            except re.error as error:
                problem = f"the regular expression of {glob!r} is not valid: {error}"
                raise ValueError(problem) from error
        return value

    def side(self, path: str) -> str | None:
        """The side a person gave a file."""
        return next((side for glob, side in self.split.items() if pattern(glob).fullmatch(path)), None)

    def group_of(self, path: str) -> str | None:
        """What a person said a file must stay together with."""
        for glob, expression in self.group.items():
            if pattern(glob).fullmatch(path) and (match := re.search(expression, path)):
                return match.group(1) if match.re.groups else match.group()
        return None

    def roles(self, path: str) -> Mapping[str, str]:
        """Field → role for a record file."""
        return {field: role for glob, roles in self.columns.items() if pattern(glob).fullmatch(path) for field, role in roles.items()}


def load_overrides(settings: Settings) -> Overrides:
    """Read `unified.yaml`. Raises InvalidSetting for one that is not valid."""
    path = settings.config if settings.config is not None else settings.raw / FILE
    if not path.is_file():
        if settings.config is not None:
            raise InvalidSetting(source="settings", field="config", value=str(path), problem="there is no such file", fix="Name a file that can be read.")
        return Overrides()
    try:
        value: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Overrides.model_validate({} if value is None else value)
    except ValidationError as error:
        raise _invalid(path, error) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidSetting(source=str(path), field="(file)", value=path.name, problem=str(error), fix="Write valid YAML in UTF-8.") from error


def schema() -> dict[str, Any]:
    """The JSON schema of `unified.yaml`, as published in SCHEMA_FILE."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Overrides.model_json_schema(),
        "title": "unified.yaml",
        "description": "What a person says about a lake, against what is inferred.",
    }


def schema_text() -> str:
    """The content of SCHEMA_FILE."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _invalid(path: Path, error: ValidationError) -> InvalidSetting:
    """The first problem, with the field by its place and what to write instead."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "(file)"
    fix = "Correct or remove it."
    if first["type"] == "extra_forbidden":
        known = list(TaskOverride.model_fields if len(first["loc"]) > 1 else Overrides.model_fields)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        fix = f"Write `{near[0]}`." if near else f"Known here: {', '.join(known)}."
    elif first["type"] == "literal_error":
        fix = f"Write one of {first['ctx']['expected']}."
    elif first["type"].endswith("_type"):
        fix = f"Write a {first['type'].removesuffix('_type')}, as in docs/ and {SCHEMA_FILE.name}."
    return InvalidSetting(source=str(path), field=place, value=first.get("input"), problem=first["msg"], fix=fix)


def is_config(path: str, settings: Settings) -> bool:
    """Whether a catalogued path is the configuration itself."""
    return path == FILE or (settings.config is not None and settings.raw / path == Path(settings.config))
