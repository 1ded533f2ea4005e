"""A batch of log-mel pictures in, as another speaker in another room would have made them, out. Randomness from torch's default generator."""

import torch
from torch import Tensor
from torch.nn import functional

TIME_SCALE = (0.8, 1.1)
TIME_SHIFT, TIME_WARP = 0.1, 0.12
TRACT = 0.12  # log range of the frequency scale: the length of a vocal tract
TRACT_SHIFT = 0.05
KNOTS = 5
NOISE_SHARE = 0.4
NOISE_BELOW = (5.0, 16.0)  # nats below the loudest cell
TIME_MASK, MEL_MASK = 6, 3


def varied(mel: Tensor, pitch: float = 1.0) -> Tensor:
    """(batch, mels, frames) → the same shape: warped in time and frequency, equalised, in noise, partly masked.

    pitch: the share of the full frequency warp that leaves this task's labels as they are.
    """
    mel = _warped(mel, pitch)
    mel = mel + _curves(len(mel), mel.shape[1], mel.device)[:, :, None]
    return _masked(_noisy(mel))


def moved(mel: Tensor, pitch: float) -> Tensor:
    """The frequency warp alone, at a share of its full strength."""
    time, place = _axes(mel, 1.0)
    return _sampled(mel, time, _tract(place, pitch))


def views(mel: Tensor, count: int) -> list[Tensor]:
    """`count` fixed time scales of each sound, for averaging answers."""
    scales = [1.0] if count == 1 else [0.92 + 0.16 * index / (count - 1) for index in range(count)]
    return [mel if scale == 1.0 else _sampled(mel, *_axes(mel, scale)) for scale in scales]


def _axes(mel: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    batch, mels, frames = mel.shape
    time = torch.linspace(-1, 1, frames, device=mel.device).expand(batch, frames) * scale
    return time, torch.linspace(-1, 1, mels, device=mel.device).expand(batch, mels)


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return low + torch.rand(count, 1, device=device) * (high - low)


def _tract(place: Tensor, share: float) -> Tensor:
    """place: (batch, mels) in [-1, 1] → where each band is read from, in a vocal tract of another length."""
    batch, device = len(place), place.device
    scale = (share * _uniform(batch, -TRACT, TRACT, device)).exp()
    return (place + 1) * scale - 1 + 2 * share * _uniform(batch, -TRACT_SHIFT, TRACT_SHIFT, device)


def _warped(mel: Tensor, share: float) -> Tensor:
    batch, device = len(mel), mel.device
    time, pitch = _axes(mel, 1.0)
    bend = TIME_WARP * _uniform(batch, -1, 1, device) * torch.sin(torch.pi * (time + 1) * _uniform(batch, 0.5, 1.5, device))
    scale = _uniform(batch, 1 / TIME_SCALE[1], 1 / TIME_SCALE[0], device)
    time = time * scale + bend + 2 * _uniform(batch, -TIME_SHIFT, TIME_SHIFT, device)
    return _sampled(mel, time, _tract(pitch, share))


def _sampled(mel: Tensor, time: Tensor, pitch: Tensor) -> Tensor:
    """time: (batch, frames), pitch: (batch, mels), both in [-1, 1]."""
    batch, mels, frames = mel.shape
    grid = torch.stack([time[:, None].expand(batch, mels, frames), pitch[:, :, None].expand(batch, mels, frames)], dim=3)
    return functional.grid_sample(mel[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True)[:, 0]


def _curves(batch: int, mels: int, device: torch.device) -> Tensor:
    """(batch, mels) smooth random curves of deviation about 1 nat: rooms and microphones."""
    knots = torch.randn(batch, 1, KNOTS, device=device)
    return functional.interpolate(knots, size=mels, mode="linear", align_corners=True)[:, 0]


def _noisy(mel: Tensor) -> Tensor:
    batch, mels, _ = mel.shape
    peak = mel.flatten(1).amax(dim=1)[:, None]
    level = peak - _uniform(batch, *NOISE_BELOW, mel.device) + _curves(batch, mels, mel.device)
    noise = level[:, :, None] + 0.5 * torch.randn_like(mel)
    chosen = torch.rand(batch, 1, 1, device=mel.device) < NOISE_SHARE
    return torch.where(chosen, torch.logaddexp(mel, noise), mel)


def _masked(mel: Tensor) -> Tensor:
    batch, mels, frames = mel.shape
    fill = mel.mean(dim=(1, 2), keepdim=True)
    for length, most, shape in ((frames, TIME_MASK, (batch, 1, frames)), (mels, MEL_MASK, (batch, mels, 1))):
        width = _uniform(batch, 0, most, mel.device)
        start = _uniform(batch, 0, 1, mel.device) * (length - width)
        place = torch.arange(length, device=mel.device)[None]
        inside = ((place >= start) & (place < start + width)).view(shape)
        mel = torch.where(inside, fill, mel)
    return mel
