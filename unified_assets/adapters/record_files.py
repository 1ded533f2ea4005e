"""Record files alike, side by side, each of one class: the file's name is the class of its records."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample, Records
from unified_assets.records.columns import columns
from unified_assets.records.examples import TEXT_LIMIT, bounded
from unified_assets.records.names import SPLIT_WORDS, declared_split, parent, stem, without_splits, words
from unified_assets.records.places import is_sidecar, record_paths, sidecar_stems
from unified_assets.records.roles import read_roles
from unified_assets.records.vocabulary import INPUT_NAMES, normal, withheld_reason

MIN_FILES = 3
MIN_ROWS = 10  # of each file, at the median
ROLES = ("definition", "text", "question", "term")


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each folder whose record files share a field of prose and have no label of their own."""
    stems = sidecar_stems(view)
    groups: dict[tuple[str, str], list[Records]] = defaultdict(list)
    for path in record_paths(view.files):
        records = None if is_sidecar(path, stems) else view.records(path)
        if records is not None and records.format != "json" and not any(word in SPLIT_WORDS for word in words(stem(path))):
            groups[without_splits(parent(path)), records.format].append(records)
    for (folder, _), found in sorted(groups.items()):
        rows = sorted(len(records.rows) for records in found)
        prose = _prose(found) if len(found) >= MIN_FILES and rows[len(rows) // 2] >= MIN_ROWS else None
        if prose is not None and all(read_roles(records, view.roles(records.path)) is None for records in found):
            yield _proposal(folder, found, *prose)


def _prose(found: list[Records]) -> tuple[str, str] | None:
    """(role, field) of prose in every file, or None."""
    shared = set.intersection(*(set(records.fields) for records in found))
    tables = [columns(records) for records in found]
    for role in ROLES:
        for name in sorted(shared):
            fits = INPUT_NAMES.get(normal(name)) == role and withheld_reason(name) is None
            if fits and all(table[name].share > 0.5 and table[name].mean_words >= (1 if role == "term" else 2) for table in tables):
                return role, name
    return None


def _proposal(folder: str, found: list[Records], role: str, name: str) -> Proposal:
    others = sorted({other for records in found for other in records.fields} - {name})
    examples = tuple(
        ProposedExample(
            inputs=(Input(role=role, path=records.path, locator=f"record={place}", text=row[name].strip()[:TEXT_LIMIT]),),
            target=stem(records.path),
            split=declared_split(records.path),
        )
        for records in found
        for place, row in enumerate(records.rows)
        if row.get(name, "").strip()
    )
    kept, cut = bounded(examples)
    return Proposal(
        root=folder,
        form=f"record_files_{normal(name)}",
        subject="concept",
        kind="classification",
        roles=(role,),
        examples=kept,
        adapter=ADAPTER.name,
        withheld=("file name: it is the label", *(f"{other}: may tell the file it stands in" for other in others)),
        why=f"{len(found)} record files alike, unlabelled; the file's name is the class of its {len(examples)} records, read from {name}{cut}",
    )


def _write_example(folder: Path) -> None:
    (folder / "glossary").mkdir(parents=True, exist_ok=True)
    for name, thing in (("birds", "an animal with feathers that"), ("tools", "a thing of steel that"), ("trees", "a plant of wood that")):
        entries = "".join(f'<Entry id="e{number}"><Definition>{thing} is number {number}</Definition></Entry>' for number in range(12))
        (folder / "glossary" / f"{name}.xml").write_text(f"<Glossary>{entries}</Glossary>", encoding="utf-8")


ADAPTER = Adapter(
    name="record_files",
    description="Record files of one class each.",
    propose=propose,
    example=_write_example,
    expected={"glossary/birds.xml#record=0": "birds", "glossary/trees.xml#record=11": "trees"},
)
