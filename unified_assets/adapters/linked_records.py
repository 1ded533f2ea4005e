"""Entries that say what they are a kind of (hypernym, broader, parent): the kind, where it has enough members, is their class."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.examples import TEXT_LIMIT, bounded
from unified_assets.records.links import RELATION_MARK, Entry, entries_of_markup, entries_of_records
from unified_assets.records.names import declared_split, parent, without_splits
from unified_assets.records.places import is_sidecar, record_paths, sidecar_stems

MIN_MEMBERS = 8  # of a kind, to be a class
MIN_EXAMPLES = 16
LINKED = 0.5  # of the links lead to an entry that is there
NAMES_SHOWN = 6  # of one entry


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each folder of entries with links to what they are a kind of."""
    stems = sidecar_stems(view)
    folders: dict[str, list[Entry]] = defaultdict(list)
    for path in record_paths(view.files):
        if is_sidecar(path, stems) or not RELATION_MARK.search(view.text(path).text):
            continue
        text = view.text(path).text
        records = None if text.lstrip("\ufeff \r\n\t").startswith("<") else view.records(path)
        found = entries_of_records(records) if records else entries_of_markup(path, text)
        if any(entry.kinds for entry in found):
            folders[without_splits(parent(path))] += found
    for folder, entries in sorted(folders.items()):
        proposal = _proposal(folder, entries)
        if proposal is not None:
            yield proposal


def _proposal(folder: str, entries: list[Entry]) -> Proposal | None:
    names: dict[str, str] = {}
    for entry in entries:
        if entry.names:
            names.setdefault(entry.key, entry.names[0])
    links = [kind for entry in entries for kind in entry.kinds]
    if sum(kind in names for kind in links) < LINKED * len(links):
        return None
    members = Counter(links)
    called = Counter(names[kind] for kind, count in members.items() if count >= MIN_MEMBERS and kind in names)
    classes = {
        kind: names[kind] if called[names[kind]] == 1 else f"{names[kind]} [{kind}]"
        for kind, count in members.items()
        if count >= MIN_MEMBERS and kind in names
    }
    examples = tuple(
        ProposedExample(inputs=inputs, target=classes[mine[0]], split=declared_split(entry.path))
        for entry in entries
        if len(mine := [kind for kind in entry.kinds if kind in classes]) == 1 and (inputs := tuple(_inputs(entry)))
    )
    if len(examples) < MIN_EXAMPLES or len({example.target for example in examples}) < 2:
        return None
    kept, cut = bounded(examples)
    return Proposal(
        root=folder,
        form="linked_records_kind",
        subject="concept",
        kind="classification",
        roles=tuple(role for role in ("term", "definition") if any(value.role == role for example in kept for value in example.inputs)),
        examples=kept,
        adapter=ADAPTER.name,
        withheld=("links to other entries: one of them is the label", "identifiers: they follow the order of kinds"),
        why=f"{len(examples)} entries say which of {len(classes)} kinds with at least {MIN_MEMBERS} members they are of{cut}",
    )


def _inputs(entry: Entry) -> Iterator[Input]:
    if entry.place < 0:
        return
    for role, text in (("term", ", ".join(entry.names[:NAMES_SHOWN])), ("definition", entry.definition)):
        if text:
            yield Input(role=role, path=entry.path, locator=f"record={entry.place}", text=text[:TEXT_LIMIT])


def _write_example(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["id,name,definition,parent_id", "b,bird,an animal with feathers,", "t,tree,a plant with wood,"]
    rows += [f"{n},{'finch' if n % 2 else 'oak'} {n},{'sings' if n % 2 else 'grows'} in place {n},{'b' if n % 2 else 't'}" for n in range(24)]
    (folder / "taxa.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


ADAPTER = Adapter(
    name="linked_records",
    description="Entries and what they are a kind of.",
    propose=propose,
    example=_write_example,
    expected={"taxa.csv#record=2": "tree", "taxa.csv#record=3": "bird"},
)
