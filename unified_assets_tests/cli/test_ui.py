"""The servers of a lake, started as a user starts them, and ended in each way they can end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import psutil
import pytest

OURS = ("UNIFIED_ASSETS_", "DAGSTER_", "MLFLOW_")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def ui(folder, *options):
    """`unified-assets ui` in the background, its output in a file."""
    (folder / "raw").mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    command = [sys.executable, "-m", "unified_assets.cli", "--raw", str(folder / "raw"), "--state", str(folder / "state"), "ui", *options]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition, what, seconds=240):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)
    return found


def family(state):
    """Every living process that works on this state, whoever its parent is by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("UNIFIED_ASSETS_STATE") == str(state):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def ask(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read()


def test_the_three_servers_answer_on_loopback_and_none_outlives_a_killed_parent(tmp_path):
    port, mlflow_port = free_port(), free_port()
    said = tmp_path / "said"
    with ui(tmp_path, "--port", str(port), "--mlflow-port", str(mlflow_port)) as process:
        until(lambda: process.poll() is not None or "Ctrl-C stops all" in said.read_text(), said.read_text)
        lines = said.read_text().splitlines()
        assert lines[0].startswith(f"Dagster  http://127.0.0.1:{port}  ")
        assert lines[1].startswith(f"MLflow   http://127.0.0.1:{mlflow_port}  ")
        assert "dagster_webserver_version" in json.loads(ask(f"http://127.0.0.1:{port}/server_info"))
        assert ask(f"http://127.0.0.1:{mlflow_port}/health") == b"OK"
        assert json.loads((tmp_path / "state" / "ui.json").read_text())["mlflow"] == f"http://127.0.0.1:{mlflow_port}"
        living = family(tmp_path / "state")
        told = [" ".join(one.cmdline()) for one in living]
        assert all(any(name in line for line in told) for name in ("dagster_webserver", "dagster._daemon", "mlflow", "api grpc"))
        listening = {link.laddr.ip for one in living for link in one.net_connections("tcp") if link.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        second = subprocess.run([*process.args[:-3], str(free_port()), "--mlflow-port", str(free_port())], capture_output=True, text=True, check=False)
        assert (second.returncode, second.stderr.startswith(f"error: {tmp_path / 'state'} is served already: http://127.0.0.1:{port}")) == (1, True)
        process.kill()
        process.wait()
        until(lambda: not family(tmp_path / "state"), lambda: family(tmp_path / "state"), 60)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, "a server died"])
def test_asked_to_stop_or_with_a_server_dead_all_of_them_end(tmp_path, end):
    state, said = tmp_path / "state", tmp_path / "said"
    with ui(tmp_path, "--port", str(free_port()), "--mlflow-port", str(free_port())) as process:
        server = until(lambda: next((one for one in family(state) if "mlflow" in one.cmdline()), None), said.read_text)
        if end == "a server died":
            server.kill()
        else:
            process.send_signal(end)
        assert process.wait(60) == (1 if end == "a server died" else 0)
        until(lambda: not family(state), lambda: family(state), 5)
    lines = said.read_text().splitlines()
    assert lines[0] == "stopping"
    assert not (state / "ui.json").exists()
    if end == "a server died":
        assert re.fullmatch(r"error: mlflow ended with exit code -9; all servers were stopped\. It last said: .* \(.*mlflow\.log\)", lines[1])
    assert len(lines) == (2 if end == "a server died" else 1)


def test_a_port_in_use_is_told_in_one_line_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for options, option in ((["--port", str(port)], "--port"), (["--port", str(free_port()), "--mlflow-port", str(port)], "--mlflow-port")):
            with ui(tmp_path, *options) as process:
                assert process.wait(60) == 1
            (line,) = (tmp_path / "said").read_text().splitlines()
            assert line == f"error: port {port} on 127.0.0.1 is in use by another program. Stop it, or choose another one: `{option} {port + 1}`."
    assert not (tmp_path / "state").exists()
