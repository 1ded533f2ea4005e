"""Two numeric columns in one file, a description with `x --> y` in another of the same number: which column causes the other?"""

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import xxhash

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.names import common_root, declared_split, parent, stem, without_splits
from unified_assets.records.places import is_prose

MIN_PAIRS = 8
ROWS_KEPT = 500
LINES_READ = 4_000
_ARROW = re.compile(r"^\s*(?:ground[ _-]?truth\W*)?([xy])\s*(-+>|<-+)\s*([xy])\s*$", re.MULTILINE | re.IGNORECASE)
_SIDE = re.compile(r"_?(des|desc|description|info|truth|label)$", re.IGNORECASE)


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each place where numbered tables and numbered descriptions with an arrow lie together."""
    tables: dict[tuple[str, str], str] = {}
    arrows: dict[tuple[str, str], tuple[str, bool]] = {}
    text = view.files.filter(pl.col("modality") == "text").select("path", "media_type", "size_bytes").sort("path")
    for path, media_type, size in text.iter_rows():
        number = _number(path)
        if number is None or not is_prose(path, media_type) or size > 4 << 20:
            continue
        for root in {parent(path), parent(parent(path))}:
            arrow = _arrow(view.text(path).text)
            if arrow is not None:
                arrows.setdefault((root, number), (path, arrow))
            elif _table(view.text(path).text) is not None:
                tables.setdefault((root, number), path)
    done: set[str] = set()
    for root in sorted({without_splits(root) for root, _ in arrows}, key=lambda root: (-root.count("/"), root)):
        keys = sorted(
            (key for key in arrows if without_splits(key[0]) == root and key in tables and tables[key] not in done), key=lambda key: (key[0].count("/"), key)
        )
        found = {tables[key]: (tables[key], *arrows[key]) for key in keys}  # the deeper folder decides
        if len(found) >= MIN_PAIRS:
            done |= found.keys()
            yield _proposal(view, [found[path] for path in sorted(found)])


def _number(path: str) -> str | None:
    """The one number of a file name, without leading zeros: `pair.7.txt`, `pair0007_des.txt` → 7."""
    numbers = re.findall(r"\d+", _SIDE.sub("", stem(path)))
    return numbers[0].lstrip("0") if len(numbers) == 1 else None


def _arrow(text: str) -> bool | None:
    """Whether the first column causes the second; None where no line says so, or several differ."""
    found = {(one.lower() == "x") == arrow.endswith(">") for one, arrow, other in _ARROW.findall(text[-4000:]) if one.lower() != other.lower()}
    return found.pop() if len(found) == 1 else None


def _table(text: str) -> list[tuple[str, str]] | None:
    """The rows of two numeric columns, or None."""
    rows = []
    for place, line in enumerate(text.splitlines()[:LINES_READ]):
        cells = line.replace(",", " ").split()
        if len(cells) == 2 and _is_number(cells[0]) and _is_number(cells[1]):
            rows.append((cells[0], cells[1]))
        elif cells and place > 0:
            return None
    return rows if len(rows) >= 8 else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _proposal(view: LakeView, found: list[tuple[str, str, bool]]) -> Proposal:
    examples = []
    for path, _, first_causes in found:
        rows = _table(view.text(path).text) or []
        swap = xxhash.xxh32(path.rpartition("/")[2].encode()).intdigest() % 2 == 1  # the order of columns must not tell the answer
        step = max(1, len(rows) // ROWS_KEPT)
        lines = "\n".join(f"{two} {one}" if swap else f"{one} {two}" for one, two in rows[::step][:ROWS_KEPT])
        target = "second causes first" if first_causes == swap else "first causes second"
        table = Input(role="table", path=path, locator="columns=1,0" if swap else "columns=0,1", text=lines)
        examples.append(ProposedExample(inputs=(table,), target=target, split=declared_split(path)))
    return Proposal(
        root=common_root([without_splits(parent(path)) for path, source, _ in found for path in (path, source)]),
        form="cause_pairs",
        subject="causal",
        kind="classification",
        roles=("table",),
        examples=tuple(examples),
        adapter=ADAPTER.name,
        label_sources=tuple(source for _, source, _ in found),
        withheld=("description: it holds the answer", "column names: they are not numbers"),
        why=f"{len(found)} tables of two numeric columns have a description with an arrow; columns are swapped by a hash of the name; {ROWS_KEPT} rows at most",
    )


def _write_example(folder: Path) -> None:
    for name in ("tables", "notes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(1, 13):
        rows = "\n".join(f"{place * number:.1f} {place * 2.5 + number:.1f}" for place in range(20))
        (folder / "tables" / f"pair.{number}.txt").write_text(f"C1 C2\n{rows}\n", encoding="utf-8")
        (folder / "notes" / f"pair{number:04d}_des.txt").write_text(
            f"Two columns.\n\nground truth:\n{'x --> y' if number % 2 else 'y --> x'}\n", encoding="utf-8"
        )


ADAPTER = Adapter(
    name="cause_pairs",
    description="Two numeric columns and which causes the other.",
    propose=propose,
    example=_write_example,
    expected={"tables/pair.1.txt#columns=0,1": "first causes second", "tables/pair.2.txt#columns=0,1": "second causes first"},
)
