import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil


def test_ending_the_command_ends_the_ui_and_the_daemon(tmp_path):
    (tmp_path / "raw").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [Path(sys.executable).parent / "unified-assets", "--raw", tmp_path / "raw", "--state", tmp_path / "state", "dev", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 180
        while True:
            assert started.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        family = psutil.Process(started.pid).children(recursive=True)
        listening = [link.laddr.ip for process in family for link in process.net_connections("tcp") if link.status == psutil.CONN_LISTEN]
        assert len(family) >= 2
        assert set(listening) == {"127.0.0.1"}
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(120)
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
