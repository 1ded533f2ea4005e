"""`mlflow models serve` on a small model: which files of its machine a request gets answers on."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import unified_assets
from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.core.media import DecodedImage
from unified_assets.inference import load
from unified_assets.models.vision_service import MODEL as VISION

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def final(tmp_path_factory):
    """A vision_service that has learned nothing, as training writes it."""
    torch.manual_seed(0)
    encoder = VISION.encoders["image"]
    pixels = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3)).astype(np.uint8)
    encoded = [encoder.encode(DecodedImage(pixels=one, original_width=32, original_height=32), None) for one in pixels]
    data = TaskData(
        info=TaskInfo(task="t", subject="image", kind="classification", roles=("image",), classes=("a", "b"), metric="accuracy"),
        example_ids=tuple(map(str, range(8))),
        texts={},
        media={"image": (encoder.name, np.arange(8))},
        arrays={encoder.name: {name: np.stack([value[name] for value in encoded]) for name in encoder.arrays}},
        target=np.arange(8) % 2,
        split=np.full(8, "train"),
    )
    learner = VISION.build(VISION.blueprint((data,), None))
    learner.fit_statistics((data,), None)
    folder = tmp_path_factory.mktemp("final")
    save_file({name: value.contiguous() for name, value in learner.state_dict().items()}, str(folder / "weights.safetensors"))
    described = {"model": "vision_service", "version": VISION.version, "dataset": "d", "tasks": [data.info.as_dict()], "blueprint": learner.blueprint}
    (folder / "model.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def logged(final, tmp_path_factory):
    """The same as MLflow keeps it."""
    code = Path(unified_assets.__file__).parent
    script = (
        "import sys, warnings, mlflow\nwarnings.simplefilter('ignore')\nmlflow.pyfunc.save_model(sys.argv[1], python_model=sys.argv[2],"
        " artifacts={'model': sys.argv[3]}, code_paths=[sys.argv[4]], pip_requirements=['mlflow'])"
    )
    place = tmp_path_factory.mktemp("logged") / "model"
    subprocess.run([sys.executable, "-c", script, place, code / "tracking" / "served_model.py", final, code], check=True, capture_output=True)
    return place


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A picture that is served, one that is not, and links between them."""
    home = tmp_path_factory.mktemp("machine")
    for name, seed in (("served/in/picture.png", 1), ("secret.png", 2)):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (32, 32, 3)).astype(np.uint8)).save(home / name)
    (home / "served" / "link.png").symlink_to(home / "served" / "in" / "picture.png")
    (home / "served" / "out.png").symlink_to(home / "secret.png")
    (home / "served" / "away").symlink_to(home)
    return home


@contextmanager
def served(model, cwd, **environment):
    """A function that asks the server and returns its predictions."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    binaries = Path(sys.executable).parent
    command = [binaries / "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("UNIFIED_ASSETS_")}
    ours |= {"PATH": f"{binaries}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", **environment}
    log = (cwd / "serve.log").open("w", encoding="utf-8")
    server = subprocess.Popen(command, env=ours, cwd=cwd, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def ask(**question):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", json.dumps(question).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)["predictions"]

    try:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and server.poll() is None and not _is_up(port):
            time.sleep(0.3)
        assert _is_up(port), (cwd / "serve.log").read_text(encoding="utf-8")
        yield ask
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        log.close()


def _is_up(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_a_server_reads_below_the_folder_that_was_named_and_nowhere_else(final, logged, machine):
    root, secret = machine / "served", machine / "secret.png"
    (wanted,) = load(final).predict([root / "in" / "picture.png"])
    inside = ["in/picture.png", str(root / "in" / "picture.png"), "link.png", "in/../in/picture.png"]
    outside = ["out.png", "away/secret.png", "../secret.png", str(secret), str(root / ".." / "secret.png"), "/etc/passwd"]
    content = "data:image/png;base64," + base64.b64encode((root / "in" / "picture.png").read_bytes()).decode()
    with served(logged, machine, UNIFIED_ASSETS_SERVE_ROOT=str(root)) as ask:
        assert ask(inputs=[*inside, content]) == [wanted] * 5
        assert ask(dataframe_split={"columns": ["path"], "data": [[one] for one in inside]}) == [wanted] * 4
        for answers in (
            ask(inputs=outside),
            ask(inputs=[{"path": one} for one in outside]),
            ask(inputs=[{"image": one} for one in outside]),
            ask(dataframe_split={"columns": ["path"], "data": [[one] for one in outside]}),
            ask(dataframe_records=[{"image": one, "note": "x"} for one in outside]),
        ):
            assert [answer["error"] for answer in answers] == ["not_allowed"] * 6
            assert all("UNIFIED_ASSETS_SERVE_ROOT" in answer["detail"] for answer in answers)


def test_a_server_for_which_no_folder_was_named_reads_no_file_and_answers_on_contents(final, logged, machine):
    picture = machine / "served" / "in" / "picture.png"
    (wanted,) = load(final).predict([picture])
    content = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
    with served(logged, machine) as ask:
        answers = ask(inputs=[str(picture), "served/in/picture.png", {"image": str(picture)}])
        assert [answer["error"] for answer in answers] == ["not_allowed"] * 3
        assert all("start it with UNIFIED_ASSETS_SERVE_ROOT" in answer["detail"] for answer in answers)
        assert ask(inputs=[content, {"image": content}]) == [wanted] * 2
        assert ask(dataframe_split={"columns": ["image"], "data": [[content]]}) == [wanted]
