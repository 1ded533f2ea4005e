"""Rows of `image_objects.things` in; panels of things with their sizes, and which of them touch, rest on, or top others, out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SMALL, MEDIUM, BIG = 0, 1, 2
SIZE_LIMITS = (0.15, 0.25)  # of the panel's side, between small and medium, medium and big
FILL = np.asarray([1.0, np.pi / 4, 0.5])  # share of its bounding square that a square, circle and triangle cover
CLOSE = 0.012  # of the panel's side: what counts as touching a wall; sides are measured to half a hundredth
GAP = 0.03  # ... and as resting on another thing


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """The things of one panel: arrays of one length. x, y: centres, side: width, all in shares of the panel; y grows downwards."""

    colour: np.ndarray
    shape: np.ndarray
    x: np.ndarray
    y: np.ndarray
    side: np.ndarray
    size: np.ndarray
    walls: np.ndarray  # (n, 4) touching left, right, top, bottom

    def __len__(self) -> int:
        return len(self.colour)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The panels, left to right."""

    panels: tuple[Panel, ...]


def scene_of(seen: np.ndarray, panels: int = 0) -> Scene:
    """seen: (MOST, FIELDS) of one picture; at least `panels` panels, which may be empty."""
    seen = seen[seen[:, 0] >= 0]
    count = max(panels, int(seen[:, 0].max()) + 1 if len(seen) else 0)
    return Scene(panels=tuple(_panel(seen[seen[:, 0] == number]) for number in range(count)))


def _panel(seen: np.ndarray) -> Panel:
    shape = seen[:, 2].astype(int)
    side = np.sqrt(seen[:, 3] / FILL[shape])
    x, y = seen[:, 4], seen[:, 5]
    gaps = np.stack([x, 1 - x, y, 1 - y], axis=1) - side[:, None] / 2
    walls = gaps < CLOSE
    return Panel(colour=seen[:, 1].astype(int), shape=shape, x=x, y=y, side=side, size=np.digitize(side, SIZE_LIMITS), walls=walls)


def edges(panel: Panel, sides: Sequence[str]) -> np.ndarray:
    """(n,) touching what `sides` name: left, right, TOP, BASE, CORNER, or any EDGE."""
    left, right, top, bottom = panel.walls.T
    corner = (left | right) & (top | bottom)
    named = {"left": left, "right": right, "TOP": top, "BASE": bottom, "CORNER": corner}
    found = [named[side] for side in sides if side in named]
    return np.asarray(np.logical_and.reduce(found) if found else panel.walls.any(axis=1))


def topmost(panel: Panel) -> np.ndarray:
    """(n,) the highest thing."""
    return np.asarray(np.arange(len(panel)) == (int(panel.y.argmin()) if len(panel) else -1))


def lowest(panel: Panel) -> np.ndarray:
    """(n,) the lowest thing."""
    return np.asarray(np.arange(len(panel)) == (int(panel.y.argmax()) if len(panel) else -1))


def rank(place: int) -> Callable[[Panel], np.ndarray]:
    """The thing at a place from below, 0 being the lowest."""

    def mask(panel: Panel) -> np.ndarray:
        out = np.zeros(len(panel), bool)
        if len(panel) > place:
            out[np.argsort(-panel.y, kind="stable")[place]] = True
        return out

    return mask


def resting(panel: Panel) -> np.ndarray:
    """(n, n) whether the first lies directly above the second, in one column."""
    apart = panel.y[None] - panel.y[:, None]  # how far the second is below the first
    reach = (panel.side[:, None] + panel.side[None]) / 2
    column = np.abs(panel.x[:, None] - panel.x[None]) < reach
    out: np.ndarray = column & (apart > 0) & (apart < reach + GAP)
    return out


def beside(panel: Panel, others: np.ndarray | None, *, above: bool) -> np.ndarray:
    """(n,) things directly above (or below) one of `others`; None: one of another colour."""
    rests = resting(panel) if above else resting(panel).T
    wanted = panel.colour[:, None] != panel.colour[None] if others is None else others[None]
    return np.asarray((rests & wanted).any(axis=1))


def stacked(panel: Panel) -> np.ndarray:
    """(n,) things with one of the same colour directly above or below."""
    alike = panel.colour[:, None] == panel.colour[None]
    return np.asarray(((resting(panel) | resting(panel).T) & alike).any(axis=1))
