"""The label spaces that allocation finds in a folder, beside those a person expects; the sides, leaks and reasons of it.

    python benchmarks/labels.py FOLDER [--expected FILE.json] [--state FOLDER] [--reasons]

FILE.json is a list of {"root", "models", "kind", "classes", "examples"}, each one label space that a person found by reading the
files: `root` the folder it lies in, `classes` how many (0 where there are none), `examples` how many different ones with one label.
Two spaces of one root are told apart by `form` (part of the task's id or adapter) or `subject`; `about`: [least, most] stands
for an exact number. Exits with 1 where one was not found, or has other models, kind, classes or examples.
"""

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.allocation import allocate
from unified_assets.catalog import scan
from unified_assets.core import plugins
from unified_assets.core.settings import Settings
from unified_assets.quality import assess
from unified_assets.store.local import Store

SIDES = {"train": 0.70, "valid": 0.15, "test": 0.15}


def main() -> int:
    """Allocate, compare, print."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path)
    ask.add_argument("--expected", type=Path)
    ask.add_argument("--state", type=Path, help="folder to keep catalog and verdicts in (default: a temporary one)")
    ask.add_argument("--reasons", action="store_true", help="also print every distinct reason of the ledger, numbers and names masked")
    args = ask.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(raw=args.folder, state=args.state or Path(scratch)).absolute()
        scan(settings)
        assess(settings)
        started = time.process_time()
        summary = allocate(settings)
        print(f"{summary.files} files, {len(summary.tasks)} tasks, {time.process_time() - started:.1f} CPU-seconds for allocation alone\n")
        store = Store(settings.state)
        tasks = {row["task"]: row for row in store.table("tasks").iter_rows(named=True)}
        wanted = json.loads(args.expected.read_text(encoding="utf-8")) if args.expected else []
        wrong = compare(wanted, tasks)
        print_sides(summary.tasks)
        print_leaks(tasks)
        for note in summary.notes:
            print(f"note: {note}")
        check_ledger(store, summary.files)
        if args.reasons:
            print_reasons(store.table("allocation"), tasks)
    return 1 if wrong else 0


def compare(wanted: list[dict[str, Any]], tasks: dict[str, dict[str, Any]]) -> int:
    """Print expected beside found; returns how many differ."""
    met: set[str] = set()
    wrong = 0
    print(f"{'task':<72}{'kind':<16}{'classes':>13}{'examples':>19}  verdict")
    for one in wanted:
        task = _task_of(one, tasks, met)
        problems = ["not found"] if task is None else _differences(one, task)
        wrong += bool(problems)
        found = task or {"task": f"({one['root']} {one.get('form', '')})", "classes": (), "examples": 0, "models": ()}
        met.add(found["task"])
        number = one["examples"] if one["examples"] is not None else "-".join(map(str, one["about"]))
        shares = f"{one['classes']:>6}/{len(found['classes']):>6}{number:>12}/{found['examples']:>6}"
        print(f"{found['task'][:70]:<72}{one['kind']:<16}{shares}  {'; '.join(problems) or 'as expected'}: {', '.join(found['models'])}")
    for name in sorted(set(tasks) - met):
        row = tasks[name]
        print(f"{name[:70]:<72}{row['kind']:<16}{'-':>6}/{len(row['classes']):>6}{'-':>12}/{row['examples']:>6}  not in the list: {', '.join(row['models'])}")
    print(f"\n{len(wanted) - wrong} of {len(wanted)} as expected, {len(set(tasks) - met)} more found\n" if wanted else "")
    return wrong


def _task_of(one: dict[str, Any], tasks: dict[str, dict[str, Any]], met: set[str]) -> dict[str, Any] | None:
    for name, row in sorted(tasks.items()):
        below = row["root"] == one["root"] or row["root"].startswith(f"{one['root']}/")
        form = one.get("form", "") in f"{name} {row['adapter']}"
        alike = row["kind"] == one["kind"] and row["subject"] == one.get("subject", row["subject"])
        if name not in met and below and form and alike:
            return row
    return None


def _differences(one: dict[str, Any], task: dict[str, Any]) -> list[str]:
    least, most = one["about"] if one["examples"] is None else (one["examples"], one["examples"])
    found = []
    if set(one["models"]) - set(task["models"]):
        found.append(f"lacks {', '.join(sorted(set(one['models']) - set(task['models'])))}")
    if one["classes"] != len(task["classes"]):
        found.append("other classes")
    if not least <= task["examples"] <= most:
        found.append("other examples")
    return found


def print_sides(tasks: Any) -> None:
    """The share of each side that is not declared, where it is off by more than 2 points."""
    for task in tasks:
        total = sum(task[side] for side in SIDES)
        off = {side: task[side] / total - share for side, share in SIDES.items()}
        if max(map(abs, off.values())) > 0.02:
            print(f"sides of {task['task']}: {task['train']} / {task['valid']} / {task['test']}")


def print_leaks(tasks: dict[str, dict[str, Any]]) -> None:
    """What is named as giving the answer away."""
    print()
    for name, row in sorted(tasks.items()):
        for item in row["withheld"]:
            print(f"withheld from {name}: {item}")
    print()


def check_ledger(store: Store, files: int) -> None:
    """Rows = files x models; no group on two sides."""
    ledger, examples = store.table("allocation"), store.table("examples").filter(pl.col("task").is_not_null())
    models = len(plugins.models())
    crossing = examples.group_by("group").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    lost = ledger.filter(pl.col("reason").is_null() | (pl.col("reason") == ""))
    print(f"\nledger: {len(ledger)} rows for {files} files x {models} models; {len(lost)} without a reason; {len(crossing)} groups on two sides")


def print_reasons(ledger: pl.DataFrame, tasks: dict[str, dict[str, Any]]) -> None:
    """Every distinct reason by use, with how many rows have it and one path."""
    names = re.compile("|".join(sorted((re.escape(name) for name in tasks), key=len, reverse=True)) or r"(?!)")
    counts: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], str] = {}
    for path, model, use, reason in ledger.select("path", "model", "use", "reason").iter_rows():
        key = (use, re.sub(r"\d+", "N", names.sub("<task>", reason.replace(model, "<model>"))))
        counts[key] += 1
        example.setdefault(key, path)
    for (use, reason), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        print(f"{count:>7} {use:<13}{reason}   [{example[use, reason]}]")


if __name__ == "__main__":
    raise SystemExit(main())
