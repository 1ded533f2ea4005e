"""Bytes and what is true of them → files below one root, and the truth beside it."""

import csv
import io
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

MODIFIED_S = 1_704_067_200  # 2024-01-01: files that have settled, with the same times in every run


@dataclass(frozen=True, kw_only=True)
class FileTruth:
    """What the stages should find out about one path of the lake."""

    path: str
    modality: str
    media_type: str
    # A status of the catalog: `unreadable` cannot be opened, `unsupported` is of no modality's type, `quarantined` is of one but
    # broken or hostile; or `ignored` for what must have no row.
    status: str = "ok"
    issue: str = ""  # the quality issue that must be found
    label: str = ""
    form: str = ""  # class_folders file_name manifest records pair label_source
    decision: str = ""  # reject, where the file cannot be learned from
    fault: str = ""  # what was planted
    unit: str = ""  # equal for copies of each other: one unit of learning


@dataclass
class Lake:
    """A lake being written. `rng(name)` gives each part its own generator, so that parts do not shift each other."""

    root: Path
    name: str  # of the folder it will be
    seed: int
    scale: float
    files: dict[str, FileTruth] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def rng(self, name: str) -> np.random.Generator:
        """The generator of one part."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def count(self, wanted: int, least: int = 1) -> int:
        """A size of the default lake at this lake's scale."""
        return max(least, round(wanted * self.scale))

    def add(self, path: str, data: bytes, *, modality: str, media_type: str, **truth: str) -> None:
        """Write one file and note its truth. Raises ValueError where the path is taken."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self.note(path, modality=modality, media_type=media_type, **truth)
        target.write_bytes(data)
        stamp = MODIFIED_S * 10**9 + zlib.crc32(data)  # another content has another time, even at the same size and inode
        os.utime(target, ns=(stamp, stamp))

    def note(self, path: str, *, modality: str, media_type: str, **truth: str) -> None:
        """Note the truth of a path that was made in another way (a FIFO, a link)."""
        if path in self.files:
            raise ValueError(f"{path} is written twice")
        truth.setdefault("unit", path)
        self.files[path] = FileTruth(path=path, modality=modality, media_type=media_type, **truth)

    def read(self, path: str) -> bytes:
        """The bytes of a file written before."""
        return (self.root / path).read_bytes()

    def example(self, path: str, *, task: str, subject: str, kind: str, target: str, split: str | None = None, record: int | None = None) -> None:
        """Note an example that adapters should find. `task` is the folder that holds its label space."""
        self.examples.append({"path": path, "record": record, "task_hint": task, "subject": subject, "kind": kind, "target": target, "split": split})

    def table(self, path: str, rows: list[dict[str, str]]) -> None:
        """Write a csv file that labels other files."""
        self.add(path, _csv(rows), modality="text", media_type="text/csv", form="label_source")

    def records(self, path: str, rows: list[dict[str, str]], *, format: str, task: str, subject: str, kind: str, target: str, split: str | None = None) -> None:  # noqa: A002 - the word of `Records`
        """Write rows as csv, jsonl or lines (`expression = result`), each an example with the target in field `target`."""
        data, media_type = encode_rows(rows, format)
        self.add(path, data, modality="text", media_type=media_type, form="records")
        for index, row in enumerate(rows):
            self.example(path, task=task, subject=subject, kind=kind, target=row[target], split=split, record=index)

    def write_truth(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Write files.csv, examples.jsonl, pairs.csv, sample.json and a README into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{column.name: getattr(truth, column.name) for column in fields(FileTruth)} for _, truth in sorted(self.files.items())]
        (folder / "files.csv").write_bytes(_csv(rows))
        (folder / "examples.jsonl").write_bytes(_jsonl(self.examples))
        (folder / "pairs.csv").write_bytes(_csv(self.pairs))
        (folder / "sample.json").write_text(json.dumps({**about, "skipped": self.skipped}, indent=1) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(README, encoding="utf-8")


def encode_rows(rows: list[dict[str, str]], format: str) -> tuple[bytes, str]:  # noqa: A002 - the word of `Records`
    """Rows in one of the forms records come in, and its media type."""
    if format == "csv":
        return _csv(rows), "text/csv"
    if format == "jsonl":
        return _jsonl(rows), "application/jsonl"
    return "".join(f"{row['expression']} = {row['result']}\n" for row in rows).encode(), "text/plain"


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


README = """# What is true of the lake beside this folder

- `files.csv`: every path. `status` is what the catalog must say (`ignored`: the path must have no row), `issue` the quality issue
  that must be found, `decision` is `reject` where the file cannot be learned from, `label` and `form` say how it is labelled,
  `fault` what was planted, and `unit` is equal for copies of one content.
- `examples.jsonl`: every labelled example: file, record (from 0; null for a whole file), folder of its task, target, and the side
  the data declares (null where it declares none).
- `pairs.csv`: unlabelled pairs, with the digit they show. The lake itself does not tell it.
- `sample.json`: seed, scale, and what could not be written here.
"""
