"""The best weights of a model in, its test metrics and the folder that is registered out."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unified_assets.core.contracts import BaselineScore, ModelSpec, Prediction, SentenceVectors, TaskData
from unified_assets.training import knowledge
from unified_assets.training.loop import blueprint
from unified_assets.training.metrics import at_least, is_correct, score, target_texts
from unified_assets.training.orders import RoundOrder
from unified_assets.training.state import TrainingState
from unified_assets.training.steps import precision

VALIDATED = "validated.safetensors"  # weights from before a refit: validation rows have judged them, and are still there to judge what starts from them
PREDICTIONS = {"example_id": pl.String(), "target": pl.String(), "answer": pl.String(), "correct": pl.Boolean(), "confidence": pl.Float32()}


def write_final(
    order: RoundOrder,
    state: TrainingState,
    folder: Path,
    *,
    dataset: str,
    baselines: Mapping[str, BaselineScore],
    ablation: Sequence[Mapping[str, Any]] = (),
    effect: Sequence[str] = (),
) -> dict[str, Any]:
    """Score the best weights on the test side, once, and publish the final folder by one rename. Returns results.json.

    `ablation`: what trainings with other channels or seeds came to (`channels`, `seed`, `cpu_s`, `scores` by task), where there
    were any; `effect`: the channels of this one that concern the model.
    """
    from safetensors.torch import save_file

    attempt = folder.with_name(f".tmp-{folder.name}-{os.getpid()}")
    shutil.rmtree(attempt, ignore_errors=True)
    (attempt / "test_predictions").mkdir(parents=True)
    learner = state.learner
    final = state.weights() if state.progress.refit else state.best
    with precision(order.device):
        learner.load_state_dict(state.best)
        learner.eval()
        taught = knowledge.answers_of(learner, order.spec.name, order.tasks, order.pairs)
        learner.load_state_dict(final)
        tasks = [_task(place, data, learner, baselines.get(data.info.task), attempt) for place, data in enumerate(order.tasks)]
    for task in tasks:
        itself = {"channels": list(effect), "seed": order.preset.seed, "cpu_s": round(state.progress.cpu_s, 3), "score": task["score"]}
        others = [{**{key: part[key] for key in ("channels", "seed", "cpu_s")}, "score": part["scores"].get(task["task"])} for part in ablation]
        task["ablation"] = [*others, itself] if others else []
        task["alone"] = next((part["score"] for part in task["ablation"] if not part["channels"] and part["seed"] == order.preset.seed), None)
    results = {
        "model": order.spec.name,
        "dataset": dataset,
        "rounds": state.progress.round_index - (state.progress.refit is not None),
        "best_round": state.progress.best_round,
        "refit": state.progress.refit,
        "seconds": round(state.progress.compute_s, 3),
        "cpu_s": round(state.progress.cpu_s, 3),
        "tasks": tasks,
    }
    save_file(final, str(attempt / "weights.safetensors"))
    if state.progress.refit:
        save_file(state.best, str(attempt / VALIDATED))
    _write_json(attempt / "model.json", describe(order.spec, blueprint(order), order.tasks, dataset))
    _write_json(attempt / "results.json", results)
    (attempt / "knowledge").mkdir()
    knowledge.write(attempt / "knowledge", taught)  # what peers learn from where this model is a champion and not in their run
    shutil.rmtree(folder, ignore_errors=True)
    attempt.rename(folder)
    return results


def describe(spec: ModelSpec, built: Mapping[str, Any], tasks: tuple[TaskData, ...], dataset: str) -> dict[str, Any]:
    """model.json: everything besides the weights that building and asking the model takes."""
    infos = [data.info.as_dict() for data in tasks]
    vectors = tasks[0].sentence_vectors if spec.reads_sentences and tasks else None
    return {"model": spec.name, "version": spec.version, "dataset": dataset, "tasks": infos, "blueprint": dict(built), **_encoder(vectors)}


def _encoder(vectors: SentenceVectors | None) -> dict[str, Any]:
    """Which encoder a version needs beside it, and where its copy lies."""
    if vectors is None:
        return {}
    about = {"digest": vectors.digest, "name": vectors.name, "width": vectors.width, "folder": str(vectors.folder)}
    return {"pretrained_text": about}


def read_results(folder: Path) -> dict[str, Any] | None:
    """results.json of a final folder, or None where training has not come that far."""
    try:
        value: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return value


def _task(place: int, data: TaskData, learner: Any, baseline: BaselineScore | None, folder: Path) -> dict[str, Any]:
    rows = data.rows("test")
    prediction = learner.predict(data, rows) if len(rows) else Prediction(answers=(), confidence=np.empty(0, np.float32))
    path = f"test_predictions/{place:03d}.parquet"
    _predictions(data, rows, prediction).write_parquet(folder / path)
    value = score(data, prediction.answers, rows)
    reference = None if baseline is None else baseline.baseline
    return {
        "task": data.info.task,
        "subject": data.info.subject,
        "kind": data.info.kind,
        "metric": data.info.metric,
        "score": value,
        "majority": None if baseline is None else baseline.majority,
        "baseline": reference,
        "baseline_method": None if baseline is None else baseline.method,
        "head": learner.head_of(data.info.task) if hasattr(learner, "head_of") else None,
        "alone": None,
        "train": len(data.rows("train")),
        "valid": len(data.rows("valid")),
        "test": len(rows),
        "beats_baseline": at_least(data.info.metric, value, reference),
        "test_predictions": path,
    }


def _predictions(data: TaskData, rows: np.ndarray, prediction: Prediction) -> pl.DataFrame:
    targets = target_texts(data, rows)
    answers = [str(answer) for answer in prediction.answers]
    columns = {
        "example_id": [data.example_ids[int(row)] for row in rows],
        "target": targets,
        "answer": answers,
        "correct": is_correct(data, answers, targets),
        "confidence": np.asarray(prediction.confidence, np.float32),
    }
    return pl.DataFrame(columns, schema=PREDICTIONS)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
