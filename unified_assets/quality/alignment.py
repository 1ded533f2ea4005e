"""Pairs of small planes in; how much they still differ once one is laid onto the other out.

A copy that lost a few per cent at its edges, or was scaled by another filter, is the same plane moved and stretched by about
a cell. That movement (shift and scale along both axes) is found by least squares on the differences (Lucas and Kanade 1981);
what is left tells copies from other pictures, also on plain grounds, where the correlation of different drawings exceeds 0.9.
"""

import numpy as np

STEPS = 2  # of the least squares
MOST_SHIFT = 1.5  # cells
FREE_SHIFT = 0.3  # cells, of rounding when scaled
MOST_SCALE = 0.08  # of the side
DARKER = 0.6  # share of the cells that are no highlights
LEAST_CONTRAST = 8.0  # levels of standard deviation that the darker cells must have, to say something
_DAMPING = 0.5  # of a movement that the planes say nothing about


def standardised(planes: np.ndarray) -> np.ndarray:
    """(n, side, side) float32: mean 0, standard deviation 1 (of at least one level); a plain plane becomes zeros."""
    flat = planes.reshape(len(planes), -1).astype(np.float32)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray((flat / np.maximum(flat.std(axis=1, keepdims=True), 1.0)).reshape(planes.shape))


def blurred(planes: np.ndarray) -> np.ndarray:
    """Each cell mixed with its neighbours, 1-2-1 along both axes."""
    wide = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    tall = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    return np.asarray((tall[:, :, :-2] + 2 * tall[:, :, 1:-1] + tall[:, :, 2:]) / 4)


def darker(planes: np.ndarray) -> np.ndarray:
    """Each plane with its lightest cells cut off at the level that DARKER of its cells do not exceed; as it is where that leaves nothing."""
    if not len(planes):
        return planes
    cut = np.minimum(planes, np.quantile(planes, DARKER, axis=(1, 2), keepdims=True)).astype(np.float32)
    return np.where(cut.std(axis=(1, 2), keepdims=True) >= LEAST_CONTRAST, cut, planes)


def halved(planes: np.ndarray) -> np.ndarray:
    """(n, side / 2, side / 2): means of 2 x 2 cells."""
    count, height, width = planes.shape
    return np.asarray(planes.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4)))


def moved(planes: np.ndarray, movement: np.ndarray) -> np.ndarray:
    """The planes read at x * (1 + scale) + shift. movement: (n, 4) shift and scale across, shift and scale down."""
    across = _interpolated(planes, movement[:, 0], movement[:, 1])
    return np.asarray(_interpolated(across.transpose(0, 2, 1), movement[:, 2], movement[:, 3]).transpose(0, 2, 1))


def aligned(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The left planes, standardised, moved so that they lie on the right ones as well as cutting edges off can make them.

    Cutting stretches what stays, so a shift without its stretch is no cut: it is limited to that.
    """
    source, target = standardised(left), standardised(right)
    side = left.shape[-1]
    place = (np.arange(side, dtype=np.float32) - (side - 1) / 2)[None, :]
    movement = np.zeros((len(left), 4), np.float32)
    damping = np.diag(_DAMPING * np.array([1, side * 2, 1, side * 2], np.float32))
    for _ in range(STEPS):
        now = standardised(moved(source, movement))
        across, down = np.gradient(now, axis=2), np.gradient(now, axis=1)
        slopes = np.stack([across, across * place[:, None, :], down, down * place[:, :, None]], axis=1).reshape(len(left), 4, -1)
        missing = (target - now).reshape(len(left), -1, 1)
        movement = movement + np.linalg.solve(slopes @ slopes.transpose(0, 2, 1) + damping, slopes @ missing)[:, :, 0]
        movement[:, 0::2] = np.clip(movement[:, 0::2], -MOST_SHIFT, MOST_SHIFT)
        movement[:, 1::2] = np.clip(movement[:, 1::2], -MOST_SCALE, MOST_SCALE)
    for axis in (0, 2):
        most = (side / 2) * np.abs(movement[:, axis + 1]) + FREE_SHIFT
        movement[:, axis] = np.clip(movement[:, axis], -most, most)
    return standardised(moved(source, movement))


def _interpolated(planes: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Along the last axis, linearly; beyond the edge its last cell goes on."""
    side = planes.shape[-1]
    centre = (side - 1) / 2
    places = np.clip((np.arange(side) - centre)[None, :] * (1 + scale[:, None]) + shift[:, None] + centre, 0, side - 1)
    below = np.minimum(places.astype(np.intp), side - 2)
    part = (places - below).astype(np.float32)[:, None, :]
    rows = np.broadcast_to(below[:, None, :], planes.shape)
    return np.asarray(np.take_along_axis(planes, rows, 2) * (1 - part) + np.take_along_axis(planes, rows + 1, 2) * part)
