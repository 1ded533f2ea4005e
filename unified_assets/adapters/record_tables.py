"""A csv, tsv, json, jsonl or xml file whose records are the examples: texts in fields, the label in another."""

from collections.abc import Iterator
from pathlib import Path

from unified_assets.core.contracts import Adapter, LakeView, Proposal
from unified_assets.records.examples import bounded, examples_of
from unified_assets.records.names import parent, without_splits
from unified_assets.records.places import MediaIndex, file_field, is_sidecar, record_paths, sidecar_stems
from unified_assets.records.roles import read_roles
from unified_assets.records.tables import joined, same_classes, splitless, whole

MIN_ROWS = 16


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each record file, or for the files of one table that are its train, valid and test parts."""
    index, stems = MediaIndex.of(view.files), sidecar_stems(view)
    tables = []
    for path in record_paths(view.files):
        records = None if is_sidecar(path, stems) else view.records(path)
        if records is not None and file_field(records, index, view.roles(path)) is None:
            tables.append(records)
    for parts in joined(tables):
        given = {field: role for part in parts for field, role in view.roles(part.path).items()}
        reading = read_roles(whole(parts), given)
        if reading is None or sum(len(part.rows) for part in parts) < MIN_ROWS:
            continue
        examples = tuple(example for part in parts for example in examples_of(part, reading))
        if len(examples) < MIN_ROWS:
            continue
        same = same_classes({example.target for example in examples}) if reading.kind == "classification" else {}
        kept, cut = bounded(examples)
        cut += "; a file was longer than is read of one" if any(part.cut for part in parts) else ""
        roles = dict.fromkeys(value.role for example in examples[:50] for value in example.inputs)
        yield Proposal(
            root=without_splits(parent(parts[0].path)),
            form=f"{splitless(parts[0].path)}_{reading.target}",
            subject=reading.subject,
            kind=reading.kind,
            roles=tuple(roles),
            examples=kept,
            adapter=ADAPTER.name,
            withheld=reading.withheld,
            class_map=same,
            why=reading.why
            + (f"; {len(parts)} files are parts of one table" if len(parts) > 1 else "")
            + (f"; {', '.join(f'{one} is {other}' for one, other in same.items())}" if same else "")
            + cut,
        )


def _write_example(folder: Path) -> None:
    lines = ["text,category"]
    for number in range(12):
        lines += [f"please book table number {number} for tonight,booking", f"what will the weather be like in town {number},weather"]
    (folder / "asks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


ADAPTER = Adapter(
    name="record_tables",
    description="Records that hold the texts and their labels.",
    propose=propose,
    example=_write_example,
    expected={"asks.csv#record=0": "booking", "asks.csv#record=1": "weather"},
)
