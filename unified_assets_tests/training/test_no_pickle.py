"""Pickles planted wherever something is read back: none is ever executed, and what was planted is refused or passed over."""

import ast
import io
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tiny_models as tiny
from safetensors import SafetensorError

import unified_assets
from unified_assets.core.errors import UnifiedAssetsError
from unified_assets.datasets.tensors import TensorCache
from unified_assets.inference import load as load_predictor
from unified_assets.models.logic_model import MODEL as LOGIC
from unified_assets.store.local import Store, write_table
from unified_assets.tracking import journal
from unified_assets.tracking.rescoring import stored_values
from unified_assets.training import checkpoints, knowledge
from unified_assets.training.baselines import kept_in as read_baselines
from unified_assets.training.carry import carry_over
from unified_assets.training.results import read_results

REFUSALS = (UnifiedAssetsError, SafetensorError, pl.exceptions.PolarsError, OSError, ValueError, KeyError, TypeError)
UNSAFE = {"eval", "exec", "pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load", "yaml.load", "yaml.unsafe_load", "marshal.loads", "pd.read_pickle"}
OUR_PIPES = {"compute/nursery.py", "compute/workers.py"}  # between a parent and the children it forked


class Planted:
    """Whoever unpickles it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def forms(mark: Path) -> dict[str, bytes]:
    """A pickle by itself, as torch keeps one, and as numpy does."""
    zipped, array = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Planted(mark), protocol=2))
        archive.writestr("archive/version", "3\n")
    np.save(array, np.array([Planted(mark)], dtype=object), allow_pickle=True)
    return {"pickle": pickle.dumps(Planted(mark)), "torch": zipped.getvalue(), "numpy": array.getvalue()}


def tried(read) -> str:
    """How an attempt to read ended: refused, or passed over."""
    try:
        read()
    except REFUSALS:
        return "refused"
    return "read"


def test_the_planted_pickles_do_work(tmp_path):
    mark = tmp_path / "mark"
    for data in (forms(mark)["pickle"], zipfile.ZipFile(io.BytesIO(forms(mark)["torch"])).read("archive/data.pkl")):
        pickle.loads(data)
        assert mark.exists()
        mark.unlink()
    np.load(io.BytesIO(forms(mark)["numpy"]), allow_pickle=True)
    assert mark.exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a small model, with checkpoints, knowledge and a final folder."""
    folder = tmp_path_factory.mktemp("run")
    tiny.train("eye", folder, members=("eye",))
    return folder


def read_everything(run):
    """All that is read of a run by whoever reads it, each by itself."""
    final, home, spec = run / "models/eye/final", run / "models/eye/checkpoints", tiny.SPECS["eye"]
    learner = spec.build(spec.blueprint(tiny.dataset("eye").tasks, None))
    for slot in run.glob("knowledge/round_*/*"):
        tried(lambda slot=slot: knowledge.read(slot))
    for folder in home.glob("round_*"):
        tried(lambda folder=folder: checkpoints.load(folder, lambda: (learner, learner.optimizers(0.1))))
    tried(lambda: checkpoints.newest(home))
    tried(lambda: read_results(final))
    tried(lambda: carry_over(learner, final))
    tried(lambda: read_baselines(home, spec))
    tried(lambda: [stored_values(final, task) for task in journal.read_json(final / "results.json")["tasks"]])
    tried(lambda: load_predictor(final))


@pytest.mark.parametrize("form", ["pickle", "torch", "numpy"])
def test_checkpoints_knowledge_results_and_weights_never_execute_one(tmp_path, run, form):
    mark = tmp_path / "mark"
    data = forms(mark)[form]
    planted = [path for path in sorted(run.rglob("*")) if path.is_file() and path.suffix in {".safetensors", ".json", ".parquet", ".jsonl"}]
    places = {path.name for path in planted}
    assert places >= {"weights.safetensors", "optimizer.safetensors", "best.safetensors", "state.json", "answers.safetensors", "knowledge.json", "model.json"}
    for number, path in enumerate(planted):
        copy = tmp_path / f"run{number}"
        shutil.copytree(run, copy)
        (copy / path.relative_to(run)).write_bytes(data)
        (copy / path.relative_to(run)).with_suffix(".pkl").write_bytes(data)
        read_everything(copy)
        shutil.rmtree(copy)
    assert not mark.exists()


@pytest.mark.parametrize("form", ["pickle", "torch", "numpy"])
def test_tables_tensors_and_registered_versions_never_execute_one(tmp_path, form):
    mark = tmp_path / "mark"
    data = forms(mark)[form]
    store = Store(tmp_path / "state")
    for bundle, names in (("catalog", ("catalog",)), ("allocation", ("tasks", "examples"))):
        version = store.publish(bundle, lambda folder, names=names: [write_table(folder, name, store.table(name)) for name in names])
        for name in names:
            (version / name / "part-00000.parquet").write_bytes(data)
            assert tried(lambda name=name: store.table(name)) == "refused"
    shard = tmp_path / "tensors" / "shard-1"
    shard.mkdir(parents=True)
    schema = {"file_id": pl.String, "locator": pl.String, "row": pl.Int64, "reason": pl.String}
    pl.DataFrame([("f", "", 0, None)], schema=schema, orient="row").write_parquet(shard / "index.parquet")
    for name in ("ends.npy", "text.npy", "pixels.npy"):
        (shard / name).write_bytes(data)
    cache = TensorCache(shard.parent)
    (place,) = cache.places.values()
    assert tried(lambda: cache.text(place)) == tried(lambda: cache.write([place], "pixels", "uint8", (2,), tmp_path / "out.npy")) == "refused"
    (shard / "index.parquet").write_bytes(data)
    assert tried(lambda: TensorCache(shard.parent)) == "refused"
    final = tmp_path / "final"
    final.mkdir()
    journal.write_json(final / "model.json", {"model": "logic_model", "tasks": [], "blueprint": LOGIC.blueprint((), None)})
    for name in ("weights.safetensors", "model.pkl", "python_model.pkl"):
        (final / name).write_bytes(data)
    assert tried(lambda: load_predictor(final)) == "refused"
    (final / "model.json").write_bytes(data)
    assert tried(lambda: load_predictor(final)) == "refused"
    assert not mark.exists()


def test_nothing_in_the_package_can_unpickle_a_file_or_run_text():
    root, found = Path(unified_assets.__file__).parent, set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                allows = any(keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False" for keyword in node.keywords)
                if allows or name in UNSAFE or name.startswith(("joblib.", "dill.", "cloudpickle.", "shelve.")):
                    found.add((path.relative_to(root).as_posix(), name))
    assert found == {(place, "pickle.loads") for place in OUR_PIPES}
