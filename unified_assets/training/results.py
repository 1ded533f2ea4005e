"""The best weights of a model in, its test metrics and the folder that is registered out."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unified_assets.core.contracts import BaselineScore, ModelSpec, Prediction, PretrainedVectors, TaskData
from unified_assets.inference.pretrained import encoded
from unified_assets.store import encoders
from unified_assets.training import knowledge
from unified_assets.training.ablation import encoder_effect
from unified_assets.training.evaluation import evaluate, paired_interval
from unified_assets.training.loop import blueprint
from unified_assets.training.metrics import SHARES, at_least, is_correct, score, target_texts
from unified_assets.training.orders import RoundOrder
from unified_assets.training.retrieval import retrieval
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

    `evaluation.json` beside it holds, task by task, confusions, calibration and the worst mistakes.

    `ablation`: what trainings with other channels or seeds, or without the encoder, came to (`channels`, `encoder`, `seed`, `cpu_s`,
    `scores` by task), where there were any; `effect`: the channels of this one that concern the model.
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
        evaluated = [_task(place, data, learner, baselines.get(data.info.task), attempt) for place, data in enumerate(order.tasks)]
        found = retrieval(learner, order.pairs)
    tasks = [task for task, _seen in evaluated]
    for task in tasks:
        itself = {
            "channels": list(effect),
            "encoder": encoded(order.tasks),
            "seed": order.preset.seed,
            "cpu_s": round(state.progress.cpu_s, 3),
            "score": task["score"],
        }
        others = [{**{key: part[key] for key in ("channels", "encoder", "seed", "cpu_s")}, "score": part["scores"].get(task["task"])} for part in ablation]
        task["ablation"] = [*others, itself] if others else []
        task["alone"] = next(
            (part["score"] for part in task["ablation"] if not part["channels"] and part["encoder"] == itself["encoder"] and part["seed"] == order.preset.seed),
            None,
        )
        measured = encoder_effect(task["ablation"])
        task["encoder_gain"] = None if measured is None else measured["gain"]
    results = {
        "model": order.spec.name,
        "dataset": dataset,
        "rounds": state.progress.round_index - (state.progress.refit is not None),
        "best_round": state.progress.best_round,
        "refit": state.progress.refit,
        "seconds": round(state.progress.compute_s, 3),
        "cpu_s": round(state.progress.cpu_s, 3),
        "tasks": tasks,
        "retrieval": found,
    }
    save_file(final, str(attempt / "weights.safetensors"))
    if state.progress.refit:
        save_file(state.best, str(attempt / VALIDATED))
    _write_json(attempt / "model.json", describe(order.spec, blueprint(order), order.tasks, dataset))
    _write_json(attempt / "results.json", results)
    _write_json(attempt / "evaluation.json", {task["task"]: seen for task, seen in evaluated})
    (attempt / "knowledge").mkdir()
    knowledge.write(attempt / "knowledge", taught)  # what peers learn from where this model is a champion and not in their run
    shutil.rmtree(folder, ignore_errors=True)
    attempt.rename(folder)
    return results


def describe(spec: ModelSpec, built: Mapping[str, Any], tasks: tuple[TaskData, ...], dataset: str) -> dict[str, Any]:
    """model.json: everything besides the weights that building and asking the model takes."""
    infos = [data.info.as_dict() for data in tasks]
    vectors = {"text": tasks[0].sentence_vectors, "image": tasks[0].picture_vectors}[spec.pretrained] if spec.pretrained and tasks else None
    return {"model": spec.name, "version": spec.version, "dataset": dataset, "tasks": infos, "blueprint": dict(built), **_encoder(vectors)}


def _encoder(vectors: PretrainedVectors | None) -> dict[str, Any]:
    """Which encoder a version needs beside it, and where its copy lies."""
    if vectors is None:
        return {}
    about = {"digest": vectors.digest, "name": vectors.name, "width": vectors.width, "folder": str(vectors.folder)}
    return {encoders.setting_of(vectors.kind): about}


def read_results(folder: Path) -> dict[str, Any] | None:
    """results.json of a final folder, or None where training has not come that far."""
    try:
        value: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return value


def _task(place: int, data: TaskData, learner: Any, baseline: BaselineScore | None, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What stands in results.json of a task, and in evaluation.json."""
    rows = data.rows("test")
    prediction = learner.predict(data, rows) if len(rows) else Prediction(answers=(), confidence=np.empty(0, np.float32))
    path = f"test_predictions/{place:03d}.parquet"
    answered = _predictions(data, rows, prediction)
    answered.write_parquet(folder / path)
    value = score(data, prediction.answers, rows)
    reference = None if baseline is None else baseline.baseline
    gave = learner.encoder_gave(data.info.task) if hasattr(learner, "encoder_gave") else None
    told = {
        "task": data.info.task,
        "subject": data.info.subject,
        "kind": data.info.kind,
        "metric": data.info.metric,
        "score": value,
        "majority": None if baseline is None else baseline.majority,
        "baseline": reference,
        "baseline_method": None if baseline is None else baseline.method,
        "over_baseline": _over(data, answered, baseline),
        "head": learner.head_of(data.info.task) if hasattr(learner, "head_of") else None,
        "alone": None,
        "encoder_gain": None,
        "encoder_linear": None if gave is None else {"without": gave[0], "with": gave[1]},
        "train": len(data.rows("train")),
        "valid": len(data.rows("valid")),
        "test": len(rows),
        "beats_baseline": at_least(data.info.metric, value, reference),
        "test_predictions": path,
    }
    return told, evaluate(data, rows, answered)


def _over(data: TaskData, answered: pl.DataFrame, baseline: BaselineScore | None) -> list[float] | None:
    """95 % interval of the share of right answers over the baseline's, paired on the test examples; None where answers are not right or wrong."""
    if baseline is None or len(baseline.predictions) != len(answered) or data.info.metric not in SHARES:
        return None
    right = is_correct(data, baseline.predictions, answered["target"].to_list())
    interval = paired_interval(answered["correct"].to_numpy().astype(float) - np.asarray(right, float))
    return None if interval is None else list(interval)


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
