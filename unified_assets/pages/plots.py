"""Numbers in; inline SVG out, without scripts, fonts or anything to fetch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unified_assets.pages.markup import Markup, escape, show

# Distinguishable for colour-blind readers (Okabe and Ito 2008, without its yellow, which vanishes on white).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6b7280")
_DASHES = ("", "6 3", "2 3")
WIDTH, HEIGHT = 640, 240

Point = tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Data coordinates → pixels of the drawing area."""

    left: float = 56
    right: float = WIDTH - 12
    top: float = 12
    bottom: float = HEIGHT - 40
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)


def bars(values: Mapping[str, float | None], *, title: str = "", unit: str = "", colour: str = COLOURS[0]) -> Markup:
    """Horizontal bars, one a name, in the order given, each with its value. A missing value has no bar and says `–`."""
    known = [value for value in values.values() if _finite(value) is not None]
    largest = max((abs(value) for value in known if value is not None), default=0.0) or 1.0
    rows, label, area = [], 220, WIDTH - 220 - 90
    for index, (name, value) in enumerate(values.items()):
        y = 8 + 24 * index
        length = 0.0 if _finite(value) is None else abs(float(value or 0)) / largest * area
        rows.append(
            f'<text x="{label - 8}" y="{y + 13}" text-anchor="end">{escape(_short(name, 32))}<title>{escape(name)}</title></text>'
            f'<rect x="{label}" y="{y}" width="{length:.1f}" height="18" rx="2" fill="{colour}"/>'
            f'<text x="{label + length + 6:.1f}" y="{y + 13}">{escape(value)}{escape(" " + unit if unit else "")}</text>'
        )
    return _svg("".join(rows), title, 16 + 24 * len(values))


def lines(
    series: Mapping[str, Sequence[Point]], *, title: str = "", x_label: str = "", y_label: str = "", y_range: tuple[float, float] | None = None
) -> Markup:
    """One line a name through its (x, y) points; a point that is None, NaN or infinite is a gap."""
    points = [(x, y) for line in series.values() for x, y in map(_point, line) if x is not None and y is not None]
    if not points:
        return _empty(title)
    x_range = _widen([x for x, _ in points])
    frame = _Frame(x=x_range, y=y_range or _widen([y for _, y in points]), bottom=HEIGHT - 58)
    body = [_axes(frame, x_label, y_label)]
    for index, (name, line) in enumerate(series.items()):
        colour, dash = COLOURS[index % len(COLOURS)], _DASHES[index // len(COLOURS) % len(_DASHES)]
        body.extend(_stroke(frame, part, colour, dash) for part in _parts(line))
        x = frame.left + index % 4 * 146
        y = HEIGHT - 16 + index // 4 * 16
        body.append(
            f'<line x1="{x}" x2="{x + 18}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="3" stroke-dasharray="{dash}"/>'
            f'<text x="{x + 24}" y="{y}">{escape(_short(name, 18))}<title>{escape(name)}</title></text>'
        )
    return _svg("".join(body), title, HEIGHT + max(0, (len(series) - 1) // 4) * 16)


def histogram(
    values: Sequence[float] | np.ndarray,
    *,
    bins: int = 20,
    title: str = "",
    x_label: str = "",
    y_label: str = "count",
    limits: tuple[float, float] | None = None,
    mark: float | None = None,
) -> Markup:
    """Counts of the finite values in `bins` equal steps between the limits (by default the least and greatest value).

    `mark` draws a dashed line at a value, such as a threshold.
    """
    known = np.asarray([math.nan if value is None else value for value in values] if isinstance(values, Sequence) else values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return _empty(title)
    low, high = limits or _widen([float(known.min()), float(known.max())])
    steps = np.clip(np.nan_to_num((known - low) / (high - low) * bins), 0, bins - 1).astype(np.intp)
    counts = np.bincount(steps, minlength=bins).tolist()
    frame = _Frame(x=(low, high), y=(0, max(counts)))
    body = [_axes(frame, x_label, y_label)]
    step = (high - low) / bins
    for index, count in enumerate(counts):
        x0, y0 = frame.at(low + index * step, count)
        x1, _ = frame.at(low + (index + 1) * step, count)
        note = f"{show(low + index * step)} to {show(low + (index + 1) * step)}: {show(count)}"
        body.append(
            f'<rect x="{x0 + 0.5:.1f}" y="{y0:.1f}" width="{max(x1 - x0 - 1, 0.5):.1f}" height="{frame.bottom - y0:.1f}" fill="{COLOURS[0]}">'
            f"<title>{escape(note)}</title></rect>"
        )
    if mark is not None and low <= mark <= high:
        x, _ = frame.at(mark, 0)
        body.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{frame.bottom}" stroke="{COLOURS[1]}" stroke-width="2" stroke-dasharray="5 3"/>')
    return _svg("".join(body), title, HEIGHT)


def ticks(low: float, high: float, wanted: int = 5) -> tuple[float, ...]:
    """Round numbers (1, 2 or 5 times a power of ten apart) within [low, high], about `wanted` of them."""
    if not high > low:
        return (low,)
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return tuple(round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1))


def _axes(frame: _Frame, x_label: str, y_label: str) -> str:
    out = []
    for value in ticks(*frame.y, wanted=4):
        _, y = frame.at(frame.x[0], value)
        out.append(f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{frame.left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(value)}</text>')
    for value in ticks(*frame.x, wanted=6):
        x, _ = frame.at(value, frame.y[0])
        out.append(f'<text x="{x:.1f}" y="{frame.bottom + 15}" text-anchor="middle">{escape(value)}</text>')
    middle = (frame.top + frame.bottom) / 2
    out.append(f'<text x="{frame.right}" y="{frame.bottom + 29}" text-anchor="end" class="label">{escape(x_label)}</text>')
    out.append(f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle" class="label">{escape(y_label)}</text>')
    return "".join(out)


def _stroke(frame: _Frame, part: Sequence[tuple[float, float]], colour: str, dash: str) -> str:
    placed = [frame.at(x, y) for x, y in part]
    if len(placed) == 1:
        return f'<circle cx="{placed[0][0]:.1f}" cy="{placed[0][1]:.1f}" r="3" fill="{colour}"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'


def _parts(line: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """The line cut at its gaps."""
    parts: list[list[tuple[float, float]]] = [[]]
    for x, y in map(_point, line):
        if x is None or y is None:
            parts.append([])
        else:
            parts[-1].append((x, y))
    return [part for part in parts if part]


def _point(point: Point) -> Point:
    return _finite(point[0]), _finite(point[1])


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _widen(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.04 if high > low else max(abs(low) * 0.5, 0.5)
    return (low, high) if high > low else (low - margin, high + margin)


def _short(name: object, length: int) -> str:
    text = str(name)
    return text if len(text) <= length else text[: length - 1] + "…"


def _empty(title: str) -> Markup:
    return _svg('<text x="12" y="24">nothing was measured</text>', title, 36)


def _svg(body: str, title: str, height: float) -> Markup:
    caption = f"<figcaption>{escape(title)}</figcaption>" if title else ""
    label = f' aria-label="{escape(title)}"' if title else ""
    return Markup(f'<figure class="plot">{caption}<svg viewBox="0 0 {WIDTH} {height}" role="img"{label}>{body}</svg></figure>')
