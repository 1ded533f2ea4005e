"""What model.json says of a version's text encoder → the vectors it was trained beside, loaded when a text is met."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core.contracts import SentenceVectors
from unified_assets.core.settings import Settings
from unified_assets.store import encoders


class LazyVectors:
    """`SentenceVectors` that finds and loads its encoder on first use. Raises EncoderMissing then."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self.digest, self.name, self.width = str(described["digest"]), str(described["name"]), int(described["width"])
        self.folder = Path(str(described["folder"]))

    @cached_property
    def _encoder(self) -> SentenceVectors:
        from unified_assets.learners.pretrained_text_torch import SentenceEncoder

        given, state = Settings().pretrained_text, Settings().absolute().state
        places = [*([] if given is None else [given.absolute()]), self.folder, state / "encoders" / self.digest]
        return SentenceEncoder(encoders.find(self.digest, self.name, places), self.digest)

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width) float32, rounded as they were in training."""
        return self._encoder.of(texts).astype(np.float16).astype(np.float32)


def vectors_of(model_json: Mapping[str, Any]) -> SentenceVectors | None:
    """The vectors a version needs; None for one that was trained without."""
    described = model_json.get("pretrained_text")
    return None if described is None else LazyVectors(described)
