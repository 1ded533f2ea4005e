"""raw_files → catalog → quality_report → allocation: each reads all partitions' inputs once and gives each partition its own version."""

import dagster as dg

from unified_assets.core import plugins
from unified_assets.defs import quality_metadata
from unified_assets.defs.chosen_preset import chosen_preset
from unified_assets.defs.jobs import REFRESH_TAG
from unified_assets.defs.partitioned import OWNER, partitioned_asset
from unified_assets.defs.partitions import MODALITY, every, modality_names, same
from unified_assets.defs.provenance import asset_key, partition_events, read_inputs
from unified_assets.defs.resources import LakeResource, TrainingResource
from unified_assets.defs.steps import step
from unified_assets.tracking import fingerprint, journal

CODE_VERSION = "1"
UNREADABLE_SHARE_LIMIT = 0.2

raw_files = dg.AssetSpec(
    "raw_files", partitions_def=MODALITY, group_name="lake", owners=[OWNER], description="The folder of mixed raw files. Never written to.", kinds={"folder"}
)


def extension_modalities() -> dict[str, str]:
    """Extension → modality, of all registered modalities."""
    return {extension: name for name, modality in plugins.modalities().items() for extension in modality.extensions}


@partitioned_asset(
    deps=[same("raw_files")],
    code_version=CODE_VERSION,
    group_name="lake",
    kinds={"parquet"},
    check_specs=[
        dg.AssetCheckSpec("every_file_has_a_row", asset="catalog", description="No file of the raw folder is missing in the catalog."),
        dg.AssetCheckSpec("readable_share", asset="catalog", description="Few files are unreadable or unsupported."),
    ],
)
def catalog(context: dg.AssetExecutionContext, lake: LakeResource, training: TrainingResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
    """What each raw file is, by its content: one row for every path."""
    from unified_assets.catalog import count_paths, fetch, scan

    with step(context, lake) as here:
        if REFRESH_TAG not in here.tags:
            chosen_preset(lake, training, here.tags)  # a wrong value is told before hours of work, not after
        fetched = fetch(here.settings, here.log)
        prints = fingerprint.raw_fingerprints(here.settings.raw, extension_modalities())
        raw_digest = fingerprint.raw_digest(here.settings.raw)
        for partition, found in prints.items():
            tags = {"dagster/data_version": found.digest}
            context.log_event(dg.AssetMaterialization("raw_files", partition=partition, metadata={"files": found.files}, tags=tags))
        inputs = read_inputs(context.instance, same=["raw_files"])
        summary = scan(here.settings, here.log)
        table = lake.store().table("catalog").select("path", "modality", "status")
        journal.record_stage(here.settings.state, "catalog", versions=summary.digests, made_from=raw_digest, files=dict(summary.files), seconds=summary.seconds)
        counts = {"added": summary.added, "changed": summary.changed, "removed": summary.removed, "unchanged": summary.unchanged}
        unreadable = len(table.filter(table["status"] != "ok")) / max(1, len(table))
        expected = count_paths(here.settings)
        facts = {"files": sum(summary.files.values()), "seconds": summary.seconds, **counts, "unreadable_share": unreadable}
        if fetched is not None:
            facts |= {"objects": fetched.objects, "objects_fetched": fetched.fetched, "objects_refused": len(fetched.refused)}
        yield dg.MaterializeResult(metadata=facts)
        yield dg.AssetCheckResult(check_name="every_file_has_a_row", passed=len(table) == expected, metadata={"rows": len(table), "paths": expected})
        yield dg.AssetCheckResult(
            check_name="readable_share",
            passed=unreadable <= UNREADABLE_SHARE_LIMIT,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"unreadable_share": unreadable, "limit": UNREADABLE_SHARE_LIMIT},
        )
        yield from partition_events(
            "catalog",
            inputs,
            code_version=CODE_VERSION,
            versions=summary.digests,
            facts=facts,
            own={name: {"files_of_this_modality": summary.files.get(name, 0)} for name in modality_names()},
        )


@partitioned_asset(
    deps=[same("catalog")],
    code_version=CODE_VERSION,
    group_name="lake",
    kinds={"parquet"},
    check_specs=quality_metadata.check_specs(),
)
def quality_report(context: dg.AssetExecutionContext, lake: LakeResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
    """Whether each file is good enough to learn from: named issues, a score, a decision, duplicates."""
    from unified_assets.quality import assess

    with step(context, lake) as here:
        inputs = read_inputs(context.instance, same=["catalog"])
        made_from = journal.digest_of(journal.read_stage(here.settings.state, "catalog")["versions"])
        summary = assess(here.settings, here.log)
        journal.record_stage(here.settings.state, "quality_report", versions=summary.digests, made_from=made_from, seconds=summary.seconds)
        rows, files = len(lake.store().table("quality_report")), len(lake.store().table("catalog"))
        facts = quality_metadata.metadata(summary)
        yield dg.MaterializeResult(metadata=facts)
        yield from quality_metadata.check_results(summary, rows=rows, files=files)
        yield from partition_events("quality_report", inputs, code_version=CODE_VERSION, versions=summary.digests, facts=facts)


@partitioned_asset(
    deps=[every("catalog"), same("quality_report")],
    code_version=CODE_VERSION,
    group_name="lake",
    kinds={"parquet"},
    check_specs=[
        dg.AssetCheckSpec("ledger_complete", asset="allocation", description="Exactly one row for every file and registered model."),
        dg.AssetCheckSpec("no_leakage", asset="allocation", description="No group of examples stands on two sides, across all models."),
    ],
)
def allocation(context: dg.AssetExecutionContext, lake: LakeResource):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN202, RUF100 - Dagster reads it
    """Who learns what from which file: tasks, examples, splits, and the ledger of file x model."""
    from unified_assets.allocation import allocate

    with step(context, lake) as here:
        inputs = read_inputs(context.instance, same=["quality_report"], every=["catalog"])
        made_from = journal.digest_of([journal.read_stage(here.settings.state, stage)["versions"] for stage in ("catalog", "quality_report")])
        summary = allocate(here.settings, here.log)
        journal.record_stage(
            here.settings.state,
            "allocation",
            versions=summary.digests,
            made_from=made_from,
            model_digests=dict(summary.model_digests),
            seconds=summary.seconds,
        )
        shown = [{name: value if isinstance(value, str | int) else str(value) for name, value in task.items()} for task in summary.tasks]
        tasks = dg.MetadataValue.table([dg.TableRecord(task) for task in shown]) if shown else dg.MetadataValue.text("no labelled task found")
        use = {name: dict(use) for name, use in summary.use.items()}
        facts = {"files": summary.files, "tasks": tasks, "use": use, **quality_metadata.label_metadata(summary.labels), "seconds": summary.seconds}
        yield dg.MaterializeResult(metadata=facts)
        yield _ledger_complete(lake)
        yield _no_leakage(lake)
        yield from partition_events("allocation", inputs, code_version=CODE_VERSION, versions=summary.digests, facts=facts)


def _ledger_complete(lake: LakeResource) -> dg.AssetCheckResult:
    ledger = lake.store().table("allocation").select("path", "model")
    files, models = len(lake.store().table("catalog")), len(plugins.models())
    passed = len(ledger) == files * models == ledger.n_unique()
    return dg.AssetCheckResult(check_name="ledger_complete", passed=passed, metadata={"rows": len(ledger), "files": files, "models": models})


def _no_leakage(lake: LakeResource) -> dg.AssetCheckResult:
    import polars as pl

    examples = lake.store().table("examples")
    sides = examples.filter(pl.col("group").is_not_null()).group_by("group").agg(pl.col("split").n_unique().alias("sides"))
    leaking = sides.filter(pl.col("sides") > 1)["group"].sort().to_list()
    return dg.AssetCheckResult(check_name="no_leakage", passed=not leaking, metadata={"groups": len(sides), "on_two_sides": len(leaking), "first": leaking[:5]})


def stage_assets() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets of this file, in order."""
    return [raw_files, catalog, quality_report, allocation]


KEYS = [asset_key(name) for name in ("catalog", "quality_report", "allocation")]
