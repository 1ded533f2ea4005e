"""Rows of a task in; the vectors that a pretrained image encoder gives of their pictures, out."""

import numpy as np
import torch
from torch import Tensor

from unified_assets.core.contracts import TaskData


def picture_vectors(data: TaskData, role: str, rows: np.ndarray, device: torch.device) -> Tensor:
    """(k, width); zeros for an example that lacks the role."""
    assert data.picture_vectors is not None
    vectors = np.array(data.picture_vectors.of(list(data.gather(role, "pixels", rows))))
    vectors[data.media[role][1][rows] < 0] = 0.0
    return torch.from_numpy(vectors).to(device)
