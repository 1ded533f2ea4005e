"""A task or a pair and the model specs in; which model learns it, from which inputs, through which view, out."""

from collections.abc import Iterable, Mapping
from typing import Any

from unified_assets.allocation.proposing import MEDIA_ROLES
from unified_assets.core.contracts import ModelSpec

VIEW_OF = {"page": "document.page", "video": "video.frames"}


def learns(spec: ModelSpec, subject: str, kind: str, roles: Iterable[str]) -> bool:
    """Whether a model can learn a task: its subject, its kind, and an encoder for every media role."""
    if subject not in spec.subjects or kind not in spec.kinds:
        return False
    return all(role not in MEDIA_ROLES or role in spec.encoders or (role == "video" and by_sound(spec)) for role in roles)


def by_sound(spec: ModelSpec) -> bool:
    """Whether a model takes videos by their sound alone."""
    return "video.frames" not in spec.derived and spec.derived.get("video.sound") in spec.encoders


def inputs_for(spec: ModelSpec, inputs: list[dict[str, Any]], files: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """The inputs as this model gets them; None where it can get nothing of them (a silent video for a model that hears)."""
    if not by_sound(spec) or all(value["role"] != "video" for value in inputs):
        return inputs
    if any(value["role"] == "video" and not files[value["path"]]["channels"] for value in inputs):
        return None
    return [{**value, "role": spec.derived["video.sound"]} if value["role"] == "video" else value for value in inputs]


def pair_inputs_for(spec: ModelSpec, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sides of a pair that this model can use: at least one of them must be media it encodes."""
    mine = [value for value in inputs if value["role"] in spec.pair_roles and (value["role"] in spec.encoders or value["role"] not in MEDIA_ROLES)]
    return mine if any(value["role"] in MEDIA_ROLES for value in mine) else []


def view_of(spec: ModelSpec, role: str, modality: str) -> str:
    """Through which view a file of this modality reaches this model in this role."""
    if modality == "document":
        return "document.page" if role in MEDIA_ROLES else "document.text"
    if modality == "video":
        return "video.sound" if role == "audio" or by_sound(spec) else "video.frames"
    return "direct"


def takes(spec: ModelSpec, modality: str) -> str | None:
    """How a file of this modality could reach a model at all: `direct`, a view, or None."""
    if modality in spec.modalities:
        return VIEW_OF.get({"document": "page", "video": "video"}.get(modality, ""), "direct")
    return next((view for view in sorted(spec.derived) if view.partition(".")[0] == modality), None)
