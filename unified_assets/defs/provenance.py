"""Events for each partition with a data version of its own, and the record of which inputs it was made from.

`MaterializeResult(data_version=…)` would give one version to all partitions of a run, and materializations logged by hand
carry no provenance, so that an unchanged input would make them stale by its time. Hence these tags.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from unified_assets.defs.partitions import modality_names

DATA_VERSION = "dagster/data_version"
CODE_VERSION = "dagster/code_version"
USER_PROVIDED = "dagster/data_version_is_user_provided"
UNUSED = "unused"


@dataclass(frozen=True)
class Inputs:
    """What the partitions of an asset are about to be made from: tags by partition."""

    tags: Mapping[str, Mapping[str, str]]


def read_inputs(instance: dg.DagsterInstance, *, same: Sequence[str] = (), every: Sequence[str] = ()) -> Inputs:
    """Take the versions of the inputs in force. Call it before reading them: what changes later then counts as new.

    `same`: assets whose same partition is read. `every`: assets of which all partitions are read.
    """
    latest = {name: {key: _latest(instance, name, key) for key in modality_names()} for name in (*same, *every)}
    tags: dict[str, dict[str, str]] = {}
    for partition in modality_names():
        own: dict[str, str] = {}
        for name in same:
            own |= _tags(name, *latest[name][partition])
        for name in every:
            pointers = [pointer for pointer, _ in latest[name].values() if pointer is not None]
            own |= _tags(name, max(pointers, default=None), "+".join(version for _, version in latest[name].values()))
        tags[partition] = own
    return Inputs(tags)


def partition_events(
    key: str,
    inputs: Inputs,
    *,
    code_version: str,
    versions: Mapping[str, str],
    facts: Mapping[str, Any] | None = None,
    own: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[dg.AssetMaterialization]:
    """One materialization for each partition; a partition without a version is recorded as not used.

    Yield them after `MaterializeResult()` and the checks. `facts`: metadata of the whole asset, on every used partition; `own`: of one
    partition. The used ones come last: the newest event is what the asset's page shows.
    """
    for partition in sorted(modality_names(), key=lambda name: name in versions):
        version = versions.get(partition, UNUSED)
        tags = {CODE_VERSION: code_version, DATA_VERSION: version, USER_PROVIDED: "true", **inputs.tags[partition]}
        shown = {**(facts or {}), **(own or {}).get(partition, {})} if partition in versions else {}
        yield dg.AssetMaterialization(asset_key(key), partition=partition, metadata={"used": version != UNUSED, **shown}, tags=tags)


def asset_key(name: str) -> dg.AssetKey:
    """`model/vision_service` → its key."""
    return dg.AssetKey(name.split("/"))


def _latest(instance: dg.DagsterInstance, name: str, partition: str) -> tuple[int | None, str]:
    found = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=asset_key(name), asset_partitions=[partition]), limit=1).records
    if not found or found[0].asset_materialization is None:
        return None, "INITIAL"
    return found[0].storage_id, (found[0].asset_materialization.tags or {}).get(DATA_VERSION, "INITIAL")


def _tags(name: str, pointer: int | None, version: str) -> dict[str, str]:
    return {f"dagster/input_data_version/{name}": version, f"dagster/input_event_pointer/{name}": "NULL" if pointer is None else str(pointer)}
