"""A lake's state in; what is wrong with it, what to do, and on request the repair, out."""

import os
import platform
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import dagster as dg

from unified_assets.core.credentials import without_credentials
from unified_assets.core.errors import UnifiedAssetsError
from unified_assets.core.settings import Settings
from unified_assets.defs import answering
from unified_assets.defs.first_run import has_files, recorded_raw
from unified_assets.defs.instance import InstanceAway, has_instance, home_of, open_instance
from unified_assets.defs.reaper import BEGIN_S, close_dead_runs, is_dead, never_began, open_runs, waiting_for_a_daemon
from unified_assets.store.local import not_writable
from unified_assets.tracking import journal

OK, WARNING, FAILED, REPAIRED = "ok", "warning", "failed", "repaired"
REPAIR = "`unified-assets doctor --repair`"
PACKAGES = ("dagster", "mlflow", "torch", "polars")
Finding = dict[str, Any]


def examine(settings: Settings, *, ports: Mapping[str, int], repair: bool) -> list[Finding]:
    """Findings in order: `check`, `state` (ok, warning, failed, repaired), `what`, `fix` (empty where there is nothing to do)."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        lambda: _folders(settings),
        lambda: _disk(settings),
        _gpu,
        lambda: _ports(settings, ports),
        lambda: _databases(settings),
        lambda: _runs(settings, repair=repair),
        lambda: _leases(settings, repair=repair),
        lambda: _leftovers(settings, repair=repair),
        lambda: _aliases(settings, repair=repair),
    )
    return [finding for look in looks for finding in _looked(look, settings)]


def _looked(look: Callable[[], Iterator[Finding]], settings: Settings) -> list[Finding]:
    """What a look finds; that it may not write, or has no space to, is a finding too."""
    try:
        return list(look())
    except InstanceAway as error:
        return [_finding("instance", FAILED, str(error), "Start it, then ask again.")]
    except Exception as error:
        known = not_writable(error, settings.state)
        if known is None:
            raise
        return [_finding("state", FAILED, str(known), "Mend permissions or space, then ask again.")]


def _finding(check: str, state: str, what: str, fix: str = "") -> Finding:
    return {"check": check, "state": state, "what": what, "fix": fix}


def _mendable(check: str, what: str, *, repair: bool, mend: Callable[[], object]) -> Finding:
    if not repair:
        return _finding(check, WARNING, what, REPAIR)
    mend()
    return _finding(check, REPAIRED, what)


def _versions() -> Iterator[Finding]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield _finding("versions", FAILED, f"{name} is not installed", "Install the project again: `pip install -e .`")
    yield _finding("versions", OK, f"Python {platform.python_version()}, {', '.join(found)}")
    try:
        yield _finding("versions", OK, f"av {version('av')}: videos are decoded")
    except PackageNotFoundError:
        yield _finding("versions", WARNING, "av is not installed: videos are catalogued, not decoded", "`pip install av` (its wheels bundle GPL codecs)")


def _folders(settings: Settings) -> Iterator[Finding]:
    try:
        filled = has_files(settings.raw)
    except UnifiedAssetsError as error:
        yield _finding("raw", FAILED, str(error), "Mend its permissions, or name another folder with `--raw`.")
    else:
        what = f"{settings.raw} {'holds files' if filled else 'is empty' if settings.raw.is_dir() else 'is not there'}"
        yield _finding("raw", OK if filled else WARNING, what, "" if filled else "Put files there; `unified-assets run` uses a sample lake meanwhile.")
    recorded = recorded_raw(settings.state)
    if recorded not in {None, settings.raw}:
        yield _finding("state", WARNING, f"{settings.state} belongs to {recorded}", f"Say `--raw {recorded}` with it, or give another `--state`.")
    existing = settings.state
    while not existing.exists():
        existing = existing.parent
    closed = [folder for folder in (existing, *(settings.state / name for name in ("runs", "versions", "mlflow", "locks"))) if folder.exists()]
    closed = [folder for folder in closed if not os.access(folder, os.R_OK | os.W_OK | os.X_OK)]
    for folder in closed:
        yield _finding("state", FAILED, f"{folder} cannot be written", f"`chmod u+rwx {folder}`, or give another `--state`.")
    if not closed:
        yield _finding("state", OK, f"{settings.state} {'can be written' if settings.state.is_dir() else 'will be made'}")


def _disk(settings: Settings) -> Iterator[Finding]:
    from unified_assets.compute.inventory import disk_free_gib

    free = disk_free_gib(settings.state)
    short = free < settings.disk_floor_gib
    fix = "Free space (`unified-assets prune`), or lower UNIFIED_ASSETS_DISK_FLOOR_GIB." if short else ""
    yield _finding("disk", FAILED if short else OK, f"{free:,.1f} GiB free, nothing trains below {settings.disk_floor_gib:g}", fix)


def _gpu() -> Iterator[Finding]:
    from unified_assets.compute.inventory import NvmlProbe, usable_cores, usable_memory_gib

    yield _finding("machine", OK, f"{usable_cores()} cores, {usable_memory_gib():.1f} GiB of memory")
    gpus = NvmlProbe().gpus()
    if not gpus:
        yield _finding("gpu", OK, "none that the driver shows: models train on the CPU")
        return
    told = ", ".join(f"{gpu.name} {gpu.memory_gib:.0f} GiB ({gpu.free_gib:.0f} free)" for gpu in gpus)
    import torch

    if torch.version.cuda is None:
        yield _finding("gpu", WARNING, f"{told}; but this torch has no CUDA", "Install a CUDA build: `make run TORCH=…` (README).")
    else:
        yield _finding("gpu", OK, f"{told}; driver {_driver()}, torch for CUDA {torch.version.cuda}")


def _driver() -> str:
    import pynvml

    pynvml.nvmlInit()
    try:
        found = pynvml.nvmlSystemGetDriverVersion()
    finally:
        pynvml.nvmlShutdown()
    return found.decode() if isinstance(found, bytes) else str(found)


def _ports(settings: Settings, ports: Mapping[str, int]) -> Iterator[Finding]:
    from unified_assets.tracking import links

    served = journal.read_json(links.record_path(settings.state))
    if served and journal.is_alive(served.get("pid"), served.get("pid_started")):
        yield _finding("ports", OK, f"this lake is served: {served['dagster']}, {served['mlflow']}")
        return
    for option, port in ports.items():
        try:
            answering.refuse_used_ports({option: port})
        except answering.PortInUse as error:
            yield _finding("ports", WARNING, str(error), f"`unified-assets ui {option} {port + 1}`")
        else:
            yield _finding("ports", OK, f"{port} is free")


def _databases(settings: Settings) -> Iterator[Finding]:
    """Every SQLite file of the state is whole."""
    for path in sorted([*settings.dagster_home.rglob("*.db"), *(settings.state / "mlflow").glob("*.db")]):
        try:
            still = "" if os.access(path.parent, os.W_OK) else "&immutable=1"  # SQLite makes a file beside it otherwise
            with closing(sqlite3.connect(f"file:{path}?mode=ro{still}", uri=True, timeout=5)) as database:
                found = str(database.execute("pragma quick_check(1)").fetchone()[0])
        except sqlite3.Error as error:
            found = str(error)
        if found != "ok":
            yield _finding("database", FAILED, f"{path}: {found}", "Restore it from a backup (docs/operating.md), or set the folder aside and run again.")


def _runs(settings: Settings, *, repair: bool) -> Iterator[Finding]:
    home = home_of(settings)
    if not has_instance(settings):
        yield _finding("instance", OK, f"{home} will be made by the first run")
        return
    with open_instance(settings) as instance:
        yield _finding("instance", OK, f"{home}, {instance.get_runs_count():,} runs")
        started = open_runs(instance)
        dead = [run for run in started if is_dead(run)]
        for run in started:
            if run not in dead:
                yield _finding("runs", OK, f"{run.run_id} ({run.job_name}) is running")
        if dead:
            names = ", ".join(run.run_id for run in dead)
            yield _mendable("runs", f"still open, but their process is gone: {names}", repair=repair, mend=lambda: close_dead_runs(instance))
        stuck = never_began(instance)
        if stuck:
            names = ", ".join(run.run_id for run in stuck)
            mend = lambda: [instance.report_run_failed(run, message="No step of this run ever began.") for run in stuck]  # noqa: E731 - as the others
            yield _mendable("runs", f"open for more than {BEGIN_S / 60:.0f} minutes, but no step of it began: {names}", repair=repair, mend=mend)
        queued = waiting_for_a_daemon(instance)
        if queued:
            what = f"{len(queued)} in the queue, and no daemon takes them from it: {', '.join(run.run_id for run in queued)}"
            yield _finding("runs", WARNING, what, "`unified-assets ui` runs the daemon.")
        yield from _slots(instance, repair=repair)
    closed = [record for record in journal.runs(settings.state) if record.get("note")]
    if closed:
        yield _finding("runs", WARNING, f"not finished: {', '.join(str(record['run_id']) for record in closed)}", "`unified-assets train --resume`")


def _slots(instance: dg.DagsterInstance, *, repair: bool) -> Iterator[Finding]:
    """Concurrency slots of Dagster's that are held by runs which are over."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for key in sorted(storage.get_concurrency_keys()):
        holders = {slot.run_id for slot in storage.get_concurrency_info(key).claimed_slots}
        over = sorted(run_id for run_id in holders if (run := instance.get_run_by_id(run_id)) is None or run.is_finished)
        for run_id in over:
            what = f"pool {key} is held by run {run_id}, which is over"
            yield _mendable("slots", what, repair=repair, mend=lambda run_id=run_id: storage.free_concurrency_slots_for_run(run_id))  # type: ignore[misc]


def _leases(settings: Settings, *, repair: bool) -> Iterator[Finding]:
    """Asks whose process is gone are dropped by whoever looks next; here they are counted, too."""
    from unified_assets.compute.ledger import Ledger
    from unified_assets.compute.pausing import paused_since

    folder = settings.state / "locks" / "leases"
    if not (folder / "ledger.json").is_file():
        return
    since = paused_since(folder)
    if since is not None:
        what = f"paused since {time.strftime('%Y-%m-%d %H:%M', time.localtime(since))}: no round starts"
        yield _finding("pause", WARNING, what, "`unified-assets unpause` lets trainings go on.")
    ledger = Ledger(folder)
    dead = [ask for ask in ledger.read() if not journal.is_alive(ask.pid, None)]
    if dead:
        what = f"{len(dead)} leases of dead processes: {', '.join(sorted({ask.model for ask in dead}))}"
        yield _mendable("leases", what, repair=repair, mend=lambda: _look(ledger))
    else:
        yield _finding("leases", OK, f"{len(ledger.read())} held or asked for, all by living processes")


def _look(ledger: Any) -> None:
    with ledger.guard():
        pass


def _leftovers(settings: Settings, *, repair: bool) -> Iterator[Finding]:
    """What interrupted writers left; nobody reads it. Those of living processes carry their id."""
    found = [path for path in settings.state.rglob(".tmp-*") if not _owned(path.name.split("-"))]
    if found:
        what = f"{len(found)} folders of interrupted writers, such as {found[0]}"
        yield _mendable("leftovers", what, repair=repair, mend=lambda: _clear(found))


def _clear(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _owned(parts: list[str]) -> bool:
    """Whether the writer lives: names end with its process and a time."""
    return len(parts) > 2 and parts[-2].isdecimal() and journal.is_alive(parts[-2], None)


def _aliases(settings: Settings, *, repair: bool) -> Iterator[Finding]:
    """Our record of the champions and MLflow's aliases say the same."""
    mirrors = journal.registered(settings.state)
    if not mirrors:
        return
    import mlflow

    from unified_assets.tracking.experiment import Tracker
    from unified_assets.tracking.patience import away

    client = Tracker(uri=settings.tracking_uri, state=settings.state).client
    agreeing = 0
    for model, mirror in mirrors.items():
        missing = [entry["version"] for entry in mirror["versions"] if not Path(entry["folder"]).is_dir()]
        if missing:
            yield _finding("models", WARNING, f"{model}: files of version {', '.join(map(str, missing))} are gone", "Restore them, or train it again.")
        champion = mirror.get("champion")
        try:
            there = int(client.get_model_version_by_alias(model, "champion").version)
        except mlflow.exceptions.MlflowException as error:
            if away(error):
                yield _finding("mlflow", WARNING, f"{without_credentials(settings.tracking_uri)} does not answer", "Start it, then ask again.")
                return
            there = None
        if there == champion or champion is None:
            agreeing += 1
        elif champion not in {int(one.version) for one in client.search_model_versions(f"name='{model}'")}:
            what = f"{model}: champion is version {champion} here, and MLflow has no such version"
            yield _finding("models", WARNING, what, f"Name the server that has it, or `unified-assets promote {model} VERSION` another one.")
        else:
            what = f"{model}: champion is version {champion} here and {there or 'not set'} in MLflow"
            yield _mendable("models", what, repair=repair, mend=partial(client.set_registered_model_alias, model, "champion", str(champion)))
    if agreeing == len(mirrors):
        yield _finding("models", OK, f"{agreeing} registered, champions as in MLflow")
