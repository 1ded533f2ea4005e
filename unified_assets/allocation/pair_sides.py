"""Unlabelled pairs, and the sides that labelled examples and earlier pairs have, in; a side for each pair out: they train, but for some measured on.

Pairs that share a file or a text stand on one side, and stay there as data grow. What shows a labelled validation or test example takes its
pairs with it, unless most of those train: then it is left out. Of the others, a tenth of each form that has enough of them is held out, by a hash
of what must stay together: contents that pairs share, and near duplicates. Nothing learns from those.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unified_assets.allocation.sides import LARGEST, Components
from unified_assets.allocation.units import BRIDGE, Left, Row, digest, normal

HELD_OUT = 0.1
LEAST = 50  # pairs of a form: a tenth of fewer would not tell retrieval from chance

Memory = dict[str, tuple[str, bool]]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Pairs that files or texts tie together. before: the side they had; shown: the sides of the labelled examples that each of them shows."""

    rows: Sequence[Row]
    before: str | None
    shown: Sequence[frozenset[str]]

    def side(self) -> str | None:
        """The side that stands already; None where nothing says one."""
        if self.before is not None:
            return self.before
        measured = [sides for sides in self.shown if sides - {"train"}]
        if measured and 2 * len(measured) >= len(self.rows):
            return "test" if any("test" in sides for sides in measured) else "valid"
        return "train" if any(self.shown) else None


def place_pairs(rows: Sequence[Row], memory: Memory) -> tuple[list[Row], list[Left]]:
    """(pairs with `split` and `group`, what was left out and why). memory: key → (side, declared) of what is labelled; the sides of pairs are added."""
    clusters, left = _clusters(rows, memory)
    sizes = Counter(row.task for row in rows)
    kept: list[Row] = []
    for together in _near(clusters):
        settled = [cluster.side() for cluster in together]
        free = _side_of_free([row for cluster in together for row in cluster.rows], {side for side in settled if side is not None}, sizes)
        for cluster, known in zip(together, settled, strict=True):
            side = free if known is None else known
            group = digest("pairs", min(key for row in cluster.rows for key in _contents(row)))
            for row, shown in zip(cluster.rows, cluster.shown, strict=True):
                if (side == "train" and shown - {"train"}) or (side == "valid" and "test" in shown):
                    left += _bridge(row, "it shows what is measured on, and shares a file or text with pairs that are not")
                    continue
                row.split, row.group = side, group
                memory.update({_remembered(key): (side, False) for key in _contents(row)})
                kept.append(row)
    return kept, left


def _clusters(rows: Sequence[Row], memory: Memory) -> tuple[list[Cluster], list[Left]]:
    """Pairs by what they share. One that would tie pairs of two sides together is left out."""
    components, left = Components(), list[Left]()
    before = {key: memory[name][0] for row in rows for key in _contents(row) if (name := _remembered(key)) in memory}
    kept: list[Row] = []
    for row in sorted(rows, key=lambda row: row.example_id):
        keys = _contents(row)
        sides = {before[root] for key in keys if (root := components.find(key)) in before}
        if len(sides) > 1:
            left += _bridge(row, "it shares files or texts with pairs of both sides")
            continue
        components.unite(keys)
        if sides:
            before[components.find(keys[0])] = next(iter(sides))
        kept.append(row)
    members: dict[str, list[Row]] = defaultdict(list)
    for row in kept:
        members[components.find(_contents(row)[0])].append(row)
    return [Cluster(rows=mine, before=before.get(root), shown=[_shown(row, memory) for row in mine]) for root, mine in members.items()], left


def _near(clusters: Sequence[Cluster]) -> list[list[Cluster]]:
    """Clusters that near duplicates tie together."""
    components = Components()
    for cluster in clusters:
        components.unite(key for row in cluster.rows for key in _together(row))
    found: dict[str, list[Cluster]] = defaultdict(list)
    for cluster in clusters:
        found[components.find(_together(cluster.rows[0])[0])].append(cluster)
    return list(found.values())


def _side_of_free(rows: Sequence[Row], settled: set[str], sizes: Mapping[str, int]) -> str:
    """Among these near duplicates, some of which stand on the `settled` sides: the side of those that nothing has settled."""
    spared = all(_is_spared(rows, task, sizes[task]) for task in {row.task for row in rows})
    if not spared or len(settled) > 1:
        return "train"
    held = digest("pairs", min(key for row in rows for key in _together(row))) < _bound()
    return next(iter(settled), "test" if held else "train")


def _contents(row: Row) -> tuple[str, ...]:
    """Keys of its files and texts, as labelled examples have them."""
    return (*row.keys, *(digest("text", normal(value["text"])) for value in row.inputs if value["text"] is not None))


def _together(row: Row) -> tuple[str, ...]:
    near, context = row.weak[:2]
    return (*row.keys, *near, *context)


def _shown(row: Row, memory: Mapping[str, tuple[str, bool]]) -> frozenset[str]:
    """The sides on which what a pair shows stands already."""
    return frozenset({memory[key][0] for key in _contents(row) if key in memory} | ({row.declared} if row.declared else set()))


def _remembered(key: str) -> str:
    """The key under which the side of a pair's content is remembered, apart from that of a labelled example."""
    return digest("pair", key)


def _is_spared(together: Sequence[Row], task: str, size: int) -> bool:
    """Whether a form has enough pairs to hold these out."""
    return size >= LEAST and sum(row.task == task for row in together) <= LARGEST * size


def _bridge(row: Row, why: str) -> list[Left]:
    return [Left(row.task, path, f"{BRIDGE}: {why}") for path in dict.fromkeys(value["path"] for value in row.inputs)]


def _bound() -> str:
    """Digests below it are a share HELD_OUT of all."""
    return f"{int(HELD_OUT * 16**32):032x}"
