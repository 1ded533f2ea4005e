"""Commands on training runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unified_assets.cli.roots import Json, put, say, settings, settings_of_state

if TYPE_CHECKING:
    from unified_assets.core.presets import Preset
    from unified_assets.defs.launch import Ended

Which = Annotated[str, typer.Option("--preset", help="Name of a preset, or a path to a YAML file.")]
Some = Annotated[str, typer.Option("--models", help="Only these models, separated by commas (default: those of the preset).")]


def run(preset: Which = "quick_start", models: Some = "") -> None:
    """The whole road, from raw files to the report; on a sample lake while the raw folder is empty."""
    _train(preset, models, or_sample=True)


def train(
    preset: Which = "quick_start",
    models: Some = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last run that failed or was killed, from its last round.")] = False,
) -> None:
    """Train the models of a preset on the files, all in one run; what is trained on these very data already is left alone."""
    if resume:
        _resume()
    else:
        _train(preset, models, or_sample=False)


def _train(name: str, models: str, *, or_sample: bool) -> None:
    from unified_assets.core import plugins
    from unified_assets.defs.first_run import choose_lake, of_state
    from unified_assets.defs.fork_server import warm_up
    from unified_assets.presets import load_preset

    wanted, names = load_preset(name), [one.strip() for one in models.split(",") if one.strip()]
    wanted = wanted.model_copy(update={"target_models": tuple(names)}) if names else wanted
    wanted.models(tuple(plugins.models()))  # a typing error is told before anything starts
    chosen = choose_lake(settings() if or_sample else of_state(settings()), or_sample=or_sample, say=say)
    _say_preset(wanted)
    warm_up(chosen)
    from unified_assets.cli.display import shown
    from unified_assets.defs import launch

    with shown(chosen):
        ended = launch.train(chosen, name, names, log=say)
    _tell(chosen.state, ended)


def _resume() -> None:
    from unified_assets.defs.fork_server import warm_up

    chosen = settings_of_state()
    warm_up(chosen)
    from unified_assets.cli.display import shown
    from unified_assets.defs import launch

    with shown(chosen):
        ended = launch.resume(chosen, log=say)
    _tell(chosen.state, ended)


def _say_preset(preset: "Preset") -> None:
    shown = preset.model_dump(mode="json", exclude={"name", "description"})
    say(f"preset {preset.name}, {preset.rounds} rounds: " + ", ".join(f"{key} {value}" for key, value in shown.items() if value not in (None, {}, [])))


def _tell(state: Path, ended: "Ended") -> None:
    """How a run ended, and the exit code that says so."""
    from unified_assets.reports.screen import show_status
    from unified_assets.tracking.status import status as read

    show_status(read(state, code_versions={}), with_runs=False)
    typer.echo(f"run {ended.root} {'done' if ended.success else 'FAILED'} in {ended.seconds:.0f} s; report: {state / 'runs' / ended.root / 'report.html'}")
    for model, why in sorted(ended.not_trained.items()):
        typer.echo(f"not trained: {model}: {why}")
    for step, why in sorted(ended.failed.items()):
        say(f"failed: {step}: {why}")
    raise typer.Exit(0 if ended.success else 1)


def status(as_json: Json = False) -> None:
    """Models with their tasks and scores, files, what is stale, and the training runs."""
    from unified_assets.core import plugins
    from unified_assets.tracking.status import status as read

    chosen = settings()
    versions = {name: spec.version for name, spec in plugins.models().items()} if (chosen.state / "stages").is_dir() else {}
    found = read(chosen.state, code_versions=versions)
    if as_json:
        put(found)
        return
    from unified_assets.reports.screen import show_status

    show_status(found, with_runs=True)


def runs(as_json: Json = False) -> None:
    """The training runs, newest first."""
    from unified_assets.tracking.status import run_rows

    found = run_rows(settings().state)
    if as_json:
        put(found)
        return
    from unified_assets.reports.screen import show_runs

    show_runs(found)


def report(run: Annotated[str, typer.Argument(help="A run id or its beginning; `last` for the newest.")] = "last") -> None:
    """Render the report of a training run from its files, also of one that failed."""
    from unified_assets.reports import find_run, write_report

    state = settings().state
    page, _ = write_report(find_run(state, run), state=state)
    typer.echo(page)


def watch(
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    interval_s: Annotated[float, typer.Option("--interval", min=0.2, help="Seconds between two looks.")] = 1.0,
    as_json: Json = False,
) -> None:
    """The training run that is going on: rounds, metrics, time left, leases, the queue and the machine. Ends when the run ends."""
    from unified_assets.cli.display import watched
    from unified_assets.reports.live import moment

    state = settings().state
    if as_json:
        put(moment(state))
        return
    raise typer.Exit(watched(state, once=once, interval_s=interval_s))


def presets(as_json: Json = False) -> None:
    """The presets that can be named, each with what it sets."""
    from unified_assets.presets import load_preset, preset_names

    found = [load_preset(name) for name in preset_names()]
    if as_json:
        put([{**preset.model_dump(mode="json"), "rounds": preset.rounds} for preset in found])
        return
    from unified_assets.reports.screen import show_presets

    show_presets(found)
