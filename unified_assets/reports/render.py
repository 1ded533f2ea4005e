"""The tables of a run → one self-contained page."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from unified_assets.pages.html import facts, note, page, paragraph, section, table
from unified_assets.pages.markup import Markup
from unified_assets.pages.plots import lines
from unified_assets.reports.collect import RunFiles
from unified_assets.reports.gantt import gantt
from unified_assets.reports.mistakes import mistakes
from unified_assets.training.ablation import encoder_effect, summary
from unified_assets.training.metrics import SHARES

TASKS = {
    "model": "model",
    "task": "task",
    "train": "train",
    "test": "test",
    "metric": "metric",
    "majority": "majority",
    "baseline": "baseline",
    "score": "score",
    "error": "± error",
    "difference": "score − baseline",
    "interval": "95 % of it",
    "head": "answered by",
    "alone": "alone",
    "shared": "together − alone",
    "champion": "champion",
    "encoder_linear": "encoder: linear part, validation",
    "encoder_gain": "encoder: with − without, test",
    "verdict": "verdict",
}

BELOW = "below its baseline"
OPTIONAL = ("interval", "head", "alone", "shared", "champion", "encoder_linear", "encoder_gain")  # columns left out where nothing was measured


def render(files: RunFiles, *, name: str) -> str:
    """The page."""
    return page(
        f"Training run {name[:8]}",
        _overview(files, name),
        section("Failures", *_failures(files)),
        section("Tasks", _intro(), *_tasks(files)),
        section("Mistakes", *mistakes(files)),
        *_retrieval(files),
        section("Versions", *_versions(files)),
        section("Progress", *_curves(files)),
        section("Who computed when", gantt(files.leases)),
        section("Machine", *_machine(files)),
        section("Exchange", *_exchange(files)),
        section("Cost", table(_costs(files)) if not files.rounds.is_empty() else paragraph("no round was trained")),
    )


def _overview(files: RunFiles, name: str) -> Markup:
    run = files.run
    tiles = {
        "run": name,
        "preset": run.get("preset"),
        "status": run.get("status"),
        "seconds": run.get("seconds"),
        "trained": len(files.registered),
        "already trained": len(files.kept),
        "failed": len(files.failures),
        "cores": files.plan.get("cores"),
    }
    return facts(tiles)


def _intro() -> Markup:
    return paragraph(
        "Scores are on the test side of each task. Majority: always answering the commonest class. "
        "Baseline: a classical method, learned and scored on the same split. "
        "Where there was a refit, what is scored has learned from the validation side too, as the baseline has. "
        "Error: one standard error of the score, from the number of test examples alone. "
        "95 % of it: bootstrap of the difference on the same test examples. "
        "Champion: the version in force before, on the same examples. "
        "Answered by: the part that counts, where the validation side decided whether a network adds to a linear classifier. "
        "Alone: the same model trained from the same seed without exchange, where that was measured. "
        "Encoder: what a pretrained one gave; linear part: the right answers to validation rows of a linear classifier fitted without its vectors and with "
        "them; with − without: the mean difference of test scores over the same seeds, trained with and without it, both without exchange."
    )


def _entries(files: RunFiles) -> dict[str, Mapping[str, Any]]:
    """Model → its tasks: registered in this run, or in force already, or trained and not yet registered."""
    return {**files.results, **files.kept, **files.registered}


def _tasks(files: RunFiles) -> list[Markup]:
    rows = [_task_row(model, task, _champions(entry)) for model, entry in sorted(_entries(files).items()) for task in entry.get("tasks", [])]
    losing = [f"{row['model']} / {row['task']}" for row in rows if str(row["verdict"]).startswith(BELOW)]
    out = [note(f"Below their classical baseline: {', '.join(losing)}", "warn")] if losing else []
    shown = {key: heading for key, heading in TASKS.items() if key not in OPTIONAL or any(row[key] is not None for row in rows)}
    return [*out, table(rows, shown) if rows else paragraph("no task was scored")]


def _champions(entry: Mapping[str, Any]) -> dict[str, float | None]:
    """Task → what the champion that was in force scores on the examples of the comparison."""
    return {one["task"]: one["champion"] for one in entry.get("comparisons", []) if one["reference"].startswith("champion")}


def _retrieval(files: RunFiles) -> list[Markup]:
    """How often a model finds what belongs to a file among held-out pairs; nothing where no model was asked."""
    rows = [
        {"model": model, "from": row["query"], "to": row["answer"], **{name: _rounded(value) for name, value in row.items() if name not in {"query", "answer"}}}
        for model, entry in sorted(_entries(files).items())
        for row in entry.get("retrieval", [])
    ]
    caption = "Recall at k: share of held-out pairs of which the one file finds the other among its k nearest of all candidates; chance: the same at random"
    return [section("Retrieval", table(rows, caption=caption))] if rows else []


def _task_row(model: str, task: Mapping[str, Any], champions: Mapping[str, float | None]) -> dict[str, object]:
    score, baseline, alone, interval = task.get("score"), task.get("baseline"), task.get("alone"), task.get("over_baseline")
    return {
        **{key: _rounded(task.get(key)) for key in TASKS},
        "model": model,
        "error": _rounded(_standard_error(task)),
        "difference": None if score is None or baseline is None else _rounded(score - baseline),
        "interval": None if interval is None else f"{interval[0]:+.3f} … {interval[1]:+.3f}",
        "champion": _rounded(champions.get(task["task"])),
        "shared": None if score is None or alone is None else _rounded(score - alone),
        "encoder_linear": _from_to(task.get("encoder_linear")),
        "verdict": _verdict(task),
    }


def _from_to(measured: Mapping[str, float] | None) -> str | None:
    return None if measured is None else f"{measured['without']:.3f} → {measured['with']:.3f}"


def _verdict(task: Mapping[str, Any]) -> str:
    """Where the score stands beside the baseline; a difference that chance explains says so."""
    score, baseline = task.get("score"), task.get("baseline")
    if score is None or baseline is None or task.get("beats_baseline") is None:
        return "not measured"
    if score == baseline:
        return "equal to its baseline"
    side = "above its baseline" if task["beats_baseline"] else BELOW
    return f"{side}, within its error" if _is_chance(task) else side


def _is_chance(task: Mapping[str, Any]) -> bool:
    """Whether the interval of the difference holds zero; of an older run, whether the difference is below the score's own error."""
    if task.get("over_baseline") is not None:
        low, high = task["over_baseline"]
        return bool(low <= 0 <= high)
    error = _standard_error(task)
    return error is not None and abs(task["score"] - task["baseline"]) < error


def _standard_error(task: Mapping[str, Any]) -> float | None:
    """One binomial standard error of a share of right answers; None for another metric."""
    score, test = task.get("score"), task.get("test")
    if score is None or not test or task.get("metric") not in SHARES:
        return None
    return float((score * (1 - score) / test) ** 0.5)


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def _versions(files: RunFiles) -> list[Markup]:
    rows = []
    for model in sorted({*files.registered, *files.kept, *files.members.get("skipped", {}), *files.members.get("members", [])}):
        entry = files.registered.get(model) or files.kept.get(model) or {}
        rows.append(
            {
                "model": model,
                "version": entry.get("version"),
                "champion": "yes" if entry.get("champion") else "no",
                "in this run": "trained" if model in files.registered else files.members.get("skipped", {}).get(model, "not finished"),
                "decision": entry.get("decision"),
            }
        )
    compared = [
        {"model": model, **{key: one[key] for key in ("task", "reference", "examples", "won", "lost", "p_value", "challenger", "champion", "worse")}}
        for model, entry in sorted(files.registered.items())
        for one in entry.get("comparisons", [])
    ]
    return [table(rows) if rows else paragraph("nothing was registered"), *([table(compared, caption="Paired on the same test examples")] if compared else [])]


def _failures(files: RunFiles) -> list[Markup]:
    if not files.failures:
        return [paragraph("none")]
    return [
        note(f"{len(files.failures)} steps failed; the others went on.", "bad"),
        table(files.failures, {"step": "step", "error": "error", "message": "why"}),
    ]


def _curves(files: RunFiles) -> list[Markup]:
    if files.rounds.is_empty():
        return [paragraph("no round was trained")]
    trained = files.rounds.filter(pl.col("round") >= 1)
    out = []
    for column, title in (("train_loss", "Training loss"), ("valid_score", "Validation score, mean over a model's tasks")):
        series = {
            str(model): [(float(index), value) for index, value in rows.select("round", column).iter_rows()]
            for (model,), rows in trained.group_by(["model"], maintain_order=True)
        }
        out.append(lines(series, title=title, x_label="round", y_label=column))
    return out


def _machine(files: RunFiles) -> list[Markup]:
    """Load and memory of the whole machine over the run, as the steps saw them after each round, and what each step held."""
    if not files.machine:
        return [paragraph("no round was trained")]
    start = min([float(files.machine[0]["at"]), *files.leases["acquired"].to_list()])
    of = {key: [(row["at"] - start, row[key]) for row in files.machine] for key in ("load", "cpu_share", "memory_used_gib", "disk_free_gib")}
    steps: dict[str, list[tuple[float, float]]] = {"whole machine": of["memory_used_gib"]}
    for row in files.machine:
        steps.setdefault(str(row["model"]), []).append((row["at"] - start, row["step_memory_gib"]))
    gpus = {
        f"GPU {place}": [(row["at"] - start, row["gpu_used_gib"][place]) for row in files.machine if len(row["gpu_used_gib"]) > place]
        for place in range(max(len(row["gpu_used_gib"]) for row in files.machine))
    }
    busy = {"load average": of["load"], "cores busy": [(at, share * files.plan.get("cores", 1)) for at, share in of["cpu_share"]]}
    drawn = [lines(busy, title="Cores: all programs of the machine", x_label="seconds", y_label="cores")]
    drawn.append(lines(steps, title="Memory", x_label="seconds", y_label="GiB"))
    drawn += [lines(gpus, title="GPU memory", x_label="seconds", y_label="GiB")] if gpus else []
    return [*drawn, lines({"free": of["disk_free_gib"]}, title="Free disk", x_label="seconds", y_label="GiB")]


def _exchange(files: RunFiles) -> list[Markup]:
    out = [] if files.lessons or files.word_vectors else [paragraph("No model learned from another one in this run.")]
    if files.word_vectors:
        out.append(table(files.word_vectors, caption="Word vectors that all models of the run read, from the texts of all training sides"))
    if files.lessons:
        out.append(table(files.lessons, caption="Tasks learned on unlabelled files from another model's answers; kappa is their agreement beyond chance"))
    gains = _ablation(files)
    if gains:
        out.append(
            table(gains, caption="Test scores with each set of channels, mean and standard deviation over seeds; gain: over the same seeds without exchange")
        )
    encoders = _encoders(files)
    return [*out, table(encoders, caption="Test scores without and with the pretrained encoder, means over seeds, without exchange")] if encoders else out


def _encoders(files: RunFiles) -> list[dict[str, object]]:
    tasks = ((model, task) for model, entry in sorted(_entries(files).items()) for task in entry.get("tasks", []))
    found = ((model, task["task"], encoder_effect(task.get("ablation") or ())) for model, task in tasks)
    return [{"model": model, "task": task, **{name: _rounded(value) for name, value in row.items()}} for model, task, row in found if row is not None]


def _ablation(files: RunFiles) -> list[dict[str, object]]:
    tasks = ((model, task) for model, entry in sorted(_entries(files).items()) for task in entry.get("tasks", []))
    return [
        {"model": model, "task": task["task"], **{name: _rounded(value) for name, value in row.items()}}
        for model, task in tasks
        for row in summary(task.get("ablation") or ())
    ]


def _costs(files: RunFiles) -> list[dict[str, object]]:
    rows = files.rounds.group_by("model").agg(
        pl.col("refit").fill_null(value=False).not_().sum().alias("rounds"),
        pl.col("compute_s").filter(pl.col("refit")).sum().alias("refit_s"),
        pl.col("steps").sum(),
        pl.col("compute_s").sum(),
        pl.col("wait_s").sum(),
        pl.col("cpu_s").sum(),
    )
    return rows.sort("model").to_dicts()
