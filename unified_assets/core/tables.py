"""The schemas of the tables that stages hand to each other, as polars dtypes.

Every table is a folder of Parquet parts. Keys: catalog (path), quality_report (path), tasks (task),
examples (example_id, model), splits (group), allocation (path, model).
"""

import polars as pl

SCHEMA_VERSION = 1

SPLITS = ("train", "valid", "test")
STATUSES = ("ok", "unreadable", "unsupported", "quarantined")
DECISIONS = ("accept", "warn", "reject")
USES = ("labelled", "unlabelled", "pair", "label_source", "none")
KINDS = ("classification", "choice", "pair", "generation", "tagging", "regression")

CATALOG: dict[str, pl.DataType] = {
    "path": pl.String(),  # relative to the raw root, POSIX; undecodable bytes kept as surrogate escapes written \udcXX
    "file_id": pl.String(),  # xxh3-128 of the content, 32 hex digits; null where it was not read
    "size_bytes": pl.Int64(),
    "mtime_ns": pl.Int64(),
    "inode": pl.UInt64(),
    "modality": pl.String(),  # document image audio text video other
    "media_type": pl.String(),  # IANA, by content
    "extension_agrees": pl.Boolean(),
    "status": pl.String(),
    "reason": pl.String(),  # null when ok
    # Probe columns of all modalities, null where they do not apply. A plug-in modality's go to `probe_extra` as JSON.
    "width": pl.Int32(),
    "height": pl.Int32(),
    "duration_s": pl.Float64(),
    "sample_rate_hz": pl.Int32(),
    "channels": pl.Int16(),
    "encoding": pl.String(),
    "language": pl.String(),
    "records": pl.Int64(),
    "pages": pl.Int32(),
    "title": pl.String(),
    "frames": pl.Int64(),
    "fps": pl.Float64(),
    "probe_extra": pl.String(),
}

ISSUE = pl.Struct(
    {
        "name": pl.String(),
        "severity": pl.String(),  # warn or reject
        "value": pl.Float64(),
        "threshold": pl.Float64(),
        "detail": pl.String(),
    }
)

QUALITY_REPORT: dict[str, pl.DataType] = {
    "path": pl.String(),
    "file_id": pl.String(),
    "modality": pl.String(),
    "score": pl.Float64(),  # 0-100
    "decision": pl.String(),
    "issues": pl.List(ISSUE),
    "duplicate_of": pl.String(),  # path of the first file (in path order) with the same bytes
    "near_duplicate_group": pl.String(),  # equal for near duplicates of each other; null for the rest
}

INPUT = pl.Struct(
    {
        "role": pl.String(),  # image audio video page text premise hypothesis question context options …
        "file_id": pl.String(),
        "path": pl.String(),
        "locator": pl.String(),  # null: the whole file; `record=17`, `page=0`, `picture=2`, `time=0.0-1.0`
        "text": pl.String(),  # the value itself for what stands in a record, cut at a stated length; null for media
    }
)

TASKS: dict[str, pl.DataType] = {
    "task": pl.String(),
    "subject": pl.String(),  # image audio video image_text causal math logic concept
    "kind": pl.String(),
    "roles": pl.List(pl.String()),
    "classes": pl.List(pl.String()),  # names in sorted order; empty for choice and generation
    "adapter": pl.String(),
    "root": pl.String(),
    "models": pl.List(pl.String()),
    "withheld": pl.List(pl.String()),  # fields kept out of the inputs, each with its reason
    "examples": pl.Int64(),
    "why": pl.String(),
}

EXAMPLES: dict[str, pl.DataType] = {
    "example_id": pl.String(),
    "model": pl.String(),
    "task": pl.String(),  # null for unlabelled (pairs)
    "kind": pl.String(),  # the task's kind, or `pair` for an unlabelled pair
    "inputs": pl.List(INPUT),
    "target": pl.String(),  # class name · index of the right option · the answer · a number; null for unlabelled
    "group": pl.String(),
    "split": pl.String(),
}

SPLIT_MEMORY: dict[str, pl.DataType] = {
    "group": pl.String(),
    "split": pl.String(),
    "declared": pl.Boolean(),
}

TASK_USE = pl.Struct(
    {
        "task": pl.String(),
        "adapter": pl.String(),
        "train": pl.Int64(),
        "valid": pl.Int64(),
        "test": pl.Int64(),
    }
)

ALLOCATION: dict[str, pl.DataType] = {
    "path": pl.String(),
    "model": pl.String(),
    "modality": pl.String(),
    "use": pl.String(),
    "tasks": pl.List(TASK_USE),
    "via": pl.String(),  # direct, document.text, document.page, document.picture, video.frames, video.sound; null for none
    "reason": pl.String(),  # why, always: for `none` why not
}

LEASES: dict[str, pl.DataType] = {
    "model": pl.String(),
    "round": pl.Int32(),  # -1: reference baselines; 0: preparation; 1…: training rounds
    "cores": pl.Int32(),
    "threads": pl.Int32(),
    "device": pl.String(),
    "acquired": pl.Float64(),  # seconds since the epoch
    "released": pl.Float64(),
}

ROUNDS: dict[str, pl.DataType] = {
    "model": pl.String(),
    "round": pl.Int32(),
    "epochs": pl.Int32(),
    "steps": pl.Int32(),
    "train_loss": pl.Float64(),
    "refit": pl.Boolean(),  # not a round but what follows the last: on train and validation rows together, so that no row is left to validate on
    "valid_score": pl.Float64(),  # mean over the model's tasks, weighted by the root of their validation examples
    "learning_rate": pl.Float64(),
    "compute_s": pl.Float64(),
    "wait_s": pl.Float64(),
    "cpu_s": pl.Float64(),
    "peers": pl.List(pl.String()),  # whose knowledge was read and trusted
    "ended": pl.Float64(),
}
