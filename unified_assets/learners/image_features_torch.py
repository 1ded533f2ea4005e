"""A batch of pictures in; orientation maps, HOG, colour histograms and ink profiles out. Fixed: nothing here is learned.

HOG after Dalal & Triggs 2005 with the four-fold block normalisation summed (Felzenszwalb et al. 2010).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

ORIENTATIONS = 9
HUES, SATURATIONS, VALUES = 8, 3, 4
COLOURS = HUES * SATURATIONS * VALUES
GRIDS = (1, 2, 3)


def grey(pictures: Tensor) -> Tensor:
    """(batch, 3, h, w) in [0, 1] → (batch, 1, h, w)."""
    red, green, blue = pictures[:, 0:1], pictures[:, 1:2], pictures[:, 2:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue


def orientation_maps(luma: Tensor) -> Tensor:
    """(batch, 1, h, w) → (batch, 9, h, w): gradient magnitude spread over unsigned orientations by a smooth window."""
    padded = functional.pad(luma, (1, 1, 1, 1), mode="replicate")[:, 0]
    dx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    dy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    square = dx * dx + dy * dy + 1e-8
    magnitude = square.sqrt()
    cosine, sine = (dx * dx - dy * dy) / square, 2 * dx * dy / square  # of the doubled angle
    maps = []
    for index in range(ORIENTATIONS):
        angle = 2 * math.pi * index / ORIENTATIONS
        share = torch.add(cosine * math.cos(angle), sine, alpha=math.sin(angle)).relu()
        maps.append(share.square().square() * magnitude)
    return torch.stack(maps, dim=1)


def hog(maps: Tensor, cell: int) -> Tensor:
    """(batch, 9, h, w) → (batch, 9 · cells)."""
    cells = functional.avg_pool2d(maps, cell)
    energy = functional.pad(cells.square().sum(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    blocks = functional.avg_pool2d(energy, 2, 1) * 4  # (batch, 1, cells + 1, cells + 1)
    norms = 1 / (blocks + 1e-4).sqrt()
    parts = [norms[:, :, y : y + cells.shape[2], x : x + cells.shape[3]] for y in (0, 1) for x in (0, 1)]
    total = sum((cells * part).clamp(max=0.3) for part in parts)
    assert isinstance(total, Tensor)
    return total.flatten(1)


def colour_histogram(pictures: Tensor) -> Tensor:
    """(batch, 3, h, w) in [0, 1] → (batch, 96 · 14): square roots of HSV histograms in 1, 4 and 9 regions."""
    red, green, blue = pictures.unbind(dim=1)
    value, _ = pictures.max(dim=1)
    low, _ = pictures.min(dim=1)
    spread = value - low
    safe = spread + 1e-6
    hue = torch.where(value == red, ((green - blue) / safe) % 6, torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4))
    bins = (hue * (HUES / 6)).long().clamp(0, HUES - 1) * (SATURATIONS * VALUES)
    bins += (spread / (value + 1e-6) * SATURATIONS).long().clamp(0, SATURATIONS - 1) * VALUES
    bins += (value * VALUES).long().clamp(0, VALUES - 1)
    return torch.cat([_counts(bins, grid) for grid in GRIDS], dim=1)


def _counts(bins: Tensor, grid: int) -> Tensor:
    """(batch, h, w) bin numbers → (batch, grid² · COLOURS) square roots of shares."""
    batch, height, width = bins.shape
    rows = torch.arange(height, device=bins.device) * grid // height
    columns = torch.arange(width, device=bins.device) * grid // width
    places = (bins + (rows[:, None] * grid + columns[None]) * COLOURS).flatten(1)
    # A quarter of the time of one bincount for the whole batch, and exportable.
    counts = torch.zeros(batch, grid * grid * COLOURS, device=bins.device).scatter_add_(1, places, torch.ones_like(places, dtype=torch.float32))
    counts = counts.view(batch, grid * grid, COLOURS)
    return (counts / counts.sum(dim=2, keepdim=True).clamp(min=1)).sqrt().flatten(1)


def object_features(pictures: Tensor, maps: Tensor) -> Tensor:
    """Pictures of things, 96 px: HOG of 8 px cells at two scales and colours where."""
    half = functional.avg_pool2d(pictures, 2)
    return torch.cat([hog(maps, 8), hog(orientation_maps(grey(half)), 8), colour_histogram(half)], dim=1)


def glyph_features(pictures: Tensor, maps: Tensor) -> Tensor:
    """Small pictures, 48 px: HOG of 4 px cells and the pixels themselves."""
    return torch.cat([hog(maps, 4), functional.avg_pool2d(grey(pictures), 2).flatten(1)], dim=1)


def page_features(pictures: Tensor, maps: Tensor) -> Tensor:
    """Pages: where the ink is by row and column, coarse HOG, overall colour."""
    ink = 1 - grey(pictures)
    rows, columns = ink.mean(dim=3).flatten(1), ink.mean(dim=2).flatten(1)
    rough = functional.avg_pool2d(ink, 12).flatten(1)
    colour = torch.cat([pictures.mean(dim=(2, 3)), pictures.std(dim=(2, 3))], dim=1)
    return torch.cat([rows, columns, rough, hog(maps, 16), colour], dim=1)


FEATURES = {"object": object_features, "glyph": glyph_features, "page": page_features}


def classical_features(recipe: str, pictures: Tensor) -> Tensor:
    """(batch, 3, side, side) as a recipe looks at it → what a classifier without a network gets: glyphs are made upright first."""
    pictures = upright(pictures) if recipe == "glyph" else pictures
    return FEATURES[recipe](pictures, orientation_maps(grey(pictures)))


def upright(pictures: Tensor) -> Tensor:
    """(batch, 3, side, side): glyphs sheared until their ink stands upright, and centred (deskewing by moments: LeCun et al. 1998)."""
    luma, side = grey(pictures)[:, 0], pictures.shape[-1]
    border = torch.cat([luma[:, 0], luma[:, -1], luma[:, :, 0], luma[:, :, -1]], dim=1).sort(dim=1).values[:, 2 * side]  # ONNX knows no median
    ink = (luma - border[:, None, None]).abs()
    ink = ink / ink.sum(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    axis = torch.linspace(-1, 1, side, device=pictures.device)
    x, y = ink.sum(dim=1) @ axis, ink.sum(dim=2) @ axis
    across, down = axis[None, None] - x[:, None, None], axis[None, :, None] - y[:, None, None]
    slope = (ink * across * down).sum(dim=(1, 2)) / (ink * down * down).sum(dim=(1, 2)).clamp(min=1e-4)
    theta = torch.eye(2, 3, device=pictures.device).repeat(len(pictures), 1, 1)
    theta[:, 0, 1], theta[:, 0, 2], theta[:, 1, 2] = slope.clamp(-1, 1), x, y
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
