"""New raw files → a refresh: catalog, quality report, allocation and datasets. What is worth a training, `retrain_sensor` decides."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from unified_assets.core.settings import Settings
from unified_assets.defs.jobs import REFRESH, REFRESH_TAG
from unified_assets.defs.partitions import whole_range
from unified_assets.defs.provenance import DATA_VERSION
from unified_assets.defs.resources import LakeResource
from unified_assets.defs.stages import extension_modalities
from unified_assets.tracking import fingerprint

INTERVAL_S = 15


def decide(digests: Mapping[str, str], cursor: Mapping[str, Any], now: float, *, settle_s: float) -> tuple[bool, str, dict[str, Any]]:
    """(whether to refresh, why, the next cursor): a pure function of what is seen and remembered.

    Files have settled when nothing changed for `settle_s`: their own times tell nothing, since a copy keeps the times of the original.
    """
    if digests == cursor.get("digests"):
        return False, "no file changed", {"digests": digests}
    seen = cursor.get("seen", {})
    if seen.get("digests") != digests:
        return False, "files are changing", {**cursor, "seen": {"digests": digests, "since": now}}
    if now - seen["since"] < settle_s:
        return False, f"files changed {now - seen['since']:.0f} s ago: waiting until they have settled for {settle_s:g} s", dict(cursor)
    before = cursor.get("digests", {})
    changed = sorted(name for name, digest in digests.items() if before.get(name) != digest)
    return True, f"files changed: {', '.join(changed)}", {"digests": digests}


def _prints(settings: Settings) -> dict[str, fingerprint.Fingerprint]:
    """Of the raw folder; of a bucket by its listing, so that an evaluation fetches nothing."""
    if settings.raw_url is None:
        return fingerprint.raw_fingerprints(settings.raw, extension_modalities())
    from unified_assets.catalog import listing

    return fingerprint.fingerprints(listing(settings), extension_modalities())


def new_files_sensor(jobs: Sequence[Any], *, auto: bool) -> dg.SensorDefinition:
    """Off until switched on. However many files arrive, an evaluation asks for one run, and none before they have settled."""

    @dg.sensor(
        name="new_raw_files",
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING if auto else dg.DefaultSensorStatus.STOPPED,
        description="Refreshes catalog, quality report, allocation and datasets when raw files changed and settled.",
    )
    def new_raw_files(context: dg.SensorEvaluationContext, lake: LakeResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
        prints = _prints(lake.settings())
        digests = {name: found.digest for name, found in prints.items()}
        cursor = json.loads(context.cursor) if context.cursor else {}
        wanted, why, following = decide(digests, cursor, time.time(), settle_s=lake.settings().settle_s)
        context.update_cursor(json.dumps(following))
        if not wanted:
            return dg.SkipReason(why)
        before = cursor.get("digests", {})
        events = [
            dg.AssetMaterialization("raw_files", partition=name, metadata={"files": found.files}, tags={DATA_VERSION: found.digest})
            for name, found in prints.items()
            if before.get(name) != found.digest
        ]
        request = dg.RunRequest(run_key=f"refresh-{time.time_ns()}", job_name=REFRESH, tags={**whole_range(), REFRESH_TAG: "true"})
        return dg.SensorResult(run_requests=[request], asset_events=events)

    return new_raw_files
