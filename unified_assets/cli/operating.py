"""Commands that keep a lake going: its servers, and its health."""

from typing import Annotated

import typer

from unified_assets.cli.roots import Json, put, say, settings, settings_of_state


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI on 127.0.0.1.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of MLflow on 127.0.0.1.")] = 5000,
    auto: Annotated[
        bool,
        typer.Option("--auto", help="Switch automation on: refresh on new files, training when enough changed, and every night."),
    ] = False,
) -> None:
    """The Dagster UI and daemon and the MLflow server of this lake, on 127.0.0.1, until Ctrl-C."""
    from unified_assets.defs.serve import serve

    serve(settings_of_state(), port=port, mlflow_port=mlflow_port, auto=auto, say=say)


def pause() -> None:
    """Let the rounds that compute end, and start no other until `unpause`; runs stay alive, and hold their memory."""
    from unified_assets.compute.pausing import pause as switch

    switch(settings().state / "locks" / "leases")
    typer.echo("paused: rounds that compute end, then every model waits; `unified-assets unpause` lets them go on")


def unpause() -> None:
    """Let paused trainings go on."""
    from unified_assets.compute.pausing import unpause as switch

    was_on = switch(settings().state / "locks" / "leases")
    typer.echo("goes on" if was_on else "nothing was paused")


Bucket = Annotated[str | None, typer.Argument(help="Bucket or prefix, `s3://…` (default: UNIFIED_ASSETS_STATE_URL).")]


def push(url: Bucket = None) -> None:
    """Take a snapshot of the state folder in a bucket; only what is new is sent. May be done while a run works."""
    from unified_assets.store.snapshots import push as take

    chosen = settings()
    if take(chosen.state, _bucket(url, chosen.state_url), say) is None:
        say("nothing changed since the last snapshot")


def pull(url: Bucket = None) -> None:
    """Write the newest snapshot of a bucket into an empty state folder, to go on from there on another machine."""
    from unified_assets.store.snapshots import pull as take

    chosen = settings()
    take(chosen.state, _bucket(url, chosen.state_url), say)


def _bucket(given: str | None, known: str | None) -> str:
    from unified_assets.core.errors import InvalidSetting

    if (url := given or known) is None:
        fix = "Name one as an argument, or set UNIFIED_ASSETS_STATE_URL."
        raise InvalidSetting(source="settings", field="state_url", value=None, problem="no bucket is named", fix=fix)
    return url


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended: dead runs, slots, leases, leftovers, aliases.")] = False,
    port: Annotated[int, typer.Option(help="Port the Dagster UI would use.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port MLflow would use.")] = 5000,
    as_json: Json = False,
) -> None:
    """Look over instance, folders, disk, GPU, versions, ports, stuck runs and leases; say what to do about what is wrong."""
    from unified_assets.defs.doctor import FAILED, examine

    found = examine(settings(), ports={"--port": port, "--mlflow-port": mlflow_port}, repair=repair)
    if as_json:
        put(found)
    else:
        from unified_assets.reports.screen import show_findings

        show_findings(found)
    raise typer.Exit(1 if any(one["state"] == FAILED for one in found) else 0)
