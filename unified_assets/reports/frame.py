"""A moment of a training run in; what is drawn on a terminal out."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

BAR = 24


def frame(found: Mapping[str, Any]) -> RenderableType:
    """Everything of a moment."""
    return Group(*_parts(found))


def _parts(found: Mapping[str, Any]) -> list[RenderableType]:
    run = found["run"]
    head = "no training run yet" if run is None else f"run {run['run_id']}  {run['preset']}  {run['status']}  {duration(run['seconds'])}"
    parts: list[RenderableType] = [Text(head, style="bold")]
    if run is not None and run.get("note"):
        parts.append(Text(str(run["note"])))
    if found["stages"]:
        parts.append(stages(found["stages"]))
    if found["models"]:
        parts += [_models(found["models"]), Text(_queue(found["models"]))]
    return [*parts, Text(_machine(found["machine"]))]


def stages(rows: list[Mapping[str, Any]]) -> Table:
    """A bar for each data stage at work, with its rate and what is left."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in rows:
        rate = "" if row["rate"] is None else f"{row['rate']:,.1f} files/s, {duration(row['eta_s'])} to go"
        table.add_row(Text(row["what"]), _bar(row["done"], row["total"]), Text(f"{row['done']:,} of {row['total']:,}"), Text(rate))
    return table


def _models(rows: list[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "", "round", "score", "loss", "left", "now"):
        table.add_column(name, justify="right" if name in {"round", "score", "loss", "left"} else "left")
    for row in rows:
        total = row["rounds"]
        table.add_row(
            Text(row["model"]),
            "" if total is None else _bar(row["round"], total),
            "" if row["round"] is None else f"{row['round']} of {total or '?'}" + (", refit" if row.get("refit") else ""),
            _number(row.get("valid_score")),
            _number(row.get("train_loss")),
            "" if row.get("eta_s") is None else duration(row["eta_s"]),
            Text(_now(row)),
        )
    return table


def _now(row: Mapping[str, Any]) -> str:
    if row["state"] == "computing":
        return f"computing, {row['cores']} core{'s' if row['cores'] != 1 else ''}, {row['device']}"
    return f"{row['state']}, champion" if row.get("champion") else str(row["state"])


def _queue(rows: list[Mapping[str, Any]]) -> str:
    queued = [row["model"] for row in rows if row["state"] == "queued"]
    return f"queue: {', '.join(queued) or 'nobody'}"


def _machine(machine: Mapping[str, Any]) -> str:
    gpu = f", GPU memory {' + '.join(f'{value:.1f}' for value in machine['gpu_used_gib'])} GiB used" if machine["gpu_used_gib"] else ""
    return (
        f"machine: {machine['cores_leased']} of {machine['cores']} cores leased, {machine['cpu_share']:.0%} busy with it, load {machine['load']:.1f}; "
        f"memory {machine['memory_used_gib']:.1f} of {machine['memory_gib']:.1f} GiB{gpu}; disk {machine['disk_free_gib']:,.0f} GiB free"
    )


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(total=max(total, 1), completed=done, width=BAR)


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "–"


def duration(seconds: float | None) -> str:
    """`42 s`, `3:05`, `1:02:03`."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
