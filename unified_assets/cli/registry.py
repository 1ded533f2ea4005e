"""Commands on registered models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unified_assets.cli.roots import Json, put, say, settings

if TYPE_CHECKING:
    from unified_assets.tracking.experiment import Tracker
    from unified_assets.tracking.retention import Removal

Model = Annotated[str, typer.Argument(help="Name of a registered model.")]


def models(as_json: Json = False) -> None:
    """The models, each with its registered versions; what it takes to train those that have none."""
    from unified_assets.core import plugins
    from unified_assets.tracking.status import model_rows

    needs = {}
    for name, spec in plugins.models().items():
        cores = f"{spec.needs.min_cores} to {spec.needs.max_cores} cores"
        needs[name] = f"{cores}, {spec.needs.memory_gib:g} GiB of memory, {spec.needs.gpu_memory_gib:g} GiB of GPU memory where it trains on one"
    found = model_rows(settings().state, needs)
    if as_json:
        put(found)
        return
    from unified_assets.reports.screen import show_models

    show_models(found)


def predict(
    model: Model,
    items: Annotated[list[str], typer.Argument(help="Files, folders (all files below), or texts where nothing has that name.")],
    task: Annotated[str, typer.Option(help="Which of the model's tasks (default: all that fit).")] = "",
    version: Annotated[int | None, typer.Option(help="Which version (default: the champion).")] = None,
    form: Annotated[str, typer.Option("--format", help="jsonl, csv or table.")] = "jsonl",
) -> None:
    """What a registered model says of files, folders or texts, with its confidence. Ends with 1 where an item could not be answered."""
    from unified_assets.cli import predicting
    from unified_assets.inference import load
    from unified_assets.tracking.served_version import version_folder

    write = predicting.writer(form)
    predictor = load(version_folder(settings().state, model, version))
    failed = write(predicting.answered(predictor, predicting.expanded(items), task or None))
    raise typer.Exit(1 if failed else 0)


def compare(
    a: Annotated[str, typer.Argument(help="MODEL:VERSION, MODEL@champion, MODEL@challenger, a run's id or its beginning, or `last`.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    as_json: Json = False,
) -> None:
    """Two versions of a model, or two runs: each task on the test examples both answered, with a paired test."""
    from unified_assets.tracking.comparing import compared, side

    state = settings().state
    found = compared(side(state, a), side(state, b))
    if as_json:
        put(found)
        return
    from unified_assets.reports.screen import show_comparison

    show_comparison(found)


def promote(model: Model, version: Annotated[int, typer.Argument(help="The version that becomes champion.")]) -> None:
    """Make a registered version the champion, whatever was decided when it was trained."""
    from unified_assets.tracking.registry import set_champion

    before = set_champion(_tracker(), model, version)
    typer.echo(f"{model}: version {version} is the champion {'already' if before == version else f'now; before it was version {before}'}")


def rollback(model: Model) -> None:
    """Give the champion's place back to the version that held it before."""
    from unified_assets.tracking.registry import roll_back

    before, after = roll_back(_tracker(), model)
    typer.echo(f"{model}: version {after} is the champion again; version {before} stays registered")


def prune(
    keep: Annotated[int, typer.Option(min=1, help="Versions of each model, and unfinished runs with their checkpoints, to keep.")] = 3,
    runs: Annotated[int, typer.Option(min=0, help="Runs in Dagster's history to keep, the newest.")] = 100,
    days: Annotated[float, typer.Option(min=0, help="Keep every run in Dagster's history that ended within so many days, too.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old versions, checkpoints, encoders and Dagster runs; never what is in force, a rollback brings back, is best in a task, or a living run uses."""
    from unified_assets.tracking.retention import removable, remove

    tracker = _tracker()
    if dry_run:
        removals = [*removable(tracker, keep=keep), *_history(keep=runs, days=days, dry_run=True)]
    else:
        from unified_assets.defs.run_lock import training_run

        with training_run(tracker.state, "prune", wait=False):
            removals = [*remove(tracker, removable(tracker, keep=keep), say, keep=keep), *_history(keep=runs, days=days, dry_run=False)]
    size = sum(one.size_bytes for one in removals)
    if as_json:
        rows = [{"what": one.what, "bytes": one.size_bytes, "folders": list(map(str, one.folders))} for one in removals]
        put({"dry_run": dry_run, "bytes": size, "removed": rows})
        return
    for one in removals:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {one.what}: {one.size_bytes:,} bytes")
    typer.echo(f"{len(removals)} removals, {size:,} bytes{' (nothing was removed: --dry-run)' if dry_run else ''}")


def _history(*, keep: int, days: float, dry_run: bool) -> "list[Removal]":
    """Runs in Dagster's history that go, or would; none where the lake has no instance yet."""
    from unified_assets.defs.instance import has_instance, open_instance
    from unified_assets.defs.run_retention import removable_runs, remove_runs

    chosen = settings()
    if not has_instance(chosen):
        return []
    with open_instance(chosen) as instance:
        found = removable_runs(instance, chosen, keep=keep, days=days)
        return found if dry_run else remove_runs(instance, found)


def export(
    model: Model,
    file: Annotated[Path, typer.Argument(help="Where to write; several tasks of a model give one file each, with the task in its name.")],
    form: Annotated[str, typer.Option("--format", help="torchscript or onnx.")] = "torchscript",
    task: Annotated[str, typer.Option(help="Which of the model's tasks (default: all that can be exported).")] = "",
    version: Annotated[int | None, typer.Option(help="Which version (default: the champion).")] = None,
) -> None:
    """Write a model's network for other programs. Ends with 1 and the reason where a model is more than a network."""
    from unified_assets.inference import load
    from unified_assets.inference.exporting import export as write
    from unified_assets.tracking.served_version import version_folder

    for path, about in write(load(version_folder(settings().state, model, version)), file, form=form, task=task or None):
        typer.echo(f"{path}: {about}")


def _tracker() -> "Tracker":
    from unified_assets.tracking.experiment import Tracker

    found: Any = settings()
    return Tracker(uri=found.tracking_uri, state=found.state)
