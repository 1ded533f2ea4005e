"""A model of somebody else's package, installed with pip: it trains beside ours, is registered and answers, with no edit of ours."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow
PACKAGE = Path(__file__).resolve().parents[2] / "docs" / "own_model"


@pytest.fixture(scope="module")
def own(shell, trained, tmp_path_factory):
    """The package of docs/own_model in a folder that only these processes see."""
    before, source, site = shell.versions(), tmp_path_factory.mktemp("source") / "own_model", tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    shell.python_path = site
    try:
        done = shell.run("train", "--preset", shell.preset("own", "seed: 10"), "--models", "colour_service,audio_service")
        picture = next(path for path in sorted(shell.raw.rglob("*.png")) if path.parent.name.isdigit())
        answered = shell.run("predict", "colour_service", picture)
        yield SimpleNamespace(before=before, done=done, status=shell.status(), answered=answered, ledger=shell.table("allocation"))
    finally:
        shell.python_path = None
        shell.run("refresh")


def test_it_trains_beside_ours_and_is_registered_with_honest_scores(own):
    assert own.done.code == 0, own.done.said
    model = next(model for model in own.status["models"] if model["model"] == "colour_service")
    assert (model["version"], model["champion"]) == (1, 1)
    assert model["tasks"]
    for task in model["tasks"]:
        assert 0 <= task["score"] <= 1
        assert 0 <= task["baseline"] <= 1
        assert task["baseline_method"] == "nearest mean thumbnail"


def test_every_file_is_accounted_for_with_the_eighth_model_too(own):
    assert own.ledger["model"].n_unique() == 8
    assert len(own.ledger) == 8 * own.ledger["path"].n_unique()


def test_it_takes_part_in_the_exchange(own, shell):
    run = shell.run_dir(own.status["runs"][0]["run_id"])
    assert list((run / "knowledge").rglob("colour_service*"))
    assert json.loads((run / "members.json").read_text())["members"] == ["audio_service", "colour_service"]


def test_it_answers_like_ours(own):
    assert own.answered.code == 0, own.answered.said
    (row,) = [json.loads(line) for line in own.answered.out.splitlines()]
    assert set(row) >= {"item", "task", "answer", "confidence"}


def test_the_others_are_left_alone(own):
    after = {model["model"]: model["version"] for model in own.status["models"]}
    assert {name: version for name, version in after.items() if name not in {"colour_service", "audio_service"}} == {
        name: version for name, version in own.before.items() if name != "audio_service"
    }
