"""JSON lists of the members of a concept: the list's name (a key, a file, a folder) is the class of its members."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.examples import bounded
from unified_assets.records.members import lists_of, members_of
from unified_assets.records.names import declared_split, is_structural, parent, stem, without_splits
from unified_assets.records.parsing import json_value
from unified_assets.records.places import is_sidecar, record_paths, sidecar_stems
from unified_assets.records.roles import read_roles

MIN_LISTS = 3
OTHER = (".csv", ".tsv", ".tab", ".xml", ".jsonl", ".ndjson", ".txt")  # never one JSON value
Members = dict[str, list[str]]  # path -> names


def propose(view: LakeView) -> Iterator[Proposal]:
    """Lists side by side in one file, in files of one folder, and in folders side by side."""
    stems = sidecar_stems(view)
    folders: dict[str, Members] = defaultdict(dict)
    keyed: dict[str, dict[str, dict[str, list[str]]]] = defaultdict(dict)
    for path in record_paths(view.files):
        value = None if is_sidecar(path, stems) or path.lower().endswith(OTHER) else json_value(view.text(path).text)
        if value is None:
            continue
        lists = lists_of(value)
        if lists:
            keyed[without_splits(path)][path] = lists
        names = members_of(value)
        if names and not _is_table(view, path):
            folders[without_splits(parent(path))][path] = names
    roots = _roots(folders)
    for root, inner in sorted(roots.items()):
        yield from _of_files(root, inner)
    joined = {path for inner in roots.values() for members in inner.values() for path in members}
    for place, parts in sorted(keyed.items()):
        alone = {path: lists for path, lists in parts.items() if path not in joined}
        if alone:
            yield _of_keys(place, alone)


def _is_table(view: LakeView, path: str) -> bool:
    records = view.records(path)
    return records is not None and len(records.rows) > 1 and (len(records.fields) >= 6 or read_roles(records, view.roles(path)) is not None)


def _roots(folders: dict[str, Members]) -> dict[str, dict[str, Members]]:
    """Folders whose siblings hold lists too are joined below their parent."""
    above: dict[str, dict[str, Members]] = defaultdict(dict)
    for folder, members in folders.items():
        if folder:
            above[parent(folder)][folder] = members
    roots: dict[str, dict[str, Members]] = {}
    for root, inner in above.items():
        named = [folder for folder in inner if not is_structural(folder.rpartition("/")[2])]
        if len(named) >= MIN_LISTS and sum(len(inner[folder]) for folder in named) >= 1.5 * len(named):
            roots[root] = inner
    joined = {folder for inner in roots.values() for folder in inner}
    roots.update({folder: {folder: members} for folder, members in folders.items() if folder not in joined and len(members) >= MIN_LISTS})
    return roots


def _of_files(root: str, inner: dict[str, Members]) -> Iterator[Proposal]:
    files = {path: names for members in inner.values() for path, names in members.items()}
    yield _proposal(root, "member_lists", [(path, names, stem(path)) for path, names in sorted(files.items())], "file's")
    if len(inner) >= MIN_LISTS:
        labelled = [(path, names, parent(path).rpartition("/")[2]) for path, names in sorted(files.items())]
        yield _proposal(root, "member_lists_by_folder", labelled, "folder's")


def _of_keys(place: str, parts: dict[str, dict[str, list[str]]]) -> Proposal:
    listed = [(path, names, key) for path, lists in sorted(parts.items()) for key, names in lists.items()]
    return _proposal(parent(place), f"{place.rpartition('/')[2]}_keys", listed, "key's")


def _proposal(root: str, form: str, lists: list[tuple[str, list[str], str]], whose: str) -> Proposal:
    examples = tuple(
        ProposedExample(inputs=(Input(role="term", path=path, locator=f"record={place}", text=name),), target=label, split=declared_split(path))
        for path, names, label in lists
        for place, name in enumerate(names)
    )
    kept, cut = bounded(examples)
    return Proposal(
        root=root,
        form=form,
        subject="concept",
        kind="classification",
        roles=("term",),
        examples=kept,
        adapter=ADAPTER.name,
        withheld=("description and source of a list: they name the class", "file and folder name: they are the label"),
        why=f"{len(lists)} lists hold {len(examples)} names; the {whose} name is the class of its members{cut}",
    )


def _write_example(folder: Path) -> None:
    lists = {"birds": "heron kestrel magpie swift dunlin avocet", "trees": "rowan alder yew larch holly elm", "tools": "chisel plane rasp awl gimlet mallet"}
    (folder / "lists").mkdir(parents=True, exist_ok=True)
    for name, members in lists.items():
        (folder / "lists" / f"{name}.json").write_text(json.dumps({"description": name, name: members.split()}), encoding="utf-8")


ADAPTER = Adapter(
    name="member_lists",
    description="Lists of the members of concepts.",
    propose=propose,
    example=_write_example,
    expected={"lists/birds.json#record=0": "birds", "lists/tools.json#record=3": "tools"},
)
