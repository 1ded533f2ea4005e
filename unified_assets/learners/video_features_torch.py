"""Clips in; fixed features of the whole clip out: light, motion, edges of frames and of what stands out in them."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unified_assets.core.contracts import TaskData
from unified_assets.learners.image_features_torch import grey, hog, orientation_maps
from unified_assets.learners.media_cache import RowCache


def clip_features(frames: Tensor, crops: Tensor, spots: Tensor) -> Tensor:
    """frames: (batch, n, 64, 64, 3) uint8, crops: (batch, n, 48, 48, 3) uint8, spots: (batch, n, 4) → (batch, features)."""
    whole, close = _luma(frames), _luma(crops)
    batch, count = spots.shape[:2]
    thumb = functional.avg_pool2d(whole.flatten(0, 1)[:, None], 8).view(batch, count, -1)
    moved = (whole[:, 1:] - whole[:, :-1]).abs()
    steps = functional.avg_pool2d(moved.flatten(0, 1)[:, None], 16).view(batch, count - 1, -1)
    values = [
        thumb.mean(dim=1),
        steps.mean(dim=1),
        _edges(whole, 16).mean(dim=1),
        *_mean_and_spread(_edges(close, 12)),
        _tones(close),
        _colour(frames),
        _colour(crops),
        *_mean_and_spread(spots),
        *_mean_and_spread(spots[:, 1:] - spots[:, :-1]),
    ]
    return torch.cat(values, dim=1)


def cached_clip_features(cache: RowCache, data: TaskData, role: str, rows: np.ndarray, device: torch.device) -> Tensor:
    """`clip_features` of rows of a role, each computed once: clips are not varied for the wide branch."""
    encoder, index = data.media[role]

    @torch.no_grad()
    def compute(missing: np.ndarray) -> list[Tensor]:
        arrays = (torch.from_numpy(np.array(data.gather(role, name, rows[missing]))) for name in ("pixels", "crops", "spots"))
        return list(clip_features(*arrays))

    return torch.stack(cache.get(data.arrays[encoder]["pixels"], index[rows], compute)).to(device)


def _luma(pixels: Tensor) -> Tensor:
    """(batch, n, h, w, 3) uint8 → (batch, n, h, w) in [0, 1]."""
    flat = pixels.flatten(0, 1).permute(0, 3, 1, 2).float() / 255
    return grey(flat)[:, 0].view(*pixels.shape[:4])


def _edges(luma: Tensor, cell: int) -> Tensor:
    edges = hog(orientation_maps(luma.flatten(0, 1)[:, None]), cell)
    return edges.view(luma.shape[0], luma.shape[1], -1)


def _tones(luma: Tensor) -> Tensor:
    """(batch, 16): share of each of 16 grey tones over all frames."""
    bins = (luma * 16).long().clamp(0, 15).flatten(1)
    return torch.stack([torch.bincount(row, minlength=16) for row in bins]).float() / bins.shape[1]


def _colour(pixels: Tensor) -> Tensor:
    """(batch, 6): mean and deviation of each channel."""
    values = pixels.float().flatten(1, 3) / 255
    return torch.cat([values.mean(dim=1), values.std(dim=1)], dim=1)


def _mean_and_spread(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.mean(dim=1), values.std(dim=1, unbiased=False)
