"""A path of the lake in; what was inferred for it and why, as text, out."""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from unified_assets.allocation.overrides import load_overrides
from unified_assets.allocation.view import Lake, usable_files
from unified_assets.core.errors import UsageError
from unified_assets.core.settings import Settings
from unified_assets.records.columns import columns
from unified_assets.records.roles import read_roles
from unified_assets.store.local import Store

SHOWN = 8


class UnknownPath(UsageError):
    """A path was asked for that no table knows."""

    def __init__(self, *, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path!r}: {why}. Give a file or folder below the raw root, and run `unified-assets refresh` first if it is new.")


def explain(settings: Settings, path: str) -> str:
    """What a file or folder is, who learns what from it, and why. Raises UnknownPath for one that the catalog does not hold."""
    settings = settings.absolute()
    store = Store(settings.state)
    files = usable_files(store.table("catalog"), store.table("quality_report"))
    wanted = _relative(settings, path)
    below = files.filter((pl.col("path") == wanted) | pl.col("path").str.starts_with(wanted + "/" if wanted else "")).sort("path")
    if below.is_empty():
        raise UnknownPath(path=path, why="the catalog has no such file or folder")
    ledger = store.table("allocation").filter(pl.col("path").is_in(below["path"].implode()))
    tasks = {row["task"]: row for row in store.table("tasks").iter_rows(named=True)}
    lines = [*_what(wanted, below), *_uses(ledger), *_tasks(ledger, tasks, wanted)]
    if below.height == 1 and below["path"][0] == wanted:
        lines += _records(settings, files, wanted)
        lines += _sample(store.table("examples"), wanted)
    return "\n".join(lines)


def _relative(settings: Settings, path: str) -> str:
    root = f"{settings.raw}/"
    return path.removeprefix(root).removeprefix("./").strip("/") if path not in {".", str(settings.raw)} else ""


def _what(wanted: str, below: pl.DataFrame) -> Iterator[str]:
    if below.height == 1 and below["path"][0] == wanted:
        row = below.row(0, named=True)
        yield f"{wanted}: {row['modality']}, {row['media_type']}, {row['size_bytes']} bytes, {row['status']}, quality {row['decision']}"
        if row["refusal"]:
            yield f"  not used: {row['refusal']}"
        if row["duplicate_of"]:
            yield f"  exact copy of {row['duplicate_of']}"
        return
    counts = ", ".join(f"{count} {modality}" for modality, count in below.group_by("modality").len().sort("modality").iter_rows())
    yield f"{wanted or 'the raw root'}: {below.height} files ({counts}), {below['refusal'].is_not_null().sum()} not usable"


def _uses(ledger: pl.DataFrame) -> Iterator[str]:
    if ledger.is_empty():
        yield "  not allocated yet: run `unified-assets refresh`"
    for (model,), rows in sorted(ledger.group_by("model"), key=lambda item: str(item[0][0])):
        counts = ", ".join(f"{use} {count}" for use, count in rows.group_by("use").len().sort("use").iter_rows())
        reason = rows.group_by("reason").len().sort("len", "reason", descending=[True, False])["reason"][0]
        via = sorted(set(rows["via"].drop_nulls()))
        yield f"  {model}: {counts}{' via ' + ', '.join(via) if via else ''}; {reason}"


def _tasks(ledger: pl.DataFrame, tasks: dict[str, Any], wanted: str) -> Iterator[str]:
    used = {use["task"] for uses in ledger["tasks"].to_list() for use in uses or ()}
    near = {name for name, row in tasks.items() if wanted and (row["root"] == wanted or row["root"].startswith(wanted + "/"))}
    for name in sorted(used | near):
        row = tasks[name]
        yield f"task {name}: {row['subject']}, {row['kind']}, {row['examples']} examples, found by {row['adapter']} in {row['root'] or 'the raw root'}"
        yield f"  for {', '.join(row['models']) or 'no registered model'}; roles {', '.join(row['roles'])}"
        if row["classes"]:
            more = f" … {len(row['classes'])} in all" if len(row["classes"]) > SHOWN else ""
            yield f"  classes {', '.join(row['classes'][:SHOWN])}{more}"
        yield f"  why: {row['why']}"
        yield from (f"  withheld {item}" for item in row["withheld"])


def _records(settings: Settings, files: pl.DataFrame, path: str) -> Iterator[str]:
    view = Lake(settings.raw, files, load_overrides(settings))
    records = view.records(path) if files.filter(pl.col("path") == path)["modality"][0] == "text" else None
    if records is None:
        return
    reading = read_roles(records, view.roles(path))
    yield f"{len(records.rows)} {records.format} records with fields:"
    for name, column in columns(records).items():
        yield f"  {name}: {column.distinct} different values, mean length {column.mean_length:.0f}, {column.numeric:.0%} numbers"
    yield f"  read as: {reading.why if reading is not None else 'no label field was recognised by name or values'}"


def _sample(examples: pl.DataFrame, path: str) -> Iterator[str]:
    mine = examples.filter(pl.col("inputs").list.eval(pl.element().struct.field("path") == path).list.any())
    for row in mine.sort("example_id").head(2).iter_rows(named=True):
        inputs = {value["role"]: (value["text"] or value["path"])[:120] for value in row["inputs"]}
        yield f"example: {json.dumps(inputs, ensure_ascii=False)} → {row['target']} ({row['split']}, {row['model']})"
