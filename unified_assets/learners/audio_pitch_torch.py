"""Labelled sounds in; how far their pitch may be moved before it tells another class, out.

Moving the frequencies of a word makes another speaker say it; moving those of a dialled digit makes another digit of it. Which
of the two a task is, its training part says: a ridge classifier of the plain sounds must know most of the moved ones. Where it
does, the full strength stays (it is what makes speech independent of the speaker); where it does not, pitch carries the label,
and only what leaves nearly all answers as they were is kept.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.learners import audio_augment_torch as augment

KEPT_FULL = 0.7  # share of right answers that must survive the full strength (measured: speech .79 to .92, dialled digits .46 to .54)
KEPT_LESS = 0.95  # ... and a lesser one
LESSER = (0.5, 0.25, 0.125)
LOOKS = 8  # moved versions of each sound
RIDGE = 1.0
MOST_ROWS = 600
SEED = 7


class PitchStrength(nn.Module):
    """A task's share of the full frequency warp: 1 until measured."""

    share: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("share", torch.ones(()))

    def forward(self) -> float:
        """The share."""
        return float(self.share)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        state.setdefault(f"{prefix}share", torch.ones(()))  # models made before this was measured used the full strength
        super()._load_from_state_dict(state, prefix, *rest)

    @torch.no_grad()
    def fit(self, mel: Tensor, target: np.ndarray, features: Callable[[Tensor], Tensor]) -> None:
        """Take the largest harmless share. mel: (rows, mels, frames) of the training part, target: (rows,) classes."""
        rows = torch.as_tensor(np.linspace(0, len(mel) - 1, min(len(mel), MOST_ROWS)).astype(np.int64))
        self.share.fill_(harmless(mel[rows.to(mel.device)], torch.as_tensor(np.asarray(target, np.int64))[rows].to(mel.device), features))


def harmless(mel: Tensor, target: Tensor, features: Callable[[Tensor], Tensor]) -> float:
    """The largest share of the warp that leaves the labels as they are; leaves torch's random state as it was."""
    plain = features(mel)
    mean, deviation = plain.mean(dim=0), plain.std(dim=0, unbiased=False) + 1e-3 * plain.std() + 1e-6
    answers = _ridge(_scaled(plain, mean, deviation), target)
    right = (_scaled(plain, mean, deviation) @ answers).argmax(dim=1) == target
    if not bool(right.any()):
        return 1.0

    def kept(share: float) -> float:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            moved = [_scaled(features(augment.moved(mel, share)), mean, deviation) @ answers for _ in range(LOOKS)]
        same = torch.stack([(logits.argmax(dim=1) == target)[right].float().mean() for logits in moved])
        return float(same.mean())

    if kept(1.0) >= KEPT_FULL:
        return 1.0
    return next((share for share in LESSER if kept(share) >= KEPT_LESS), 0.0)


def _scaled(values: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    x = ((values - mean) / deviation).clamp(-5, 5) / values.shape[1] ** 0.5
    return functional.pad(x, (0, 1), value=1.0)


def _ridge(x: Tensor, target: Tensor) -> Tensor:
    """(features, classes) by the dual form: there are often fewer rows than features."""
    wanted = 2.0 * functional.one_hot(target).to(x.dtype) - 1.0
    out: Tensor = x.T @ torch.linalg.solve(x @ x.T + RIDGE * torch.eye(len(x), dtype=x.dtype, device=x.device), wanted)
    return out
