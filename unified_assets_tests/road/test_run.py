"""One lake's life at the command line: trained, left alone, grown, hit by a broken model and by SIGKILL, asked. A story, in order."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from unified_assets.sample import pictures

pytestmark = pytest.mark.slow

MODELS = ("audio_service", "causal_reasoning_engine", "concept_models", "logic_model", "math_model", "multimodal_service", "vision_service")
PICTURES = {"vision_service", "multimodal_service"}  # who learns from labelled images
TASK_KEYS = {"task", "kind", "train", "test", "metric", "score", "majority", "baseline", "alone"}  # DESIGN's; more is welcome
ROUNDS = 2

ASK_MLFLOW = """
import json, sys, mlflow
client = mlflow.MlflowClient(sys.argv[1])
experiment = client.get_experiment_by_name("unified_assets").experiment_id
runs = client.search_runs([experiment], f"tags.`unified_assets.run_id` = '{sys.argv[2]}'")
told = [
    {
        "id": run.info.run_id,
        "parent": run.data.tags.get("mlflow.parentRunId"),
        "status": run.info.status,
        "model": run.data.tags.get("unified_assets.model"),
        "rounds": [point.step for point in client.get_metric_history(run.info.run_id, "train_loss")],
    }
    for run in runs
]
versions = {model.name: [model.aliases, len(client.search_model_versions(f"name='{model.name}'"))] for model in client.search_registered_models()}
print(json.dumps({"runs": told, "models": versions}))
"""

ASK_DAGSTER = """
import json, sys, dagster
instance = dagster.DagsterInstance.from_config(sys.argv[1])
stats = instance.get_run_step_stats(sys.argv[2])
print(json.dumps({one.step_key: [one.start_time, one.end_time] for one in stats if one.step_key.startswith("model__")}))
"""

SERVE = """
import json, sys, mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/vision_service@champion")
paths = sys.argv[2:]
as_list = model.predict(paths)
as_table = model.predict(pandas.DataFrame({"path": paths}))
rows = [{name: value for name, value in row.items() if value == value} for row in as_table.to_dict("records")]
print(json.dumps({"list": as_list, "table": rows, "dagster": "dagster" in sys.modules}))
"""


LOAD_TORCHSCRIPT = """
import json, sys, torch
extra = {"model.json": ""}
model = torch.jit.load(sys.argv[1], _extra_files=extra)
about = json.loads(extra["model.json"])
with torch.no_grad():
    out = model(torch.rand(4, 32, 64), torch.zeros(4, 1), torch.rand(4, 105))
print(json.dumps({"classes": about["classes"], "shape": list(out.shape), "sums": [round(float(value), 4) for value in out.exp().sum(1)]}))
"""


def versions(status) -> dict[str, int]:
    return {model["model"]: model["version"] for model in status["models"]}


# ------------------------------------------------------------------------------------------------------ the story


@pytest.fixture(scope="module")
def again(shell, trained):
    """The same command with nothing changed."""
    done = shell.run("train", "--preset", shell.home / "tiny.yaml")
    return SimpleNamespace(done=done, status=shell.status(), digests=shell.dataset_digests())


@pytest.fixture(scope="module")
def licence(shell, again):
    """A licence text dropped in, and a refresh."""
    shell.drop("LICENSE.txt", b"Permission is hereby granted, free of charge, to any person obtaining a copy of this software.\n" * 20)
    before = shell.status()["stale"]
    done = shell.run("refresh")
    return SimpleNamespace(done=done, before=before, stale=shell.status()["stale"], digests=shell.dataset_digests())


@pytest.fixture(scope="module")
def grown(shell, licence):
    """Ten more pictures of a class, and a refresh."""
    rng = np.random.default_rng(11)
    for number in range(10):
        shell.drop(f"images/shapes/circle/more{number}.png", pictures.encode(pictures.shape(rng, "circle"), "png"))
    done = shell.run("refresh")
    return SimpleNamespace(done=done, stale=shell.status()["stale"], digests=shell.dataset_digests())


@pytest.fixture(scope="module")
def spoiled(shell, grown):
    """The champion's weights are cut short; then the two models of pictures are trained again."""
    mirror = json.loads((shell.state / "models" / "vision_service.json").read_text(encoding="utf-8"))
    weights = shell.state / "runs" / mirror["versions"][0]["run_id"] / "models" / "vision_service" / "final" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    asked = shell.run("predict", "vision_service", shell.raw / "inbox" / "favicon.png")
    done = shell.run("train", "--preset", shell.home / "tiny.yaml")
    return SimpleNamespace(asked=asked, done=done, status=shell.status())


# ---------------------------------------------------------------------------------------------------- the first run


def test_the_first_run_registers_seven_champions(shell, trained):
    assert trained.done.code == 0
    assert versions(trained.status) == dict.fromkeys(MODELS, 1)
    assert {model["champion"] for model in trained.status["models"]} == {1}
    (run_line,) = trained.done.lines("run ")
    assert run_line.startswith(f"run {trained.run_dir.name} done in ")
    assert (trained.run_dir / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_status_has_the_promised_shape(shell, trained):
    status = trained.status
    assert set(status) == {"models", "files", "stale", "runs"}
    assert [model["model"] for model in status["models"]] == list(MODELS)
    for model in status["models"]:
        assert set(model) == {"model", "version", "champion", "tasks"}
        assert model["tasks"], model["model"]
        for task in model["tasks"]:
            assert set(task) >= TASK_KEYS
            assert task["train"] > 0
            assert task["test"] > 0
            assert 0 <= task["score"] <= 1
            assert 0 <= task["majority"] <= 1
            assert 0 <= task["baseline"] <= 1
            assert task["alone"] is None  # it was not measured
    assert status["files"] == shell.files
    assert status["stale"] == []
    (run,) = status["runs"]
    assert {key: run[key] for key in ("run_id", "preset", "status")} == {"run_id": trained.run_dir.name, "preset": "tiny", "status": "SUCCESS"}
    assert run["seconds"] > 1


def test_the_ledger_has_one_row_for_every_file_and_model(trained):
    ledger, catalog = trained.tables["allocation"], trained.tables["catalog"]
    assert len(ledger) == len(catalog) * len(MODELS) == ledger.select("path", "model").n_unique()
    assert set(ledger["model"]) == set(MODELS)
    assert set(ledger["path"]) == set(catalog["path"])
    assert dict(catalog.group_by("modality").len().iter_rows()) == {name: count for name, count in trained.status["files"].items() if count}
    assert len(trained.tables["quality_report"]) == len(catalog)
    assert all(len(trained.tables[name]) for name in ("tasks", "examples", "splits"))


def test_seven_steps_live_together(shell, trained):
    lives = shell.python(ASK_DAGSTER, shell.state / "dagster", trained.run_dir.name)
    assert set(lives) == {f"model__{model}" for model in MODELS}
    assert max(start for start, _ in lives.values()) < min(end for _, end in lives.values())


def test_models_never_compute_with_more_threads_than_cores(trained):
    assert set(trained.leases["model"]) == set(MODELS)
    changes = [(row["acquired"], row["threads"]) for row in trained.leases.iter_rows(named=True)]
    changes += [(row["released"], -row["threads"]) for row in trained.leases.iter_rows(named=True)]
    running = np.cumsum([threads for _, threads in sorted(changes)])
    assert 0 < running.max() <= trained.plan["cores"]
    assert running[-1] == 0


def test_every_model_trains_the_rounds_of_the_preset(trained):
    assert trained.plan["preset"]["name"] == "tiny"
    found = {model: part["round"].to_list() for (model,), part in trained.rounds.filter(~pl.col("refit")).group_by("model")}
    assert found == {model: list(range(1, ROUNDS + 1)) for model in MODELS}


def test_mlflow_has_a_parent_seven_children_and_champions_without_pickle(shell, trained):
    told = shell.python(ASK_MLFLOW, f"sqlite:///{shell.state}/mlflow/mlflow.db", trained.run_dir.name)
    (parent,) = [run for run in told["runs"] if run["parent"] is None]
    children = {run["model"]: run for run in told["runs"] if run["parent"] == parent["id"]}
    assert len(told["runs"]) == 1 + len(MODELS)
    assert set(children) == set(MODELS)
    assert {run["status"] for run in told["runs"]} == {"FINISHED"}
    refitted = set(trained.rounds.filter(pl.col("refit"))["model"])
    assert {model: run["rounds"] for model, run in children.items()} == {model: list(range(1, ROUNDS + 1 + (model in refitted))) for model in MODELS}
    assert told["models"] == {model: [{"champion": 1, "challenger": 1}, 1] for model in MODELS}
    artifacts = [path for path in (shell.state / "mlflow").rglob("*") if path.is_file()]
    assert sum(path.name == "weights.safetensors" for path in artifacts) == len(MODELS)
    assert not [path for path in artifacts if path.suffix in {".pkl", ".pickle", ".joblib", ".pt", ".pth"} or path.read_bytes()[:1] == b"\x80"]


def test_the_raw_folder_is_as_it_was(shell, trained):
    assert trained.raw == shell.written


# -------------------------------------------------------------------------------------------------------- answers


def test_champions_answer_on_a_picture_a_sound_and_a_text_and_hostile_files_get_an_error_line(shell, trained):
    asked = {
        "vision_service": [next((shell.raw / "images/digits/test/3").iterdir()), *hostile(shell)],
        "audio_service": [next((shell.raw / "audio/tones/test/3").iterdir())],
        "concept_models": ["please book a table for two"],
    }
    for model, items in asked.items():
        done = shell.run("predict", model, *items)
        assert done.code == (1 if len(items) > 1 else 0), done.said
        answers = [json.loads(line) for line in done.out.splitlines()]
        assert [answer["item"] for answer in answers] == [str(item) for item in items]
        first, *others = answers
        known = {task["task"] for entry in trained.status["models"] if entry["model"] == model for task in entry["tasks"]}
        assert first["task"] in known
        assert isinstance(first["answer"], str)
        assert 0 < first["confidence"] <= 1
        assert [set(answer) for answer in others] == [{"item", "error", "detail"}] * len(others)
        assert "Traceback" not in done.said


def hostile(shell) -> list:
    """A zip bomb, half a letter, a FIFO, bytes of no format, an empty file."""
    return [shell.raw / "inbox" / name for name in ("minutes.docx", "half a letter.pdf", "events", "dump.bin", "todo.txt")]


def test_mlflow_serves_the_same_answers_without_dagster(shell, trained):
    paths = [next((shell.raw / f"images/digits/test/{value}").iterdir()) for value in (1, 2)] + [shell.raw / "inbox" / "minutes.docx"]
    served = shell.python(SERVE, f"sqlite:///{shell.state}/mlflow/mlflow.db", *paths)
    told = [json.loads(line) for line in shell.run("predict", "vision_service", *paths).out.splitlines()]
    mine = [{name: value for name, value in answer.items() if name != "item"} for answer in told]
    assert served == {"list": mine, "table": mine, "dagster": False}


def test_a_folder_is_answered_file_by_file_in_every_format(shell, trained):
    folder, digits = shell.raw / "images" / "digits" / "test", ("--task", "images__digits__class_folders")
    files = sorted(str(path) for path in folder.rglob("*.*"))
    table = shell.run("predict", "vision_service", folder, shell.raw / "gone.png", "--format", "csv", *digits)
    *rows, last = csv.DictReader(io.StringIO(table.out))
    assert table.code == 1
    assert (last["item"], last["error"], last["answer"]) == (str(shell.raw / "gone.png"), "not_found", "")
    assert [row["item"] for row in rows] == files
    assert {row["error"] for row in rows} == {""}
    assert all(row["answer"] in set("0123456789") and 0 < float(row["confidence"]) <= 1 for row in rows)
    screen = shell.run("predict", "vision_service", folder, "--format", "table", *digits)
    assert screen.code == 0
    shown = [line.split() for line in screen.out.splitlines()[1:]]
    assert [(line[0], line[2]) for line in shown] == [(row["item"], row["answer"]) for row in rows]


def test_a_champion_served_over_http_gives_the_same_answers(shell, trained):
    paths = [str(next((shell.raw / f"images/digits/test/{value}").iterdir())) for value in (1, 2)]
    told = [json.loads(line) for line in shell.run("predict", "vision_service", *paths).out.splitlines()]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    binaries = Path(sys.executable).parent
    command = [binaries / "mlflow", "models", "serve", "-m", "models:/vision_service@champion", "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    environment = {**shell.environment, "MLFLOW_TRACKING_URI": f"sqlite:///{shell.state}/mlflow/mlflow.db", "PATH": f"{binaries}:{os.environ['PATH']}"}
    environment["UNIFIED_ASSETS_SERVE_ROOT"] = str(shell.raw)
    log = shell.home / "serve.log"
    with log.open("w", encoding="utf-8") as stream:
        server = subprocess.Popen(command, env=environment, cwd=shell.home, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        shell.until(lambda: _answers(f"http://127.0.0.1:{port}/ping") or server.poll() is not None, 180, "the model is not served")
        assert server.poll() is None, log.read_text(encoding="utf-8")
        for question in ({"inputs": paths}, {"dataframe_split": {"columns": ["path"], "data": [[path] for path in paths]}}):
            asked = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", json.dumps(question).encode(), {"content-type": "application/json"})
            with urllib.request.urlopen(asked, timeout=60) as answer:
                served = json.load(answer)["predictions"]
            assert [{"item": path, **row} for path, row in zip(paths, served, strict=True)] == told
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def test_the_commands_that_report_say_the_same_as_the_files(shell, trained):
    def told(*arguments):
        done = shell.run(*arguments, "--json")
        assert done.code == 0, done.said
        return json.loads(done.out)

    run_id = trained.run_dir.name
    assert told("runs") == trained.status["runs"]
    assert {row["model"]: [(one["version"], one["aliases"]) for one in row["versions"]] for row in told("models")} == {
        model: [(1, ["champion", "challenger"])] for model in MODELS
    }
    frame = told("watch")
    assert (frame["run"]["run_id"], frame["run"]["status"], frame["stages"]) == (run_id, "SUCCESS", [])
    rows = {row["model"]: (row["round"], row["rounds"], row["state"], row["champion"]) for row in frame["models"]}
    assert rows == dict.fromkeys(MODELS, (ROUNDS, ROUNDS, "version 1", True))
    assert frame["machine"]["cores_leased"] == 0
    against_itself = told("compare", "last", run_id[:8])
    assert {(row["model"], row["task"]) for row in against_itself["tasks"]} == {(m["model"], t["task"]) for m in trained.status["models"] for t in m["tasks"]}
    assert {(row["a_better"], row["b_better"], row["verdict"]) for row in against_itself["tasks"]} == {(0, 0, "no difference shown")}
    ledger = told("ledger", "--model", "logic_model")
    assert (ledger["rows"], len(ledger["ledger"]), sum(row["files"] for row in ledger["counts"])) == (len(trained.tables["catalog"]),) * 3
    picture = next((shell.raw / "images/digits/test/3").iterdir())
    explained = told("explain", picture)
    assert [row["path"] for row in explained["files"]] == [str(picture.relative_to(shell.raw))]
    assert {row["model"] for row in explained["ledger"]} == set(MODELS)
    examined = told("doctor")
    assert {row["state"] for row in examined if row["check"] in {"state", "instance", "leases", "models"}} == {"ok"}


def test_scan_and_quality_run_the_job_and_count_what_the_tables_hold(shell, trained):
    scanned, judged = (shell.run(name, "--json") for name in ("scan", "quality"))
    assert (scanned.code, judged.code) == (0, 0), scanned.said + judged.said
    counts, quality = json.loads(scanned.out), json.loads(judged.out)
    assert {row["modality"]: row["files"] for row in counts["modalities"]} == {name: count for name, count in shell.files.items() if count}
    report = trained.tables["quality_report"]
    assert quality["decisions"] == dict(report.group_by("decision").len().iter_rows())
    issues = report.select("path", pl.col("issues").list.eval(pl.element().struct.field("name")).alias("name")).explode("name").drop_nulls("name")
    assert {row["issue"]: row["files"] for row in quality["issues"]} == dict(issues.group_by("name").agg(pl.col("path").n_unique()).iter_rows())
    (empty,) = [row for row in quality["issues"] if row["issue"] == "empty"]
    assert [one["path"] for one in empty["worst"]] == ["inbox/todo.txt"]


def test_networks_of_pictures_and_sounds_are_exported_and_models_of_texts_say_why_not(shell, trained):
    done = shell.run("export", "audio_service", shell.home / "out" / "sound.pt", "--task", "audio__tones__class_folders")
    assert done.code == 0, done.said
    about = shell.python(LOAD_TORCHSCRIPT, shell.home / "out" / "sound.pt")
    assert about == {"classes": [str(digit) for digit in range(10)], "shape": [4, 10], "sums": [1.0] * 4}
    assert [path.name for path in (shell.home / "out").iterdir()] == ["sound.pt"]
    for model in ("logic_model", "multimodal_service"):
        refused = shell.run("export", model, shell.home / "out" / "text.pt")
        (line,) = refused.err.splitlines()
        assert (refused.code, line.startswith(f"error: {model} cannot be exported: ")) == (1, True)


def test_what_is_not_there_is_told_in_one_line(shell, trained):
    for arguments, code, words in (
        (("predict", "vision", "a.png"), 2, "Registered: audio_service (1)"),
        (("predict", "logic_model", "p & q", "--task", "nonesuch"), 2, "logic_model has no such task"),
        (("train", "--preset", "tiny.yml"), 2, "No such file"),
        (("train", "--models", "vision_service,nonesuch"), 2, "no such model"),
        (("train", "--resume"), 1, "nothing to resume"),
        (("report", "zzz"), 2, "no such run"),
    ):
        done = shell.run(*arguments)
        assert (done.code, words in done.err, len(done.err.splitlines())) == (code, True, 1), done.err


# ------------------------------------------------------------------------------------- the same again, and more files


def test_a_second_run_with_nothing_changed_trains_nothing(trained, again):
    assert again.done.code == 0
    assert again.done.lines("not trained: ") == [f"not trained: {model}: already trained" for model in MODELS]
    assert again.status["models"] == trained.status["models"]
    assert again.status["stale"] == []
    assert again.digests == trained.digests


def test_a_licence_text_makes_no_model_stale(licence, again):
    assert licence.before == ["catalog"]
    assert licence.done.code == 0
    assert licence.stale == []
    assert licence.digests == again.digests


def test_ten_pictures_make_the_two_models_of_pictures_stale(grown, licence):
    assert grown.done.code == 0
    assert grown.stale == [f"model/{name}" for name in sorted(PICTURES)]
    assert {model for model, digest in grown.digests.items() if digest != licence.digests[model]} == PICTURES


def test_a_champion_whose_weights_are_cut_short_is_told_in_a_line_and_trained_anew(spoiled):
    assert spoiled.asked.code == 1
    (line,) = spoiled.asked.err.splitlines()
    assert line.startswith("error: checkpoint ")
    assert spoiled.done.code == 0, spoiled.done.said
    assert versions(spoiled.status) == {model: 2 if model in PICTURES else 1 for model in MODELS}
    assert spoiled.status["stale"] == []
    kept = [model for model in MODELS if model not in PICTURES]
    assert spoiled.done.lines("not trained: ") == [f"not trained: {model}: already trained" for model in kept]


def test_the_raw_folder_was_never_written_to(shell, spoiled):
    assert shell.raw_as_it_is() == shell.written
