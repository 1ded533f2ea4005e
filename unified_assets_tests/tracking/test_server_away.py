import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from types import SimpleNamespace

import pytest

from unified_assets.tracking import journal
from unified_assets.tracking.experiment import Tracker
from unified_assets.tracking.patience import NotMlflow, TrackingAway, patiently
from unified_assets.tracking.registry import register


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def serve(folder, port):
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder / "artifacts")]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return server
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not start")


def end(server):
    os.killpg(server.pid, 9)
    server.wait()


def test_metrics_measured_while_the_server_is_away_are_delivered_when_it_is_back(tmp_path):
    from mlflow.exceptions import MlflowException

    port = free_port()
    server = serve(tmp_path, port)
    tracker = Tracker(uri=f"http://127.0.0.1:{port}", state=tmp_path / "state")
    run_dir = tmp_path / "runs" / "r1"
    parent = tracker.parent(run_dir, name="r1", parameters={"epochs": 3})
    run = tracker.child(run_dir, "m", parent=parent, parameters={})
    run.metrics({"loss": 3.0}, 1)
    end(server)
    for step in (2, 3):
        with pytest.raises(MlflowException):
            run.metrics({"loss": 4.0 - step, "unmeasured": None}, step)
    waits = []
    with pytest.raises(TrackingAway, match="train --resume"):
        patiently(lambda: run.metrics({}, 3), uri=tracker.uri, waiting=waits.append, give_up_s=0.5)
    server = serve(tmp_path, port)
    try:
        patiently(lambda: run.metrics({}, 3), uri=tracker.uri, waiting=waits.append)
        history = run.client.get_metric_history(run.run_id, "loss")
        assert [(metric.step, metric.value) for metric in sorted(history, key=lambda metric: metric.step)] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    finally:
        end(server)


def test_what_the_server_refuses_is_not_tried_again(tmp_path):
    calls = []

    def refused():
        calls.append(1)
        raise ValueError("no such run")

    with pytest.raises(ValueError, match="no such run"):
        patiently(refused, uri="sqlite:///x", waiting=calls.append)
    assert calls == [1]


def test_a_server_that_is_not_mlflow_is_told_at_once_with_what_to_set(tmp_path):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        do_POST = do_GET  # noqa: N815 (the name its base class looks for)

        def log_message(self, *_):
            pass

    waits = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tracker = Tracker(uri=f"http://127.0.0.1:{server.server_port}", state=tmp_path / "state")
        with pytest.raises(NotMlflow, match=r"answers, but not as MLflow does \(.*404.*UNIFIED_ASSETS_MLFLOW_TRACKING_URI"):
            patiently(tracker.experiment, uri=tracker.uri, waiting=waits.append)
        server.shutdown()
    assert waits == []


@pytest.mark.filterwarnings("ignore")  # MLflow and alembic warn about themselves
def test_a_database_that_another_process_keeps_locked_is_waited_for(tmp_path):
    tracker = Tracker(uri=f"sqlite:///{tmp_path / 'mlflow.db'}", state=tmp_path / "state")
    run_dir = tmp_path / "runs" / "r1"
    run = tracker.child(run_dir, "m", parent=tracker.parent(run_dir, name="r1", parameters={}), parameters={})
    code = "import sqlite3, sys, time; d = sqlite3.connect(sys.argv[1]); d.execute('begin exclusive'); print('held', flush=True); time.sleep(7); d.rollback()"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "mlflow.db")], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        patiently(lambda: run.metrics({"loss": 1.5}, 1), uri=tracker.uri, waiting=print)
    assert [(point.step, point.value) for point in run.client.get_metric_history(run.run_id, "loss")] == [(1, 1.5)]


@pytest.mark.filterwarnings("ignore")  # MLflow warns about itself
def test_another_server_gets_versions_whose_numbers_go_on_and_no_password_is_kept(tmp_path):
    from mlflow import pyfunc

    port, state, final = free_port(), tmp_path / "state", tmp_path / "final"
    server = serve(tmp_path, port)
    final.mkdir()
    (final / "model.json").write_text('{"model": "m"}', encoding="utf-8")
    known = [{"version": number, "run_id": f"r{number}", "folder": str(final), "dataset": "d", "tasks": []} for number in (1, 3)]
    journal.write_json(journal.mirror_path(state, "m"), {"model": "m", "version": 3, "champion": 3, "versions": known})
    try:
        tracker = Tracker(uri=f"http://me:hunter2@127.0.0.1:{port}", state=state)
        run_dir = state / "runs" / "r4"
        run = tracker.child(run_dir, "m", parent=tracker.parent(run_dir, name="r4", parameters={}), parameters={})
        about = {"spec": SimpleNamespace(name="m", version="1"), "dataset": SimpleNamespace(digest="d", tasks=()), "identity": "i", "run_id": "r4"}
        made = register(tracker, run, folder=final, results={"model": "m", "tasks": []}, **about)
        assert made.version == 4
        assert [int(one.version) for one in tracker.client.search_model_versions("name='m'")] == [4]
        assert int(tracker.client.get_model_version_by_alias("m", "challenger").version) == 4
        assert (pyfunc.get_model_dependencies("models:/m/4") != "", run.page.startswith(f"http://127.0.0.1:{port}/#/experiments/")) == (True, True)
        assert [path for path in state.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()] == []
    finally:
        end(server)
