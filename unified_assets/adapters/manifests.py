"""A csv, tsv, json, jsonl or xml file whose records name files and say what they show."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample, Records
from unified_assets.records.columns import columns
from unified_assets.records.examples import bounded, group_of, split_of, target_of
from unified_assets.records.names import declared_split, nested, parent, without_splits
from unified_assets.records.places import ROLE_OF, MediaIndex, file_field, record_paths
from unified_assets.records.roles import Reading, read_roles
from unified_assets.records.tables import joined, same_classes, splitless, whole
from unified_assets.records.vocabulary import INPUT_NAMES, normal, withheld_reason

MIN_ROWS = 8
Files = tuple[str | None, ...]  # the media file each record names


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each record file that names media files; captions without label become unlabelled pairs."""
    index = MediaIndex.of(view.files)
    if not index.modality:
        return
    naming: dict[str, tuple[str, tuple[str | None, ...]]] = {}
    tables = []
    for path in record_paths(view.files):
        records = view.records(path)
        found = None if records is None else file_field(records, index, view.roles(path))
        if records is not None and found is not None:
            tables.append(records)
            naming[path] = found
    for parts in joined(tables):
        field = naming[parts[0].path][0]
        same = [part for part in parts if naming[part.path][0] == field]
        table = whole(same)
        if len(table.rows) < MIN_ROWS:
            continue
        files = tuple(file for part in same for file in naming[part.path][1])
        given = {name: role for part in same for name, role in view.roles(part.path).items()}
        reading = read_roles(table, given, files=frozenset({field}))
        places = tuple((part, place) for part in same for place in range(len(part.rows)))
        named = _Named(table, places, field, files)
        proposal = _captions(named, index) if reading is None else _labelled(named, reading, index)
        if proposal is not None:
            yield proposal


@dataclass(frozen=True)
class _Named:
    """One table in all its parts. `places`: (part, record) of each row; `files`: the media file its `field` names."""

    table: Records
    places: tuple[tuple[Records, int], ...]
    field: str
    files: Files


def _labelled(named: _Named, reading: Reading, index: MediaIndex) -> Proposal | None:
    records, places, field, files = named.table, named.places, named.field, named.files
    modality = _modality(files, index)
    texts = bool(reading.inputs) and modality == "image"
    examples: list[ProposedExample] = []
    for path, (part, place) in zip(files, places, strict=True):
        row = part.rows[place]
        target = target_of(row, reading)
        if path is None or target is None or index.modality[path] != modality:
            continue
        inputs = [Input(role=ROLE_OF[modality], path=path)]
        if texts:
            sentence = " ".join(row.get(name, "") for _, name in reading.inputs).strip()
            inputs.append(Input(role="text", path=part.path, locator=f"record={place}", text=sentence))
        split = nested(split_of(part, place, reading), declared_split(path))
        examples.append(ProposedExample(inputs=tuple(inputs), target=target, split=split, group=group_of(row, reading)))
    if len(examples) < MIN_ROWS or reading.kind not in {"classification", "regression"}:
        return None
    kept, cut = bounded(examples)
    return Proposal(
        root=without_splits(parent(records.path)),
        form=f"{splitless(records.path)}_{reading.target}",
        subject="image_text" if texts else modality,
        kind=reading.kind,
        roles=(ROLE_OF[modality], "text") if texts else (ROLE_OF[modality],),
        examples=kept,
        adapter=ADAPTER.name,
        label_sources=tuple(dict.fromkeys(part.path for part, _ in places)),
        class_map=same_classes({example.target for example in examples}) if reading.kind == "classification" else {},
        withheld=(f"{field}: names the file", *(item for item in reading.withheld if not item.startswith(f"{field}: "))),
        why=f"{len(examples)} of {len(records.rows)} records name a file of modality {modality} in {field}; label {reading.target}"
        + (f"; sentence {reading.inputs[0][1]}" if texts else "")
        + cut,
    )


def _captions(named: _Named, index: MediaIndex) -> Proposal | None:
    """Records that name a file and hold prose, without a label: unlabelled pairs."""
    records, places, field, files = named.table, named.places, named.field, named.files
    prose = [
        column
        for name, column in columns(records).items()
        if name != field
        and column.mean_words >= 3
        and not withheld_reason(name)
        and (normal(name) in INPUT_NAMES or column.distinct > 0.5 * len(column.filled))
    ]
    modality = _modality(files, index)
    if not prose or modality not in {"image", "audio"}:
        return None
    name = max(prose, key=lambda column: column.mean_length).name
    examples = tuple(
        ProposedExample(
            inputs=(
                Input(role=ROLE_OF[modality], path=path),
                Input(role="text", path=part.path, locator=f"record={place}", text=part.rows[place][name].strip()),
            ),
            target="",
            split=nested(part.splits[place], declared_split(path)),
        )
        for path, (part, place) in zip(files, places, strict=True)
        if path is not None and index.modality[path] == modality and part.rows[place].get(name, "").strip()
    )
    kept, cut = bounded(examples)
    return Proposal(
        root=without_splits(parent(records.path)),
        form=f"{splitless(records.path)}_{name}",
        subject="image_text",
        kind="pair",
        roles=(ROLE_OF[modality], "text"),
        examples=kept,
        adapter=ADAPTER.name,
        label_sources=(),
        withheld=(f"{field}: names the file",),
        why=f"{len(examples)} records name a file of modality {modality} in {field} and describe it in {name}{cut}",
    )


def _modality(files: Files, index: MediaIndex) -> str:
    return Counter(index.modality[path] for path in files if path is not None).most_common(1)[0][0]


def _write_example(folder: Path) -> None:
    from PIL import Image

    (folder / "shots").mkdir(parents=True, exist_ok=True)
    lines = ["file,target"]
    for number in range(16):
        Image.new("RGB", (16, 16), (number * 15, 40, 90)).save(folder / "shots" / f"x{number:04d}.png")
        lines.append(f"shots/x{number:04d}.png,{'dark' if number < 8 else 'light'}")
    (folder / "shots.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


ADAPTER = Adapter(
    name="manifests",
    description="Records that name files and hold their labels.",
    propose=propose,
    example=_write_example,
    expected={"shots/x0000.png": "dark", "shots/x0015.png": "light"},
)
