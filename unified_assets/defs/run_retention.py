"""Dagster's runs in; which of them may go, so that its storage does not grow forever, out.

A run stays while anything in force was recorded in it: the newest materialization of a partition (without it the assets made from it would be stale),
the newest result of a check, a registered version. So do runs that are not over, and the last training with what it re-executes.
"""

import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import dagster as dg

from unified_assets.core.settings import Settings
from unified_assets.defs.partitions import modality_names
from unified_assets.defs.steps import TRAINING_TAG
from unified_assets.tracking import journal
from unified_assets.tracking.retention import Removal, size_of

DAY_S = 86_400.0


def removable_runs(instance: dg.DagsterInstance, settings: Settings, *, keep: int, days: float) -> list[Removal]:
    """Ended runs beyond the newest `keep` that are older than `days`, and in which nothing is in force, the newest first."""
    records = list(instance.get_run_records())
    old = [one for one in records[keep:] if one.dagster_run.is_finished and _ended(one) <= time.time() - days * DAY_S]
    if not old:
        return []
    trainings = [one.dagster_run.run_id for one in records if TRAINING_TAG in one.dagster_run.tags]
    kept = _in_force(instance) | _registered(settings) | set(trainings[:1])
    roots = {_root(one.dagster_run) for one in records if one.dagster_run.run_id in kept or not one.dagster_run.is_finished}
    return [_removal(instance, one) for one in old if _root(one.dagster_run) not in roots]


def remove_runs(instance: dg.DagsterInstance, removals: Sequence[Removal]) -> list[Removal]:
    """Delete them with their events and logs. Returns those that went."""
    for removal in removals:
        assert removal.run_id is not None
        instance.delete_run(removal.run_id)
        for path in removal.folders:  # SQLite has a file for each run, which `delete_run` only empties
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return list(removals)


def _removal(instance: dg.DagsterInstance, record: dg.RunRecord) -> Removal:
    run = record.dagster_run
    ended = time.strftime("%Y-%m-%d %H:%M", time.localtime(_ended(record)))
    places = tuple(_places(instance, run.run_id))
    return Removal(what=f"history of run {run.run_id} ({run.job_name}, {ended})", folders=places, size_bytes=sum(map(size_of, places)), run_id=run.run_id)


def _places(instance: dg.DagsterInstance, run_id: str) -> Iterable[Path]:
    """The files of a run in an instance on SQLite: its events and the logs of its steps; none where events are in another database."""
    from dagster._core.storage.event_log import SqliteEventLogStorage
    from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

    storage, logs = instance.event_log_storage, instance.compute_log_manager
    if isinstance(storage, SqliteEventLogStorage):
        shard = Path(storage.path_for_shard(run_id))
        yield from (path for path in (shard, shard.with_name(f"{shard.name}-wal"), shard.with_name(f"{shard.name}-shm")) if path.is_file())
    if isinstance(logs, LocalComputeLogManager):
        folder = Path(logs.get_captured_local_path([run_id, "any"], "out")).parent
        yield from (path for path in (folder,) if path.is_dir())


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def _root(run: dg.DagsterRun) -> str:
    return run.root_run_id or run.run_id


def _in_force(instance: dg.DagsterInstance) -> set[str]:
    """Runs that hold the newest materialization of an asset or of one of its partitions, or the newest result of a check."""
    found: set[str] = set()
    for key in instance.get_asset_keys():
        for partition in (None, *modality_names()):
            wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=None if partition is None else [partition])
            found |= {record.run_id for record in instance.fetch_materializations(wanted, limit=1).records}
    return found | _newest_checks(instance)


def _newest_checks(instance: dg.DagsterInstance) -> set[str]:
    """Runs that hold the newest result of a check: Dagster tells it of checks by name only, and ours are not known here."""
    import sqlalchemy
    from dagster._core.storage.event_log import SqlEventLogStorage
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return set()
    told = AssetCheckExecutionsTable.c
    newest = sqlalchemy.select(sqlalchemy.func.max(told.id)).group_by(told.asset_key, told.check_name)
    with storage.index_connection() as connection:
        return {row[0] for row in connection.execute(sqlalchemy.select(told.run_id).where(told.id.in_(newest)))}


def _registered(settings: Settings) -> set[str]:
    return {str(entry["run_id"]) for mirror in journal.registered(settings.state).values() for entry in mirror["versions"]}
