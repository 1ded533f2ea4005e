"""Catalog rows + quality verdicts + labels → tasks, examples, sides, and which model gets which file."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from unified_assets.allocation import unchanged
from unified_assets.allocation.continuing import continued
from unified_assets.allocation.declared import folders_with_train, resolve, stands_apart
from unified_assets.allocation.digests import memory_of, modality_digests, model_digests
from unified_assets.allocation.label_issues import LabelIssues, find_label_issues
from unified_assets.allocation.ledger import Ledger, Uses
from unified_assets.allocation.overrides import Overrides, is_config, load_overrides
from unified_assets.allocation.pair_sides import place_pairs
from unified_assets.allocation.pairing import pairs_of
from unified_assets.allocation.probing import shortcut, suspects
from unified_assets.allocation.proposing import Found, collect
from unified_assets.allocation.routing import inputs_for, learns, pair_inputs_for
from unified_assets.allocation.sides import Sides, assign
from unified_assets.allocation.units import CONTRADICTORY, Left, Row, one_of_each, rows_of
from unified_assets.allocation.view import Lake, usable_files
from unified_assets.core import plugins, tables
from unified_assets.core.contracts import Adapter, ModelSpec
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store, write_table

MIN_EXAMPLES = 16  # of a task; fewer cannot be measured
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class AllocationSummary:
    """What allocation found and decided."""

    digests: Mapping[str, str]  # modality -> hex
    model_digests: Mapping[str, str]  # model -> hex of its sorted examples
    use: Mapping[str, Mapping[str, int]]  # model -> use -> files
    tasks: tuple[Mapping[str, Any], ...]  # task subject kind models classes train valid test
    files: int
    seconds: float
    labels: LabelIssues
    notes: tuple[str, ...] = ()


@dataclass
class Work:
    """Everything of one allocation on its way to the tables."""

    files: pl.DataFrame
    by_path: dict[str, dict[str, Any]]
    found: list[Found]
    notes: list[str]
    left: dict[str, dict[str, tuple[str, int]]] = field(default_factory=lambda: defaultdict(dict))
    contradictory: list[Left] = field(default_factory=list)
    sound: bool = True  # False: a file could not be read or an adapter failed, which may be otherwise the next time


class Given(NamedTuple):
    """What a person says, and all files with their verdicts, as of `usable_files`."""

    overrides: Overrides
    files: pl.DataFrame


def _silent(_line: str) -> None:
    """Say nothing."""


def allocate(
    settings: Settings,
    log: Callable[[str], None] = _silent,
    specs: Mapping[str, ModelSpec] | None = None,
    adapters: Mapping[str, Adapter] | None = None,
) -> AllocationSummary:
    """Find tasks, decide who learns what from which file, and publish tasks, examples, splits and ledger as one version."""
    started = time.monotonic()
    settings = settings.absolute()
    specs = plugins.models() if specs is None else specs
    store = Store(settings.state)
    store.bind(settings.raw)
    adapters = plugins.adapters() if adapters is None else adapters
    given = Given(load_overrides(settings), usable_files(store.table("catalog"), store.table("quality_report")))
    inputs = unchanged.inputs_of(given.files, given.overrides, specs, adapters)
    if (told := unchanged.read(store.current("allocation"), inputs)) is not None:
        log("allocation: nothing that it depends on has changed")
        return AllocationSummary(**{**told, "seconds": time.monotonic() - started})
    work = propose(settings, store, adapters, given, log)
    before = {task: tuple(classes) for task, classes in store.table("tasks").select("task", "classes").iter_rows()}
    sides = divide(work, memory_of(store.table("splits")))
    frames = _frames(work, sides, specs, before)
    digests = model_digests(frames["examples"], specs)
    by_modality = modality_digests(frames["allocation"])
    summary = AllocationSummary(
        digests=by_modality,
        model_digests=digests,
        use=_uses(frames["allocation"], specs),
        tasks=tuple(_task_counts(frames["tasks"], frames["examples"])),
        files=len(work.files),
        seconds=time.monotonic() - started,
        notes=tuple(work.notes),
        labels=find_label_issues(settings, store.table("catalog"), work.contradictory, frames["examples"]),
    )
    _publish(store, frames, inputs if work.sound else None, summary)
    log(f"allocation: {len(summary.tasks)} tasks, {len(frames['examples'])} rows of examples, {summary.files} files in {summary.seconds:.1f} s")
    return summary


def propose(settings: Settings, store: Store, adapters: Mapping[str, Adapter], given: Given, log: Callable[[str], None]) -> Work:
    """Every label space and pair of the usable files."""
    overrides, files = given
    usable = files.filter(pl.col("refusal").is_null() & ~pl.col("path").map_elements(lambda path: is_config(path, settings), return_dtype=pl.Boolean))
    view = Lake(settings.raw, usable, overrides)
    found, notes = collect(view, adapters, overrides, log, lambda spaces: continued(spaces, usable, store.table("tasks"), lambda: store.table("examples")))
    sources = {path for item in found for path in item.proposal.label_sources}
    found += pairs_of(view, sources)
    by_path = {
        row["path"]: row
        for row in usable.select(
            "path", "file_id", "modality", "near_duplicate_group", "channels", "media_type", "size_bytes", "duration_s", "sample_rate_hz", "width", "height"
        ).to_dicts()
    }
    failed = any(note.startswith(f"adapter {name} failed:") for note in notes for name in adapters)
    return Work(files=files.sort("path"), by_path=by_path, found=found, notes=notes, sound=not failed and not view.unread)


def divide(work: Work, memory: Mapping[str, tuple[str, bool]]) -> Sides:
    """One row for each unit, each on its side; tasks that are too small or have one class are dropped with the reason."""
    tasks: dict[str, list[Row]] = {}
    with_train = folders_with_train(work.by_path)
    for item in work.found:
        rows = rows_of(item, work.by_path)
        for row, side in zip(rows, resolve([row.declared for row in rows]), strict=True):
            row.declared, row.apart = side, stands_apart(row.inputs[0]["path"], with_train)
        rows, left = one_of_each(rows, memory)
        _note_left(work, left)
        work.contradictory += [one for one in left if one.reason.startswith(CONTRADICTORY)]
        problem = _too_little(rows, item.proposal.kind)
        if problem is None:
            tasks[item.task] = rows
        else:
            work.notes.append(f"{item.task}: {problem}")
            _note_left(work, [Left(item.task, value["path"], problem) for row in rows for value in row.inputs])
    pairs = {item.task for item in work.found if item.proposal.kind == "pair"}
    sides = assign({task: rows for task, rows in tasks.items() if task not in pairs}, memory)
    _note_left(work, sides.left)
    unlabelled = [row for task in sorted(pairs & tasks.keys()) for row in tasks[task]]
    placed, left = place_pairs(unlabelled, sides.memory)
    _note_left(work, left)
    sides.rows += placed
    return sides


def _too_little(rows: list[Row], kind: str) -> str | None:
    if kind == "pair":
        return None
    if len(rows) < MIN_EXAMPLES:
        return f"{len(rows)} examples are too few to learn and measure a task, {MIN_EXAMPLES} are needed"
    if kind == "classification" and len({row.target for row in rows}) < 2:
        return "all examples have the same label"
    return None


def _note_left(work: Work, left: list[Left]) -> None:
    for item in left:
        reason, count = work.left[item.path].get(item.task, (item.reason, 0))
        work.left[item.path][item.task] = (reason, count + 1)


def _frames(work: Work, sides: Sides, specs: Mapping[str, ModelSpec], before: Mapping[str, tuple[str, ...]]) -> dict[str, pl.DataFrame]:
    proposals = {item.task: item.proposal for item in work.found}
    learned_by = {
        task: tuple(name for name, spec in specs.items() if learns(spec, proposal.subject, proposal.kind, proposal.roles))
        for task, proposal in proposals.items()
    }
    uses = {name: Uses(spec) for name, spec in specs.items()}
    examples: list[dict[str, Any]] = []
    for row in sides.rows:
        pair = row.kind == "pair"
        for name in specs if pair else learned_by[row.task]:
            inputs = pair_inputs_for(specs[name], row.inputs) if pair else inputs_for(specs[name], row.inputs, work.by_path)
            if inputs:
                task = None if pair else row.task
                examples.append(_example(row, name, task, inputs))
                uses[name].add(task, row.split, inputs, work.by_path)
    for task, proposal in proposals.items():
        for name in learned_by[task]:
            for path in proposal.label_sources:
                uses[name].sources[path].add(task)
    adapters = {task: proposal.adapter for task, proposal in proposals.items()}
    given = {(row["task"], row["model"]) for row in examples}
    capable = {**learned_by, **{task: tuple(specs) for task, proposal in proposals.items() if proposal.kind == "pair"}}
    learned_by = {task: tuple(name for name in names if (task, name) in given) for task, names in learned_by.items()}
    ledger = Ledger(specs=specs, uses=uses, adapters=adapters, left=work.left, capable=capable)
    allocation = ledger.rows(work.files.select("path", "modality", "media_type", "refusal").to_dicts())
    schema = {name: list(getattr(tables, constant).items()) for name, constant in (("examples", "EXAMPLES"), ("allocation", "ALLOCATION"), ("tasks", "TASKS"))}
    memory = [{"group": key, "split": side, "declared": declared} for key, (side, declared) in sorted(sides.memory.items())]
    return {
        "examples": pl.DataFrame(examples, schema=dict(schema["examples"])).unique(["example_id", "model"], keep="first").sort("model", "example_id"),
        "allocation": pl.DataFrame(list(allocation), schema=dict(schema["allocation"])),
        "tasks": pl.DataFrame(list(_tasks(proposals, sides, learned_by, work.by_path, before)), schema=dict(schema["tasks"])),
        "splits": pl.DataFrame(memory, schema=dict(tables.SPLIT_MEMORY)),
    }


def _example(row: Row, model: str, task: str | None, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "example_id": row.example_id,
        "model": model,
        "task": task,
        "kind": row.kind,
        "inputs": inputs,
        "target": row.target,
        "group": row.group,
        "split": row.split,
    }


def _tasks(
    proposals: Mapping[str, Any],
    sides: Sides,
    learned_by: Mapping[str, tuple[str, ...]],
    files: Mapping[str, dict[str, Any]],
    before: Mapping[str, tuple[str, ...]],
) -> Any:
    by_task: dict[str, list[Row]] = defaultdict(list)
    for row in sides.rows:
        by_task[row.task].append(row)
    for task, rows in sorted(by_task.items()):
        proposal = proposals[task]
        if proposal.kind == "pair":
            continue
        met = {row.target for row in rows if row.target is not None} if proposal.kind == "classification" else set()
        gone = sorted(set(before.get(task, ())) - met - set(proposal.class_map)) if met else []
        removed = (f"no longer in the data, kept but not scored: {', '.join(gone)}",) if gone else ()
        classes = sorted({*met, *gone})
        yield {
            "task": task,
            "subject": proposal.subject,
            "kind": proposal.kind,
            "roles": list(proposal.roles),
            "classes": classes,
            "adapter": proposal.adapter,
            "root": proposal.root,
            "models": list(learned_by[task]),
            "withheld": [*proposal.withheld, *suspects(rows, files), *shortcut(rows)],
            "examples": len(rows),
            "why": "; ".join((proposal.why, *sides.notes.get(task, ()), *removed)),
        }


def _publish(store: Store, frames: Mapping[str, pl.DataFrame], inputs: str | None, summary: AllocationSummary) -> None:
    def write(folder: Path) -> None:
        for name, frame in frames.items():
            write_table(folder, name, frame)
        if inputs is not None:
            unchanged.write(folder, inputs, summary)

    store.publish("allocation", write)


def _uses(allocation: pl.DataFrame, specs: Mapping[str, ModelSpec]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {name: dict.fromkeys(tables.USES, 0) for name in specs}
    for model, use, count in allocation.group_by("model", "use").len().iter_rows():
        counts[model][use] = count
    return counts


def _task_counts(tasks: pl.DataFrame, examples: pl.DataFrame) -> Any:
    once = examples.filter(pl.col("task").is_not_null()).unique(["example_id"])
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for task, split, number in once.group_by("task", "split").len().iter_rows():
        counts[task][split] = number
    for row in tasks.iter_rows(named=True):
        sides = {split: counts[row["task"]][split] for split in SPLITS}
        yield {"task": row["task"], "subject": row["subject"], "kind": row["kind"], "models": row["models"], "classes": len(row["classes"]), **sides}
