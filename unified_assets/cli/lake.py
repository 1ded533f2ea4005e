"""Commands on files: what they are, how good they are, who learns from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unified_assets.cli.roots import Json, put, say, settings, settings_of_state

if TYPE_CHECKING:
    from unified_assets.core.settings import Settings


def sample(
    folder: Annotated[Path, typer.Argument(help="Where to write it; its truth goes beside it.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    scale: Annotated[float, typer.Option(min=0.05, help="How many files, relative to the usual.")] = 1.0,
) -> None:
    """Write a small mixed lake with known truth and planted faults."""
    from unified_assets.sample import write

    written = write(folder, seed=seed, scale=scale)
    counts = ", ".join(f"{name} {count:,}" for name, count in written.files.items())
    typer.echo(
        f"{sum(written.files.values()):,} files ({counts}; {written.size_bytes / 1e6:.1f} MB) in {written.folder}; what is true of them: {written.truth}"
    )
    for what in written.skipped:
        say(f"left out: {what}")


def refresh() -> None:
    """Catalog, quality report, allocation and datasets; trains nothing."""
    _bring_up_to_date(None, quiet=False)


def scan(as_json: Json = False) -> None:
    """Bring the catalog up to date: what every file is, by its content. Shows counts by modality."""
    from unified_assets.reports import lake_tables

    chosen = _bring_up_to_date(("catalog",), quiet=as_json)
    found = lake_tables.catalog_counts(chosen.state)
    if as_json:
        put(found)
        return
    from unified_assets.reports.screen import show_catalog

    show_catalog(found)


def quality(
    worst: Annotated[int, typer.Option(min=0, help="Files to name for each issue, the worst first.")] = 3,
    as_json: Json = False,
) -> None:
    """Bring catalog and quality report up to date. Shows each named issue with its worst files."""
    from unified_assets.reports import lake_tables

    chosen = _bring_up_to_date(("catalog", "quality_report"), quiet=as_json)
    found = lake_tables.quality_counts(chosen.state, worst=worst)
    if as_json:
        put(found)
        return
    from unified_assets.reports.screen import show_quality

    show_quality(found)


def ledger(
    model: Annotated[str, typer.Option(help="Only this model.")] = "",
    path: Annotated[str, typer.Option(help="Only files whose path starts with this.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Rows to show (default: 50; all of them with --json).")] = None,
    as_json: Json = False,
) -> None:
    """What each model does with each file, and why."""
    from unified_assets.reports import lake_tables
    from unified_assets.reports.screen import LEDGER_ROWS, show_ledger

    found = lake_tables.ledger_rows(settings().state, model=model, path=path)
    if as_json:
        put(lake_tables.ledger_json(found, limit=limit))
    else:
        show_ledger(found, limit=limit or LEDGER_ROWS)


def explain(
    path: Annotated[str, typer.Argument(help="A file or folder, relative to the raw root or as it lies.")],
    as_json: Json = False,
) -> None:
    """What was inferred for a file or folder, and why."""
    from unified_assets.allocation import explain as text

    chosen = settings_of_state()
    given = Path(path)
    inside = given.absolute().is_relative_to(chosen.raw) and (given.is_absolute() or given.exists())
    relative = given.absolute().relative_to(chosen.raw).as_posix() if inside else path
    if as_json:
        from unified_assets.reports.lake_tables import explained

        put({**explained(chosen.state, relative), "text": text(chosen, relative)})
    else:
        typer.echo(text(chosen, relative))


def _bring_up_to_date(assets: tuple[str, ...] | None, *, quiet: bool) -> "Settings":
    """Materialize these assets (all up to the datasets by default). Ends the command where that fails."""
    from unified_assets.cli.display import shown
    from unified_assets.defs.first_run import choose_lake

    chosen = choose_lake(settings_of_state(), or_sample=False, say=say)
    from unified_assets.defs.launch import refresh as run

    with shown(chosen, quiet=quiet):
        ended = run(chosen, assets)
    for step, why in sorted(ended.failed.items()):
        say(f"failed: {step}: {why}")
    if not ended.success:
        say(f"failed after {ended.seconds:.0f} s")
        raise typer.Exit(1)
    if assets is None:
        typer.echo(f"refreshed in {ended.seconds:.0f} s")
    return chosen
