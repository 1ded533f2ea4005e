"""An encoder by its name on the hub: what is fetched, that a name stays what it was, and what is said where there is no hub."""

import hashlib
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unified_assets.core.errors import InvalidSetting
from unified_assets.store import encoder_hub

constants = pytest.importorskip("huggingface_hub.constants", reason="the extra `pretrained` is not installed")
FIRST, SECOND = "1" * 40, "2" * 40
WHOLE = {"config.json": b"{}", "model.safetensors": b"weights", "1_Pooling/config.json": b"{ }", "modeling.py": b"raise SystemExit", "model.bin": b"pickled"}


@pytest.fixture
def hub(monkeypatch):
    """A server that answers as the hub does: `commits` maps a branch, tag or commit to a commit, `files` is what each holds; `asked` are its paths."""

    class Hub(BaseHTTPRequestHandler):
        commits, files, asked = {"main": FIRST, FIRST: FIRST, SECOND: SECOND}, dict(WHOLE), []

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = self.path.partition("?")[0]
            if path.startswith("/api/models/owner/name/revision/"):
                commit = self.commits[path.rpartition("/")[2]]
                self.send({"id": "owner/name", "sha": commit, "siblings": [{"rfilename": name} for name in self.files]})
            elif path.startswith("/api/models/owner/name/tree/"):
                self.send([{"type": "file", "path": name, "size": len(data), "oid": "0"} for name, data in self.files.items()])
            elif path.startswith("/owner/name/resolve/"):
                commit, _, name = path.removeprefix("/owner/name/resolve/").partition("/")
                self.asked.append((self.command, commit[:1], name))
                self.send(self.files[name], ETag=f'"{hashlib.sha1(self.files[name]).hexdigest()}"', **{"X-Repo-Commit": commit})
            else:
                self.send_error(404)

        def send(self, told, **headers):
            data = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(200)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", here)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", here + "/{repo_id}/resolve/{revision}/{filename}")
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_name_is_fetched_once_without_code_or_pickles_and_stays_the_commit_it_was(hub, tmp_path):
    folder, name = encoder_hub.resolved("text", "owner/name", tmp_path)
    assert name == f"owner/name@{FIRST}"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "1_Pooling/config.json",
        "config.json",
        "model.safetensors",
    ]
    assert sorted(part for command, _, part in hub.asked if command == "GET") == ["1_Pooling/config.json", "config.json", "model.safetensors"]
    assert folder.parent == tmp_path / "encoders"
    hub.commits["main"], hub.files["model.safetensors"] = SECOND, b"newer weights"
    assert encoder_hub.resolved("text", "owner/name", tmp_path) == (folder, name)
    shutil.rmtree(folder)
    hub.files["model.safetensors"] = WHOLE["model.safetensors"]
    hub.asked.clear()
    assert encoder_hub.resolved("text", "owner/name", tmp_path) == (folder, name)
    assert {commit for _, commit, _ in hub.asked} == {"1"}


def test_a_revision_can_be_named(hub, tmp_path):
    assert encoder_hub.resolved("image", f"owner/name@{SECOND}", tmp_path)[1] == f"owner/name@{SECOND}"
    assert {commit for _, commit, _ in hub.asked} == {"2"}


def test_an_encoder_of_pickled_weights_alone_is_refused(hub, tmp_path):
    del hub.files["model.safetensors"]
    with pytest.raises(InvalidSetting, match=r"`pretrained_text` is 'owner/name': of what the hub has of it, .* pickled form are not read"):
        encoder_hub.resolved("text", "owner/name", tmp_path)
    assert not list((tmp_path / "encoders").glob(".tmp-*"))


def test_where_there_is_no_hub_a_folder_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InvalidSetting, match=r"it is no folder here, and the hub did not give it: .* Name the folder of an encoder that is on this machine"):
        encoder_hub.resolved("image", "owner/name", tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InvalidSetting, match="Name the folder of an encoder"):
        encoder_hub.resolved("image", "owner/name", tmp_path)


def test_a_folder_is_taken_before_a_name_and_what_can_be_no_name_is_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert encoder_hub.resolved("text", "owner/name", tmp_path)[1] == "name"
    assert encoder_hub.resolved("text", "/some/where/else", tmp_path)[1] == "else"
