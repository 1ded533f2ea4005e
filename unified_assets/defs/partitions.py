"""The one set of partitions of every partitioned asset, and the mappings between them."""

import dagster as dg

from unified_assets.core import plugins

ORDER = ("document", "image", "audio", "text", "video", "other")


def modality_names() -> tuple[str, ...]:
    """Partition keys in their order: ours, then those plug-ins add. The order matters: several partitions asked for in the UI run by ranges."""
    return (*ORDER, *(name for name in plugins.modalities() if name not in ORDER))


MODALITY = dg.StaticPartitionsDefinition(list(modality_names()))


PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def same(*key: str) -> dg.AssetDep:
    """Depends on the same partition of another asset."""
    return dg.AssetDep(dg.AssetKey(list(key)), partition_mapping=dg.IdentityPartitionMapping())


def every(*key: str) -> dg.AssetDep:
    """Depends on all partitions of another asset."""
    return dg.AssetDep(dg.AssetKey(list(key)), partition_mapping=dg.AllPartitionMapping())


def whole_range() -> dict[str, str]:
    """Run tags that ask for all partitions, as one run."""
    names = modality_names()
    return {"dagster/asset_partition_range_start": names[0], "dagster/asset_partition_range_end": names[-1]}
