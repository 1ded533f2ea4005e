"""What a model publishes after a round, and what its peers find there: knowledge, or a tombstone. Written once, by rename."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

TOMBSTONE = "tombstone.json"
ENDED = "ended"


def slot_of(knowledge_dir: Path, model: str, round_index: int) -> Path:
    """Where a model's knowledge after a round lies."""
    return knowledge_dir / f"round_{round_index:04d}" / model


def publish(slot: Path, write: Callable[[Path], object]) -> bool:
    """Let `write` fill a folder that becomes the slot. False where the slot was there already: what is written stays."""
    if slot.is_dir():
        return False
    slot.parent.mkdir(parents=True, exist_ok=True)
    attempt = slot.parent / f".tmp-{slot.name}-{os.getpid()}-{time.monotonic_ns()}"
    attempt.mkdir()
    try:
        write(attempt)
        attempt.rename(slot)  # onto a full folder this fails: the first one wins
    except OSError:
        if not slot.is_dir():
            raise
        return False
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
    return True


def bury(slot: Path, reason: str) -> bool:
    """Write a tombstone where a peer's knowledge will never come. False where something is there already."""
    return publish(slot, lambda folder: (folder / TOMBSTONE).write_text(json.dumps({"reason": reason}) + "\n", encoding="utf-8"))


def is_tombstone(slot: Path) -> bool:
    """Whether a slot says that its model is gone."""
    return (slot / TOMBSTONE).is_file()


def end(knowledge_dir: Path, model: str, last: int) -> None:
    """Say that a model trains no further: its peers read its last slot from now on."""
    publish(knowledge_dir / ENDED / model, lambda folder: (folder / "last.json").write_text(json.dumps(last), encoding="utf-8"))


def find(knowledge_dir: Path, model: str, round_index: int) -> Path | None:
    """The slot to read for a round: its own, or the last one of a model that has ended before; None where neither is there."""
    slot = slot_of(knowledge_dir, model, round_index)
    if slot.is_dir():
        return slot
    try:
        last = int(json.loads((knowledge_dir / ENDED / model / "last.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    return slot_of(knowledge_dir, model, last) if last < round_index else None
