"""The last layers of a pretrained sentence encoder, learned on; what is before them stays frozen and is no part of the model.

A model holds these layers alone. It runs them in their place inside the whole network, which comes with the task's vectors.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unified_assets.core.contracts import SentenceVectors, TaskData
from unified_assets.learners.text_pretrained import read

RATE = 0.025  # of the usual rate: 5e-5 at 2e-3
DECAY = 0.01
BATCH = 32


class TunedLayers(nn.Module):
    """`forward`: vectors of a task's rows, by the whole encoder with these layers in the place of its own."""

    whose: Tensor

    def __init__(self, entry: Mapping[str, Any]) -> None:
        super().__init__()
        self.layers, self.names = int(entry["layers"]), list(entry["shapes"])
        self.values = nn.ParameterList([nn.Parameter(torch.zeros(shape)) for shape in entry["shapes"].values()])
        # Whole numbers that differ keep another encoder's layers from being carried over.
        self.register_buffer("whose", torch.tensor([zlib.crc32(str(entry["digest"]).encode()), self.layers], dtype=torch.int64))

    def fit_statistics(self, vectors: SentenceVectors) -> None:
        """Start from the encoder's own."""
        found = vectors.network().last_layers(self.layers)
        with torch.no_grad():
            for name, value in zip(self.names, self.values, strict=True):
                value.copy_(found[name])

    def group(self, rate: float) -> dict[str, Any]:
        """Its parameters for an optimizer."""
        return {"params": list(self.values), "lr": RATE * rate, "weight_decay": DECAY}

    def forward(self, data: TaskData, rows: np.ndarray, method: str) -> Tensor:
        """(rows or options, columns) of about unit size: vectors of single texts; product and distance of two along each axis."""
        texts = read(data, method, rows)
        one = self._of(data, texts.first)
        width = one.shape[1]
        if texts.second is None:
            single: Tensor = one * width**0.5
            return single
        if texts.counts is not None:
            one = one.repeat_interleave(torch.from_numpy(texts.counts).to(one.device), dim=0)
        two = self._of(data, texts.second)
        return torch.cat([one * two * width, (one - two).abs() * width**0.5], dim=1)

    def _of(self, data: TaskData, texts: Any) -> Tensor:
        assert data.sentence_vectors is not None
        network, layers = data.sentence_vectors.network(), dict(zip(self.names, self.values, strict=True))
        found = [network.unit(texts[start : start + BATCH], layers) for start in range(0, len(texts), BATCH)]
        return torch.cat(found) if found else self.values[0].new_zeros(0, network.width)
