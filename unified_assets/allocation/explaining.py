"""A path of the lake in; what was inferred for it and why, in words a person understands, out."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from unified_assets.allocation.overrides import load_overrides
from unified_assets.allocation.view import Lake, usable_files
from unified_assets.core.errors import UsageError
from unified_assets.core.settings import Settings
from unified_assets.records.columns import Column, columns
from unified_assets.records.roles import read_roles
from unified_assets.store.local import Store

SHOWN = 8
LONGEST = 160  # characters of a sample
KINDS = {
    "classification": "tell the class",
    "choice": "choose the right option",
    "pair": "tell what goes together",
    "generation": "give the answer",
    "tagging": "mark the words",
    "regression": "give the number",
}
USES = {
    "labelled": "learns from labels",
    "unlabelled": "takes it, but there is no label",
    "pair": "learns from what occurs together",
    "label_source": "takes the labels of other files from it",
    "none": "learns nothing from it",
}


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
    examples = store.table("examples")
    single = below.height == 1 and below["path"][0] == wanted
    lines = [*(_file(wanted, below.row(0, named=True)) if single else _folder(wanted, below)), *_uses(ledger, single=single)]
    lines += _tasks(ledger, tasks, _sides(examples), wanted)
    if single:
        lines += _records(settings, files, wanted)
        lines += _sample(examples, wanted)
    return "\n".join(lines)


def _relative(settings: Settings, path: str) -> str:
    root = f"{settings.raw}/"
    return path.removeprefix(root).removeprefix("./").strip("/") if path not in {".", str(settings.raw)} else ""


def _file(path: str, row: Mapping[str, Any]) -> Iterator[str]:
    verdict = {
        "accept": "quality found nothing against it",
        "warn": f"quality warns: {row['issue_names']}",
        "reject": f"quality rejects it: {row['issue_names']}",
    }
    yield f"{path}: {row['modality']}, {row['media_type']}, {row['size_bytes']:,} bytes; {verdict[row['decision']]}"
    if row["refusal"]:
        yield f"  Nobody uses it: {row['refusal']}"
    if row["duplicate_of"]:
        yield f"  It is an exact copy of {row['duplicate_of']}, and copies count once"
    if row["near_duplicate_group"]:
        yield "  Others look or read nearly the same; they stay on one side with it"


def _folder(wanted: str, below: pl.DataFrame) -> Iterator[str]:
    counts = ", ".join(f"{count} {modality}" for modality, count in below.group_by("modality").len().sort("modality").iter_rows())
    yield f"{wanted or 'The raw root'}: {below.height} file{'s' if below.height > 1 else ''} ({counts})"
    for reason, count in (
        below.filter(pl.col("refusal").is_not_null()).group_by("refusal").len().sort("len", "refusal", descending=[True, False]).head(SHOWN).rows()
    ):
        yield f"  {count} that nobody uses: {reason}"


def _uses(ledger: pl.DataFrame, *, single: bool) -> Iterator[str]:
    """A line for each model that uses some of it; the others together by reason."""
    if ledger.is_empty():
        yield "  Not allocated yet: run `unified-assets refresh`"
    idle: dict[str, list[str]] = defaultdict(list)
    for (model,), rows in sorted(ledger.group_by("model"), key=lambda item: str(item[0][0])):
        uses = Counter(rows["use"].to_list())
        if set(uses) == {"none"} and rows["reason"].n_unique() == 1:
            idle[rows["reason"][0].replace(str(model), "it")].append(str(model))
            continue
        via = sorted(set(rows["via"].drop_nulls()) - {"direct"})
        through = f", through {' and '.join(via)}" if via else ""
        if single:
            yield f"  {model} {USES[rows['use'][0]]}{through}: {rows['reason'][0]}"
            continue
        yield f"  {model}{through}: " + "; ".join(f"{uses[use]} files: {said}" for use, said in USES.items() if uses[use])
        yield from (f"    {count} x {reason}" for reason, count in _reasons(rows))
    for reason, models in idle.items():
        yield f"  {', '.join(models)}: nothing; {reason}"


def _reasons(rows: pl.DataFrame) -> list[tuple[str, int]]:
    """The commonest reasons for which files of a model that uses others are left."""
    left = rows.filter(pl.col("use").is_in(["none", "unlabelled"]))
    return left.group_by("reason").len().sort("len", "reason", descending=[True, False]).head(3).rows()


def _sides(examples: pl.DataFrame) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    once = examples.filter(pl.col("task").is_not_null()).unique(["example_id"])
    for task, split, count in once.group_by("task", "split").len().iter_rows():
        found[task][split] = count
    return found


def _tasks(ledger: pl.DataFrame, tasks: Mapping[str, Any], sides: Mapping[str, Counter[str]], wanted: str) -> Iterator[str]:
    used = {use["task"] for uses in ledger["tasks"].to_list() for use in uses or ()}
    near = {name for name, row in tasks.items() if wanted and (row["root"] == wanted or row["root"].startswith(wanted + "/"))}
    for name in sorted(used | near):
        row, counts = tasks[name], sides.get(name, Counter())
        models = ", ".join(row["models"]) or "no registered model"
        yield f"Task {name} ({row['subject']}), learned by {models}: {KINDS[row['kind']]}"
        yield f"  {row['examples']} examples: {counts['train']} to train, {counts['valid']} to validate, {counts['test']} to test"
        if row["classes"]:
            more = f" … {len(row['classes'])} in all" if len(row["classes"]) > SHOWN else ""
            yield f"  Classes: {', '.join(row['classes'][:SHOWN])}{more}"
        yield f"  Found by {row['adapter']} in {row['root'] or 'the whole lake'}: {row['why']}"
        yield f"  Given to the model: {', '.join(row['roles'])}"
        if row["withheld"]:
            yield "  Kept from the model:"
        yield from (f"    {item}" for item in row["withheld"])


def _records(settings: Settings, files: pl.DataFrame, path: str) -> Iterator[str]:
    view = Lake(settings.raw, files, load_overrides(settings))
    records = view.records(path) if files.filter(pl.col("path") == path)["modality"][0] == "text" else None
    if records is None:
        return
    reading = read_roles(records, view.roles(path))
    yield f"It holds {len(records.rows)} {records.format} record{'s' if len(records.rows) > 1 else ''} with the fields:"
    for name, column in columns(records).items():
        yield f"  {name}: {_looks(column, len(records.rows))}"
    yield (
        f"  Read as: {reading.why}"
        if reading is not None
        else "  No field was recognised as a label, by its name or its values; `columns` in unified.yaml can name one"
    )


def _looks(column: Column, rows: int) -> str:
    """What kind of values a field has."""
    if not column.filled:
        return "always empty"
    empty = f", empty in {1 - column.share:.0%}" if column.share < 1 else ""
    kind = "numbers" if column.numeric > 0.9 else "lists" if column.listed > 0.9 else "sentences" if column.prose else "short texts"
    if column.distinct == rows:
        return f"{kind}, each different{empty}"
    same = "the same in all" if column.distinct == 1 else f"{column.distinct} different"
    return f"{kind}, {same}{empty}, such as {min(column.filled, key=len)[:40]!r}"


def _sample(examples: pl.DataFrame, path: str) -> Iterator[str]:
    mine = examples.filter(pl.col("inputs").list.eval(pl.element().struct.field("path") == path).list.any())
    for row in mine.unique("example_id").sort("example_id").head(2).iter_rows(named=True):
        inputs: dict[str, list[str]] = defaultdict(list)
        for value in row["inputs"]:
            inputs[value["role"]].append((value["text"] or value["path"])[:LONGEST])
        shown = {role: texts if len(texts) > 1 else texts[0] for role, texts in inputs.items()}
        yield f"For example ({row['split']}): {json.dumps(shown, ensure_ascii=False)} → {row['target']}"
