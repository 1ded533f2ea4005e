"""A run's folder in; `report.html`, `rounds.parquet` and `leases.parquet` in it out. Works at any time, also while it runs or after it failed."""

from pathlib import Path
from typing import Any

from unified_assets.reports.collect import collect
from unified_assets.reports.render import render
from unified_assets.store.local import write_text


def write_report(run_dir: Path, *, state: Path) -> tuple[Path, dict[str, Any]]:
    """Render the report. Returns the page and the facts of the run: models, trained, kept, failed, tasks that lose to their baseline."""
    files = collect(run_dir, state=state)
    page = run_dir / "report.html"
    write_text(page, render(files, name=run_dir.name))
    failed = sorted(failure["step"] for failure in files.failures)
    tasks = [task for entry in (*files.registered.values(), *files.kept.values()) for task in entry["tasks"]]
    facts = {
        "models": sorted({*files.registered, *files.kept, *files.members.get("skipped", {})}),
        "trained": sorted(files.registered),
        "kept": sorted(files.kept),
        "failed": failed,
        "tasks": len(tasks),
        "below_baseline": sorted(task["task"] for task in tasks if task.get("beats_baseline") is False),
    }
    return page, facts
