"""One asset a model: its examples frozen into memory-mapped tensors."""

import dagster as dg

from unified_assets.core.contracts import ModelSpec
from unified_assets.defs.partitioned import partitioned_asset
from unified_assets.defs.partitions import same
from unified_assets.defs.provenance import partition_events, read_inputs
from unified_assets.defs.resources import LakeResource
from unified_assets.defs.steps import step
from unified_assets.tracking import journal

DROPPED_SHARE_LIMIT = 0.1


def dataset_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset `dataset/<model>`."""
    key = dg.AssetKey(["dataset", spec.name])

    @partitioned_asset(
        key=key,
        deps=[same("allocation")],
        code_version=spec.version,
        group_name="datasets",
        kinds={"numpy"},
        description=f"What {spec.name} learns from, frozen.",
        tags={"unified_assets/model": spec.name},
        op_tags={"unified_assets/model": spec.name},
        check_specs=[dg.AssetCheckSpec("dropped_share", asset=key, description="Few examples could not be encoded.")],
    )
    def dataset(context: dg.AssetExecutionContext, lake: LakeResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
        from unified_assets.datasets import build

        with step(context, lake) as here:
            inputs = read_inputs(context.instance, same=["allocation"])
            made_from = journal.read_stage(here.settings.state, "allocation")["model_digests"].get(spec.name, "none")
            summary = build(here.settings, spec.name, here.log)
            counts = summary.counts.as_dict()
            journal.record_stage(
                here.settings.state,
                here.key,
                versions=summary.modality_digests,
                made_from=made_from,
                digest=summary.digest,
                tasks=sorted(counts["tasks"]),
                labelled={task: sum(sides.values()) for task, sides in counts["tasks"].items()},
                train=summary.counts.train,
                pairs=counts["pairs"],
                dropped=dict(summary.dropped),
                seconds=summary.seconds,
            )
            dropped = sum(summary.dropped.values())
            kept = counts["pairs"] + sum(sum(sides.values()) for sides in counts["tasks"].values())
            facts = {
                "digest": summary.digest,
                "examples": kept,
                "tasks": counts["tasks"],
                "pairs": counts["pairs"],
                "dropped": dict(summary.dropped),
                "folder": dg.MetadataValue.path(summary.folder),
                "seconds": summary.seconds,
            }
            yield dg.MaterializeResult(metadata=facts)
            share = dropped / max(1, dropped + kept)
            yield dg.AssetCheckResult(
                check_name="dropped_share",
                passed=share <= DROPPED_SHARE_LIMIT,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"dropped": dropped, "share": share, "limit": DROPPED_SHARE_LIMIT},
            )
            yield from partition_events(here.key, inputs, code_version=spec.version, versions=summary.modality_digests, facts=facts)

    return dataset
