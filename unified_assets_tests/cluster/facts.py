"""What a lake holds after its runs, in a form that can be compared with another lake's."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

TEXT_MODELS = ("concept_models", "logic_model", "math_model")
ROUNDS = 6
TIMES = {"seconds", "cpu_s"}
OF_THIS_COPY = ("inode", "mtime_ns")  # of the catalog

ASK_MLFLOW = """
import json, sys, mlflow
client = mlflow.MlflowClient(sys.argv[1])
found = {model.name: sorted(int(one.version) for one in client.search_model_versions(f"name='{model.name}'")) for model in client.search_registered_models()}
print(json.dumps(found))
"""


def longer(number: int = 0) -> str:
    """More of a preset: rounds long enough to be met in the middle. Those of another number learn the same and count as different."""
    steps = "min_steps_per_epoch: 60\nmax_steps_per_epoch: 60"
    return f"epochs: {ROUNDS}\n{steps}\nstart_from: scratch\ntarget_models: [{', '.join(TEXT_MODELS)}]\nminutes: {1000 + number}"


def of(shell) -> SimpleNamespace:
    """All of it."""
    return SimpleNamespace(tables=tables(shell), digests=shell.dataset_digests(), baselines=baselines(shell), results=results(shell), weights=weights(shell))


def tables(shell) -> dict[str, list]:
    """The rows of every table."""
    names = ("catalog", "quality_report", "allocation", "tasks", "examples", "splits")
    found = {name: shell.table(name) for name in names}
    return {name: sorted(map(repr, table.drop(OF_THIS_COPY, strict=False).rows())) for name, table in found.items()}


def baselines(shell) -> dict[str, dict]:
    """Model → what the classical reference of each of its tasks came to, answer by answer."""
    files = {path.name: path / "current" / "baselines.json" for path in (shell.state / "versions" / "datasets").iterdir()}
    return {model: _untimed(json.loads(path.read_text(encoding="utf-8"))["tasks"]) for model, path in files.items()}


def results(shell) -> dict[str, dict]:
    """Model → results of its newest version, and the examples they were measured on, without times."""
    found = {}
    for model, folder in finals(shell).items():
        answers = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "test_predictions").iterdir()}
        found[model] = {**_untimed(json.loads((folder / "results.json").read_text(encoding="utf-8"))), "answers": answers}
    return found


def weights(shell) -> dict[str, str]:
    """Model → hash of the weights of its newest version."""
    return {model: hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest() for model, folder in finals(shell).items()}


def finals(shell) -> dict[str, Path]:
    """Model → the folder of its newest version."""
    mirrors = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((shell.state / "models").glob("*.json"))}
    return {model: Path(mirror["versions"][-1]["folder"]) for model, mirror in mirrors.items()}


def rounds(shell, run_id: str) -> dict[str, list[int]]:
    """Model → the rounds that a run trained, in order."""
    return {model: [json.loads(row)["round"] for row in rows] for model, rows in shell.rounds_of(run_id).items()}


def versions(shell, mlflow: str | None = None) -> dict[str, list[int]]:
    """Model → its versions in MLflow."""
    return shell.python(ASK_MLFLOW, mlflow or f"sqlite:///{shell.state}/mlflow/mlflow.db")


def _untimed(value):
    """The same without what a clock said."""
    if isinstance(value, dict):
        return {name: _untimed(part) for name, part in value.items() if name not in TIMES}
    return [_untimed(part) for part in value] if isinstance(value, list) else value
