"""What model.json says of a version's pretrained encoder → the vectors it was trained beside, loaded when an item is met."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np

from unified_assets.core.contracts import EncoderKind, PretrainedVectors, TaskData
from unified_assets.core.settings import Settings
from unified_assets.store import encoders


def encoder_of(kind: EncoderKind, folder: Path) -> Any:
    """The encoder in a folder: `width`, and `of(items)`. Raises InvalidSetting for one that cannot be used."""
    if kind == "text":
        from unified_assets.learners.pretrained_text_torch import SentenceEncoder

        return SentenceEncoder(folder)
    from unified_assets.learners.pretrained_image_torch import PictureEncoder

    return PictureEncoder(folder)


class LazyVectors:
    """`SentenceVectors` or `PictureVectors` that find and load their encoder on first use. Raises EncoderMissing then."""

    def __init__(self, kind: EncoderKind, described: Mapping[str, Any]) -> None:
        self.kind, self.digest, self.name, self.width = kind, str(described["digest"]), str(described["name"]), int(described["width"])
        self.folder, self.layers = Path(str(described["folder"])), 0

    @cached_property
    def _encoder(self) -> Any:
        settings = Settings().absolute()
        given: Path | None = getattr(settings, encoders.setting_of(self.kind))
        places = [*([] if given is None else [given.absolute()]), self.folder, settings.state / "encoders" / self.digest]
        return encoder_of(self.kind, encoders.find(self.kind, self.digest, self.name, places))

    def network(self) -> Any:
        """The encoder itself."""
        return self._encoder

    def of(self, items: Sequence[Any]) -> np.ndarray:
        """(n, width) float32, rounded as they were in training."""
        found: np.ndarray = self._encoder.of(items).astype(np.float16).astype(np.float32)
        return found


def vectors_of(model_json: Mapping[str, Any]) -> LazyVectors | None:
    """The vectors a version needs; None for one that was trained without."""
    kinds: tuple[EncoderKind, ...] = get_args(EncoderKind)
    found = [LazyVectors(kind, model_json[setting]) for kind in kinds if (setting := encoders.setting_of(kind)) in model_json]
    return found[0] if found else None


def encoded(tasks: Sequence[TaskData]) -> bool:
    """Whether learners see vectors of a pretrained encoder."""
    return any(data.sentence_vectors is not None or data.picture_vectors is not None for data in tasks)


def pairs_with(pairs: TaskData | None, vectors: PretrainedVectors | None) -> TaskData | None:
    """The same pairs, with these vectors."""
    return None if pairs is None else with_vectors((pairs,), vectors)[0]


def with_vectors(tasks: Sequence[TaskData], vectors: PretrainedVectors | None) -> tuple[TaskData, ...]:
    """The same tasks, with these vectors for their learners."""
    text, image = ((vectors if vectors is not None and vectors.kind == kind else None) for kind in get_args(EncoderKind))
    found: dict[str, Any] = {"sentence_vectors": text, "picture_vectors": image}
    return tuple(data if data.sentence_vectors is text and data.picture_vectors is image else replace(data, **found) for data in tasks)
