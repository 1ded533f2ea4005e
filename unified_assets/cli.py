"""The `unified-assets` command: thin, launches Dagster jobs. Nothing heavy is imported before it is needed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unified_assets.core.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One folder of mixed raw files in; seven trained, measured, registered models out.",
)
_roots: dict[str, Path | None] = {"raw": None, "state": None}


@app.callback()
def _globals(
    raw: Annotated[Path | None, typer.Option("--raw", help="Root of the raw files (default: data/raw, or UNIFIED_ASSETS_RAW).")] = None,
    state: Annotated[Path | None, typer.Option("--state", help="Everything generated from them (default: data/state, or UNIFIED_ASSETS_STATE).")] = None,
) -> None:
    _roots.update(raw=raw, state=state)


def _settings() -> "Settings":
    from unified_assets.core.settings import Settings

    given = {name: value for name, value in _roots.items() if value is not None}
    return Settings().model_copy(update=given).absolute()


def _say(message: str) -> None:
    typer.echo(message, err=True)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to write it; its truth goes beside it.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    scale: Annotated[float, typer.Option(min=0.05, help="How many files, relative to the usual.")] = 1.0,
) -> None:
    """Write a small mixed lake with known truth and planted faults."""
    from unified_assets.sample import write

    typer.echo(write(folder, seed=seed, scale=scale))


@app.command()
def refresh() -> None:
    """Catalog, quality report, allocation and datasets; trains nothing."""
    from unified_assets.defs.first_run import choose_lake, of_state

    settings = choose_lake(of_state(_settings()), or_sample=False, say=_say)
    from unified_assets.defs.launch import refresh as run

    ended = run(settings)
    _tell_failures(ended.failed)
    typer.echo(f"refreshed in {ended.seconds:.0f} s" if ended.success else f"refresh failed after {ended.seconds:.0f} s")
    raise typer.Exit(0 if ended.success else 1)


@app.command()
def train(
    preset: Annotated[str, typer.Option(help="Name of a preset, or a path to a YAML file.")] = "quick_start",
    models: Annotated[str, typer.Option(help="Only these models, separated by commas (default: those of the preset).")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last run that failed or was killed, from its last round.")] = False,
    or_sample: Annotated[bool, typer.Option("--or-sample", help="Train on a sample lake while the raw folder is empty.")] = False,
) -> None:
    """Train the models of a preset on the files, all in one run; what is trained on these very data already is left alone."""
    from unified_assets.core import plugins
    from unified_assets.defs.first_run import choose_lake
    from unified_assets.presets import load_preset

    wanted, names = load_preset(preset), [name.strip() for name in models.split(",") if name.strip()]
    wanted = wanted.model_copy(update={"target_models": tuple(names)}) if names else wanted
    wanted.models(tuple(plugins.models()))  # a typing error is told before anything starts
    settings = choose_lake(_settings(), or_sample=or_sample or resume, say=_say)
    if not resume:
        shown = wanted.model_dump(mode="json", exclude={"name", "description"}, exclude_defaults=False)
        _say(f"preset {wanted.name}, {wanted.rounds} rounds: " + ", ".join(f"{key} {value}" for key, value in shown.items() if value not in (None, {}, [])))
    from unified_assets.defs import launch

    ended = launch.resume(settings, log=_say) if resume else launch.train(settings, preset, names, log=_say)
    from unified_assets.reports.screen import show_status
    from unified_assets.tracking.status import status as read

    show_status(read(settings.state, code_versions={}), with_runs=False)
    report_page = settings.state / "runs" / ended.root / "report.html"
    typer.echo(f"run {ended.root} {'done' if ended.success else 'FAILED'} in {ended.seconds:.0f} s; report: {report_page}")
    for model, why in sorted(ended.not_trained.items()):
        typer.echo(f"not trained: {model}: {why}")
    _tell_failures(ended.failed)
    raise typer.Exit(0 if ended.success else 1)


def _tell_failures(failed: dict[str, str]) -> None:
    for step, why in sorted(failed.items()):
        typer.echo(f"failed: {step}: {why}", err=True)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Models with their tasks and scores, files, what is stale, and the training runs."""
    import json

    from unified_assets.core import plugins
    from unified_assets.tracking.status import status as read

    settings = _settings()
    versions = {name: spec.version for name, spec in plugins.models().items()} if (settings.state / "stages").is_dir() else {}
    found = read(settings.state, code_versions=versions)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    from unified_assets.reports.screen import show_status

    show_status(found, with_runs=True)


@app.command()
def ledger(
    model: Annotated[str, typer.Option(help="Only this model.")] = "",
    path: Annotated[str, typer.Option(help="Only files whose path starts with this.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 50,
) -> None:
    """What each model does with each file, and why."""
    from unified_assets.reports.screen import show_ledger

    show_ledger(_settings().state, model=model, path=path, limit=limit)


@app.command()
def explain(path: Annotated[str, typer.Argument(help="A file or folder, relative to the raw root or as it lies.")]) -> None:
    """What was inferred for a file or folder, and why."""
    from unified_assets.allocation import explain as text
    from unified_assets.defs.first_run import of_state

    settings = of_state(_settings())
    given = Path(path)
    inside = given.absolute().is_relative_to(settings.raw) and (given.is_absolute() or given.exists())
    typer.echo(text(settings, given.absolute().relative_to(settings.raw).as_posix() if inside else path))


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="Name of a registered model.")],
    items: Annotated[list[str], typer.Argument(help="Files, or texts where no file has that name.")],
    task: Annotated[str, typer.Option(help="Which of the model's tasks (default: all that fit).")] = "",
    version: Annotated[int | None, typer.Option(help="Which version (default: the champion).")] = None,
) -> None:
    """What a registered model says of files or texts, one JSON line each."""
    import json

    from unified_assets.inference import load
    from unified_assets.tracking.served_version import version_folder

    predictor = load(version_folder(_settings().state, model, version))
    given = [Path(item) if Path(item).exists() else item for item in items]
    for item, answer in zip(items, predictor.predict(given, task or None), strict=True):
        typer.echo(json.dumps({"item": item, **answer}, ensure_ascii=False, default=str))


@app.command()
def champion(
    model: Annotated[str, typer.Argument(help="Name of a registered model.")],
    version: Annotated[int, typer.Argument(help="The version that becomes champion.")],
) -> None:
    """Make a registered version the champion by hand: a rollback."""
    from unified_assets.tracking.experiment import Tracker
    from unified_assets.tracking.registry import set_champion

    settings = _settings()
    set_champion(Tracker(uri=settings.tracking_uri, state=settings.state), model, version)
    typer.echo(f"{model}: version {version} is the champion now")


@app.command()
def report(run: Annotated[str, typer.Argument(help="A run id or its beginning; `last` for the newest.")] = "last") -> None:
    """Render the report of a training run from its files, also of one that failed."""
    from unified_assets.reports import find_run, write_report

    settings = _settings()
    page, _ = write_report(find_run(settings.state, run), state=settings.state)
    typer.echo(page)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI on 127.0.0.1.")] = 3000,
    auto: Annotated[bool, typer.Option("--auto", help="Switch the sensor for new files on: it refreshes, and trains when enough changed.")] = False,
) -> None:
    """The Dagster UI and daemon of this lake, on 127.0.0.1."""
    from unified_assets.defs.first_run import of_state
    from unified_assets.defs.serve import serve

    settings = of_state(_settings())
    typer.echo(f"MLflow, in another terminal: mlflow ui --backend-store-uri {settings.tracking_uri} --host 127.0.0.1 --port 5000", err=True)
    serve(settings, port=port, auto=auto)


def main() -> None:
    """Run the command. Errors raised on purpose become one line and an exit code: 1 failed, 2 wrong usage."""
    from unified_assets.core.errors import UnifiedAssetsError

    try:
        app()
    except UnifiedAssetsError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
