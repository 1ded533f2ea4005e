"""Unlabelled pairs and the sides of what is labelled in; a side for each pair out: they train, but for some that are measured on.

A pair that shows what stands on a side stands there too. Of the others, a tenth of each form that has enough of them is held out,
by a hash of what must stay together: contents that pairs share, and near duplicates. Nothing learns from those.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from unified_assets.allocation.sides import LARGEST, Components
from unified_assets.allocation.units import Row, digest

HELD_OUT = 0.1
LEAST = 50  # pairs of a form: a tenth of fewer would not tell retrieval from chance


def place_pairs(rows: Sequence[Row], memory: Mapping[str, tuple[str, bool]]) -> None:
    """Set `split` and `group` of these pairs. memory: key → (side, declared) of what is labelled."""
    components = Components()
    for row in rows:
        components.unite(_together(row))
    members: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        members[components.find(row.keys[0])].append(row)
        row.group = row.keys[0]
    sizes = Counter(row.task for row in rows)
    for component, together in members.items():
        known = [_known(row, memory) for row in together]
        held = (
            not any(known) and digest("pairs", component) < _bound() and all(_is_spared(together, task, sizes[task]) for task in {row.task for row in together})
        )
        for row, sides in zip(together, known, strict=True):
            row.split = next(iter(sorted(sides - {"train"})), "test" if held else "train")


def _together(row: Row) -> tuple[str, ...]:
    near, context = row.weak[:2]
    return (*row.keys, *near, *context)


def _known(row: Row, memory: Mapping[str, tuple[str, bool]]) -> set[str]:
    """The sides on which what a pair shows stands already."""
    return {memory[key][0] for key in row.keys if key in memory} | ({row.declared} if row.declared else set())


def _is_spared(together: Sequence[Row], task: str, size: int) -> bool:
    """Whether a form has enough pairs to hold these out."""
    return size >= LEAST and sum(row.task == task for row in together) <= LARGEST * size


def _bound() -> str:
    """Digests below it are a share HELD_OUT of all."""
    return f"{int(HELD_OUT * 16**32):032x}"
