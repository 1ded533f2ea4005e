"""A batch of uint8 pictures in, one random view of each out. Randomness from torch's default generator only."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional


def to_float(pixels: Tensor) -> Tensor:
    """(batch, side, side, 3) uint8 → (batch, 3, side, side) in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def plain(pictures: Tensor, side: int, zoom: float = 1.0, *, flip: bool = False) -> Tensor:
    """The centre of each picture at `side`; zoom below 1 cuts the borders away."""
    theta = torch.zeros(1, 2, 3, device=pictures.device)
    theta[:, 0, 0] = -zoom if flip else zoom
    theta[:, 1, 1] = zoom
    grid = functional.affine_grid(theta, [1, 3, side, side], align_corners=False)  # one for all: a traced graph then takes any batch
    return _looked_up(pictures, grid.expand(pictures.shape[0], -1, -1, -1))


def jittered(pictures: Tensor, side: int, strength: Mapping[str, float]) -> Tensor:
    """A random affine view and random light. strength: area (smallest share kept), aspect, rotation, shear, shift, light, saturation, channel, flip."""
    return _coloured(_sample(pictures, _affine(len(pictures), strength, pictures.device), side), strength)


def _affine(count: int, strength: Mapping[str, float], device: torch.device) -> Tensor:
    def uniform(width: float) -> Tensor:
        return (torch.rand(count, device=device) * 2 - 1) * width

    area = strength["area"] + torch.rand(count, device=device) * (strength["area_max"] - strength["area"])
    stretch = uniform(strength["aspect"]).exp().sqrt()
    scale_x, scale_y = area.sqrt() * stretch, area.sqrt() / stretch
    angle, shear = uniform(strength["rotation"]), uniform(strength["shear"])
    mirrored = torch.where(torch.rand(count, device=device) < 0.5 * strength["flip"], -1.0, 1.0)
    cosine, sine = angle.cos(), angle.sin()
    free_x, free_y = (1 - scale_x).clamp(min=0) + strength["shift"], (1 - scale_y).clamp(min=0) + strength["shift"]
    rows = [
        torch.stack([scale_x * cosine * mirrored, scale_y * (shear - sine), uniform(1.0) * free_x], dim=1),
        torch.stack([scale_x * sine * mirrored, scale_y * cosine, uniform(1.0) * free_y], dim=1),
    ]
    return torch.stack(rows, dim=1)


def _sample(pictures: Tensor, theta: Tensor, side: int) -> Tensor:
    grid = functional.affine_grid(theta, [len(pictures), 3, side, side], align_corners=False)
    return _looked_up(pictures, grid)


def _looked_up(pictures: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _coloured(pictures: Tensor, strength: Mapping[str, float]) -> Tensor:
    """Contrast and light about the mean, saturation, and each channel's gain: one linear map of each picture's colours."""

    def around_one(width: float, channels: int = 1) -> Tensor:
        return 1 + (torch.rand(len(pictures), channels, 1, device=pictures.device) * 2 - 1) * width

    mean = pictures.mean(dim=(1, 2, 3))[:, None, None]
    contrast, light = around_one(strength["light"]), around_one(strength["light"])
    saturation, gain = around_one(strength["saturation"]), around_one(strength["channel"], 3)
    kept = saturation * torch.eye(3, device=pictures.device) + (1 - saturation) / 3
    return torch.baddbmm(gain * (light - contrast) * mean, gain * contrast * kept, pictures.flatten(2)).view(pictures.shape).clamp_(0, 1)


def cut_mix(pictures: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Paste a box of another picture of the batch into each, and mix the soft targets by area (Yun et al. 2019)."""
    share = float(torch.rand(1))
    side = pictures.shape[-1]
    width = int(side * (1 - share) ** 0.5)
    if width == 0:
        return pictures, target
    top, left = (int(torch.randint(0, side - width + 1, (1,))) for _ in range(2))
    order = torch.randperm(len(pictures), device=pictures.device)
    mixed = pictures.clone()
    mixed[:, :, top : top + width, left : left + width] = pictures[order, :, top : top + width, left : left + width]
    kept = 1 - (width / side) ** 2
    return mixed, kept * target + (1 - kept) * target[order]
