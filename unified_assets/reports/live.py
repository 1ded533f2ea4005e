"""The files of a state folder → how its training run stands at this moment: rounds, metrics, time left, leases, the machine."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unified_assets.compute.inventory import Inventory, detect
from unified_assets.compute.monitor import Holder, usage
from unified_assets.compute.progress import under_way
from unified_assets.tracking import journal
from unified_assets.training.logs import read_lines
from unified_assets.training.slots import ENDED

LOOK_S = 0.05  # processes are looked at for so long


def moment(state: Path, *, inventory: Inventory | None = None) -> dict[str, Any]:
    """The newest training run, its models, what data stages are at, and the machine. `run` is None where there never was one."""
    records = journal.runs(state)
    run = records[0] if records else None
    machine, holders = _machine(state, inventory or detect(state))
    stages = [_stage(one) for one in under_way(state)]
    return {"run": None if run is None else _run(run), "stages": stages, "models": [] if run is None else _models(state, run, holders), "machine": machine}


def _machine(state: Path, inventory: Inventory) -> tuple[dict[str, Any], Sequence[Holder]]:
    """What the machine has and what of it is in use; and who holds or waits for a lease. Makes no folder where nothing ever ran."""
    folder, load = state / "locks" / "leases", round(os.getloadavg()[0], 2)
    if not folder.is_dir():
        idle: dict[str, Any] = {"cores_leased": 0, "cpu_share": 0.0, "memory_used_gib": 0.0, "gpu_used_gib": [0.0 for _ in inventory.gpus]}
        idle |= {"cores": inventory.cores, "load": load, "memory_gib": round(inventory.memory_gib, 2), "disk_free_gib": round(inventory.disk_free_gib, 1)}
        return idle, ()
    leased = usage(folder, inventory, state, interval_s=LOOK_S)
    machine = {
        "cores": leased.cores,
        "load": load,
        "cores_leased": leased.cores_leased,
        "cpu_share": round(leased.cpu_share, 3),
        "memory_gib": round(leased.memory_gib, 2),
        "memory_used_gib": round(leased.memory_used_gib, 2),
        "gpu_used_gib": [round(value, 2) for value in leased.gpu_used_gib],
        "disk_free_gib": round(leased.disk_free_gib, 1),
    }
    return machine, leased.holders


def _run(record: Mapping[str, Any]) -> dict[str, Any]:
    running = record.get("status") == "STARTED"
    seconds = time.time() - record["attempt_started"] if running and record.get("attempt_started") else record.get("seconds")
    return {**{key: record.get(key) for key in ("run_id", "preset", "status", "note")}, "seconds": None if seconds is None else round(seconds, 1)}


def _stage(one: Mapping[str, Any]) -> dict[str, Any]:
    seconds = time.time() - one["started"]
    rate = one["done"] / seconds if seconds > 0 and one["done"] else None
    return {
        "what": one["what"],
        "done": one["done"],
        "total": one["total"],
        "rate": rate and round(rate, 1),
        "eta_s": rate and round((one["total"] - one["done"]) / rate, 1),
    }


def _models(state: Path, run: Mapping[str, Any], holders: Sequence[Holder]) -> list[dict[str, Any]]:
    run_dir = journal.run_folder(state, str(run["run_id"]))
    members = journal.read_json(run_dir / "members.json")
    rounds = journal.read_json(run_dir / "plan.json").get("preset", {})
    total = -(-rounds["epochs"] // rounds["checkpoint_interval"]) if rounds else None
    since = run.get("attempt_started") or 0.0
    done = _by_model(read_lines(run_dir / "rounds"))
    begun = _by_model(read_lines(run_dir / "leases"))
    running = run.get("status") == "STARTED"
    rows = []
    for model in members.get("members", []):
        mine = done.get(model, [])
        standing = _standing(state, run_dir, model, run, holders) if running else _ended(state, run_dir, model, run)
        first = min((lease["acquired"] for lease in begun.get(model, []) if lease["acquired"] >= since), default=None)
        rows.append(
            {
                "model": model,
                "round": max((row["round"] for row in mine if not row.get("refit")), default=0),
                "refit": bool(mine and mine[-1].get("refit")),
                "rounds": total,
                "valid_score": mine[-1].get("valid_score") if mine else None,
                "train_loss": mine[-1].get("train_loss") if mine else None,
                "eta_s": _eta_s(mine, total, first) if standing["state"] in {"computing", "queued", "waiting"} else None,
                **standing,
            }
        )
    skipped = [{"model": model, "round": None, "rounds": None, "state": why} for model, why in sorted(members.get("skipped", {}).items())]
    return [*rows, *skipped]


def _by_model(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["model"], []).append(row)
    return found


def _standing(state: Path, run_dir: Path, model: str, run: Mapping[str, Any], holders: Sequence[Holder]) -> dict[str, Any]:
    """What a model of a living run does: registered, failed, computing, queued for cores, finishing, or waiting (for peers or its start)."""
    over = _ended(state, run_dir, model, run)
    if over["state"] != "not finished":
        return over
    asks = [holder for holder in holders if holder.model == model and holder.kind == "round"]
    held = next((ask for ask in asks if ask.state == "held"), None)
    if held is not None:
        return {"state": "computing", "cores": held.cores, "device": "cpu" if held.gpu is None else f"cuda:{held.gpu}"}
    if any(ask.state == "waiting" for ask in asks):
        return {"state": "queued"}
    return {"state": "finishing" if (run_dir / "knowledge" / ENDED / model).is_dir() else "waiting"}


def _ended(state: Path, run_dir: Path, model: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """How a model ended, as far as the files tell."""
    if f"model/{model}" in {failure["step"] for failure in journal.failures(run_dir)} | set(run.get("failed") or {}):
        return {"state": "failed"}
    mirror = journal.read_mirror(state, model)
    entry = next((entry for entry in mirror.get("versions", []) if entry["run_id"] == run["run_id"]), None)
    if entry is None:
        return {"state": "not finished"}
    return {"state": f"version {entry['version']}", "champion": entry["version"] == mirror.get("champion")}


def _eta_s(rounds: Sequence[Mapping[str, Any]], total: int | None, first: float | None) -> float | None:
    """Seconds the rounds that are left will take, by the rounds of this attempt: those that ended after its first lease."""
    own = [] if first is None else [row for row in rounds if row["ended"] >= first]
    if not own or total is None or first is None:
        return None
    each = (own[-1]["ended"] - first) / len(own)
    return float(round(max(0.0, (total - own[-1]["round"]) * each - (time.time() - own[-1]["ended"])), 1))
