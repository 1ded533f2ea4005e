"""Plain text whose lines follow a grammar: numbered sentence and label, `12 + 7 = 19`, formula and class, text and label."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from unified_assets.core.contracts import Adapter, LakeView, Proposal
from unified_assets.records.examples import bounded, examples_of
from unified_assets.records.lines import parse_lines
from unified_assets.records.names import parent, without_splits
from unified_assets.records.places import is_prose, is_sidecar, sidecar_stems
from unified_assets.records.roles import read_roles
from unified_assets.records.tables import joined, same_classes, splitless, whole

MIN_EXAMPLES = 12
LEAST = 2  # lines of one part of a table


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each line file, or for the files that are parts of one."""
    stems = sidecar_stems(view)
    text = view.files.filter(pl.col("modality") == "text").select("path", "media_type").sort("path")
    prose = [path for path, media_type in text.iter_rows() if is_prose(path, media_type) and not path.lower().endswith((".md", ".html", ".htm"))]
    found = [
        records
        for path in prose
        if not is_sidecar(path, stems)
        and view.records(path) is None
        and (records := parse_lines(path, view.text(path).text, least=LEAST, cut=view.text(path).cut))
    ]
    for parts in joined(found):
        given = {field: role for part in parts for field, role in view.roles(part.path).items()}
        reading = read_roles(whole(parts), given) if sum(len(part.rows) for part in parts) >= MIN_EXAMPLES else None
        examples = () if reading is None else tuple(example for part in parts for example in examples_of(part, reading))
        if reading is None or len(examples) < MIN_EXAMPLES:
            continue
        kept, cut = bounded(examples)
        yield Proposal(
            root=without_splits(parent(parts[0].path)),
            form=f"{splitless(parts[0].path)}_lines",
            subject=reading.subject,
            kind=reading.kind,
            roles=tuple(dict.fromkeys(value.role for example in examples[:50] for value in example.inputs)),
            examples=kept,
            adapter=ADAPTER.name,
            class_map=same_classes({example.target for example in examples}) if reading.kind == "classification" else {},
            withheld=(*reading.withheld, "line numbers and comment lines: about the record, not of it"),
            why=reading.why + cut,
        )


def _write_example(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sums.txt").write_text("".join(f"{number} + {number + 5} = {2 * number + 5}\n" for number in range(24)), encoding="utf-8")
    blocks = [
        f'{number}\t"The <e1>storm</e1> led to flood <e2>number {number}</e2>."\n{"Cause" if number % 2 else "Other"}\nComment: sure\n' for number in range(16)
    ]
    (folder / "relations.txt").write_text("\n".join(blocks), encoding="utf-8")


ADAPTER = Adapter(
    name="labelled_lines",
    description="Line grammars of plain text.",
    propose=propose,
    example=_write_example,
    expected={"sums.txt#record=2": "9", "relations.txt#record=1": "Cause"},
)
