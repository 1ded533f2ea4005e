"""Leases → a picture of who computed when."""

from collections.abc import Sequence

import polars as pl

from unified_assets.pages.markup import Markup, escape
from unified_assets.pages.plots import COLOURS

WIDTH, LEFT, ROW = 900, 190, 22


def gantt(leases: pl.DataFrame) -> Markup:
    """One row a model, one block a lease; the words in a block's title say when and on how many cores."""
    if leases.is_empty():
        return Markup('<p class="missing">no lease was granted</p>')
    start, end = float(leases["acquired"].min() or 0), float(leases["released"].max() or 0)  # type: ignore[arg-type]
    span = max(end - start, 1e-6)
    models: Sequence[str] = leases["model"].unique().sort().to_list()
    parts = []
    for index, model in enumerate(models):
        top = 8 + index * ROW
        parts.append(f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(model)}</text>')
        for row in leases.filter(pl.col("model") == model).iter_rows(named=True):
            left = LEFT + (row["acquired"] - start) / span * (WIDTH - LEFT - 10)
            width = max(1.0, (row["released"] - row["acquired"]) / span * (WIDTH - LEFT - 10))
            words = f"{model} {_round_name(row['round'])}: {row['released'] - row['acquired']:.1f} s, {row['cores']} cores, {row['device']}"
            colour = COLOURS[index % len(COLOURS)] if row["round"] >= 1 else "#b8b8b8"
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 6}" fill="{colour}" stroke="#fff" stroke-width=".5">'
                f"<title>{escape(words)}</title></rect>"
            )
    bottom = 8 + len(models) * ROW
    for step in range(6):
        x = LEFT + step / 5 * (WIDTH - LEFT - 10)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{span * step / 5:.0f} s</text>')
    return Markup(
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {bottom + 20}" role="img" aria-label="leases over time">{"".join(parts)}</svg>'
        "<figcaption>Who held cores or a GPU, and when. Grey: word vectors, reference baselines and preparation.</figcaption></figure>"
    )


def _round_name(index: int) -> str:
    return {-2: "word vectors", -1: "baselines", 0: "preparation"}.get(index, f"round {index}")
