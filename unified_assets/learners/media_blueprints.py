"""Tasks of a media model in; a JSON-able description of its network out. Decides by the data how each task is looked at. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskData

SMALL_PICTURE = 40  # longest side in pixels up to which a picture is a glyph rather than a scene
FEW = 300  # training examples below which a wide branch learns faster
MOST_FITTED = 1000  # pairs that statistics are taken from where there are no labels
DRAWN_SHARE = 0.95
SIDED_WORDS = ("left", "right")

_STILL = {
    "area": 0.55,
    "area_max": 1.05,
    "aspect": 0.15,
    "rotation": 0.15,
    "shear": 0.0,
    "shift": 0.0,
    "light": 0.25,
    "saturation": 0.4,
    "channel": 0.1,
    "flip": 0.0,
}
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "object": {"side": 96, "strength": {**_STILL, "flip": 1.0}, "mix": 0.5},
    "glyph": {
        "side": 48,
        "strength": {**_STILL, "area": 0.75, "area_max": 1.3, "aspect": 0.12, "rotation": 0.26, "shear": 0.3, "shift": 0.1, "saturation": 0.0, "channel": 0.0},
        "mix": 0.0,
    },
    "page": {"side": 96, "strength": {**_STILL, "area": 0.7, "aspect": 0.05, "rotation": 0.04, "light": 0.3, "saturation": 0.1}, "mix": 0.0},
    "clip": {"side": 64, "strength": {**_STILL, "area": 0.8, "aspect": 0.05, "rotation": 0.05, "flip": 1.0}, "mix": 0.0},
}


def vision_blueprint(tasks: Sequence[TaskData], _pairs: TaskData | None) -> dict[str, Any]:
    """How vision_service looks at each task."""
    return {"tasks": [_vision_task(data) for data in tasks], "widths": [48, 96, 128]}


def _vision_task(data: TaskData) -> dict[str, Any]:
    role = next(role for role in data.info.roles if role in data.media)
    recipe = _recipe(data, role)
    settings = RECIPES[recipe]
    strength = dict(settings["strength"])
    if mirror_matters(data.info.classes):
        strength["flip"] = 0.0
    few = len(data.rows("train")) < FEW
    return {
        **data.info.as_dict(),
        "role": role,
        "recipe": recipe,
        "side": settings["side"],
        "strength": strength,
        "mix": settings["mix"],
        "wide_rate": 5.0 if few else 2.0,
        **_encoded(data, still=recipe != "clip"),
    }


def _encoded(data: TaskData, *, still: bool) -> dict[str, int]:
    """How wide the vectors of a pretrained encoder are that a task's linear classifier sees; films do not go through it."""
    return {} if data.picture_vectors is None or not still else {"vectors": data.picture_vectors.width}


def _recipe(data: TaskData, role: str) -> str:
    if role in {"video", "page"}:
        return "clip" if role == "video" else "page"
    rows = data.rows("train")
    longest = data.gather(role, "size", rows if len(rows) else np.arange(len(data))).max(axis=1)
    return "glyph" if float(np.median(longest)) <= SMALL_PICTURE else "object"


PAIR_LOOK: Mapping[str, Any] = {"recipe": "object", "side": 64, "strength": RECIPES["object"]["strength"] | {"flip": 0.0}}


def multimodal_blueprint(tasks: Sequence[TaskData], _pairs: TaskData | None) -> dict[str, Any]:
    """How multimodal_service takes each task."""
    return {"tasks": [_mixed_task(data) for data in tasks], "widths": [48, 96, 128], "space": 96}


def _mixed_task(data: TaskData) -> dict[str, Any]:
    inputs = [[role, kind_of(data, role)] for role in sorted(data.media)]
    texts = [role for role in data.info.roles if role in data.texts] or sorted(data.texts)
    kinds = {kind for _, kind in inputs}
    recipe = "clip" if "video" in kinds else _recipe(data, next(role for role, kind in inputs if kind == "image")) if "image" in kinds else "object"
    strength = dict(RECIPES[recipe]["strength"])
    if mirror_matters(data.info.classes):
        strength["flip"] = 0.0
    look = {"recipe": recipe, "side": 48 if recipe == "glyph" else 64, "strength": None if texts else strength}
    drawn = bool(texts) and any(kind == "image" and _drawn(data, role) for role, kind in inputs)
    return {
        **data.info.as_dict(),
        "inputs": inputs,
        "texts": texts,
        "look": look,
        "drawn": drawn,
        "wide_rate": 5.0 if len(data.rows("train")) < FEW else 2.0,
    } | _encoded(data, still=bool(kinds & {"image"}) and not texts)


def _drawn(data: TaskData, role: str) -> bool:
    """Whether nearly all pictures are of plain coloured things, which are listed: then their pixels say nothing more."""
    rows = data.rows("train")
    return bool(len(rows)) and float((data.gather(role, "things", rows)[:, 0, 0] >= 0).mean()) >= DRAWN_SHARE


def kind_of(data: TaskData, role: str) -> str:
    """image, audio or video, by the arrays a role has."""
    arrays = set(data.arrays[data.media[role][0]])
    if "crops" in arrays:
        return "video"
    return "image" if "pixels" in arrays else "audio"


def mirror_matters(classes: Sequence[str]) -> bool:
    """True where classes are digits, letters or sides: their mirror image is another class or none."""
    glyphs = sum(len(name) == 1 or name.isdecimal() for name in classes)
    return 2 * glyphs > len(classes) or any(word in name.lower() for name in classes for word in SIDED_WORDS)


def audio_blueprint(tasks: Sequence[TaskData], _pairs: TaskData | None) -> dict[str, Any]:
    """How audio_service listens to each task."""
    return {"tasks": [_audio_task(data) for data in tasks], "widths": [48, 96, 128]}


def _audio_task(data: TaskData) -> dict[str, Any]:
    role = next((role for role in data.info.roles if role in data.media), next(iter(data.media)))  # the sound of a video comes as `audio`
    return {**data.info.as_dict(), "role": role, "wide_rate": 5.0 if len(data.rows("train")) < FEW else 1.0}


def rows_to_fit(data: TaskData, pairs: TaskData | None, role: str, arrays: Sequence[str]) -> tuple[TaskData, np.ndarray]:
    """What a task's statistics come from: its training part; where it has none, the pairs that show what it is about."""
    rows = data.rows("train")
    if len(rows) or pairs is None:
        return data, rows
    found = next((name for name in (role, *pairs.media) if name in pairs.media and set(arrays) <= set(pairs.arrays[pairs.media[name][0]])), None)
    if found is None:
        return data, rows
    rows = pairs.rows("train")
    return replace(pairs, info=data.info), rows[pairs.media[found][1][rows] >= 0][:MOST_FITTED]


def role_in(data: TaskData, preferred: str, arrays: Sequence[str]) -> str:
    """The role to answer from: the task's own, or in pairs whichever role has these arrays."""
    roles = [preferred, *data.media]
    return next(role for role in roles if role in data.media and set(arrays) <= set(data.arrays[data.media[role][0]]))
