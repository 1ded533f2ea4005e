"""A state folder on a disk of its own, which fills up while models train; then there is space again."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

APART = ("unshare", "--user", "--map-root-user", "--mount")
ALLOWED = all(map(shutil.which, ("unshare", "nsenter"))) and subprocess.run([*APART, "true"], check=False, capture_output=True).returncode == 0
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ALLOWED, reason="needs mounts in a namespace of its own")]

MODELS = ("logic_model", "math_model")
ROUNDS = 40
MIB = 2**20


@pytest.fixture(scope="module")
def lake(shell, tmp_path_factory):
    """The texts of the sample alone; their state on a disk of 400 MiB."""
    home = tmp_path_factory.mktemp("full")
    shutil.copytree(shell.raw / "texts", home / "raw" / "texts")
    (home / "state").mkdir()
    script = f"mount -t tmpfs -o size=400m none {home / 'state'} && echo there && exec sleep 3600"
    with subprocess.Popen([*APART, "sh", "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "there\n"
        inside = ("nsenter", "--target", str(holder.pid), "--user", "--mount", "--preserve-credentials")
        seen = Path(f"/proc/{holder.pid}/root{home / 'state'}")
        found = replace(shell, home=home, raw=home / "raw", state=home / "state", inside=inside, more={"UNIFIED_ASSETS_DISK_FLOOR_GIB": "0"})
        found.preset("long", f"epochs: {ROUNDS}\ntarget_models: [{', '.join(MODELS)}]")
        yield found, replace(found, state=seen)
        holder.kill()


@pytest.fixture(scope="module")
def story(lake):
    """The run that met the full disk, and the one that went on with it."""
    shell, seen = lake
    log, ballast = shell.home / "full.log", seen.state / "ballast"
    with shell.start("train", "--preset", shell.home / "long.yaml", "--models", ",".join(MODELS), log=log) as process:
        run = shell.until(lambda: next((path.parent for path in seen.state.glob("runs/*/plan.json")), None), 400, "no model began")
        shell.until(lambda: sum(map(len, seen.rounds_of(run.name).values())) >= 6, 400, "too few rounds")
        _fill(ballast)
        process.wait(300)
        code = process.returncode
    whole = seen.rounds_of(run.name)
    ballast.unlink()
    status, left = shell.status(), shell.processes()
    doctor = shell.run("doctor", "--repair")
    done = shell.run("train", "--resume", timeout=600)
    return SimpleNamespace(code=code, said=log.read_text(encoding="utf-8"), whole=whole, left=left, status=status, doctor=doctor, done=done, run=run.name)


def _fill(path: Path) -> None:
    """Leave no byte free."""
    with path.open("wb", buffering=0) as stream:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    stream.write(os.urandom(size))
            except OSError:
                continue


def test_a_run_that_meets_a_full_disk_ends_and_says_so(story):
    assert story.code == 1
    assert "No space left on device" in story.said
    assert "Free space" in story.said
    assert story.left == []


def test_it_goes_on_where_it_was_once_there_is_space(story, lake):
    assert story.done.code == 0, story.done.said
    shell, seen = lake
    assert shell.versions() == dict.fromkeys(MODELS, 1)
    for model in MODELS:
        before, after = story.whole.get(model, []), seen.rounds_of(story.run)[model]
        whole = max(0, len(before) - 1)  # the last line may have been cut
        assert after[:whole] == before[:whole]
    assert shell.run("doctor").code == 0
