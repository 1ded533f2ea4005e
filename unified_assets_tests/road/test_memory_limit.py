"""A training under the memory limit of a real cgroup, in which one model takes more than there is."""

import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a killed step is tried three times

MODELS = ("logic_model", "math_model")
LIMIT = 3 * 2**30
HOG = "kept = globals().setdefault('kept', []); [kept.append(bytearray(b'x' * 2**26)) for _ in range(200)]"


@pytest.fixture(scope="module")
def cgroup():
    """A cgroup of our own below the one we are in, with a limit of memory; skips where none can be made."""
    held = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines())
    places = [(Path("/sys/fs/cgroup/memory" + held["memory"]), "memory.limit_in_bytes")] if "memory" in held else []
    places += [(Path("/sys/fs/cgroup" + held[""]), "memory.max")] if "" in held else []
    made = next((folder for parent, limit in places if (folder := limited(parent, limit)) is not None), None)
    if made is None:
        pytest.skip("needs a cgroup in which memory can be limited")
    yield made
    made.rmdir()


def limited(parent, limit):
    """A cgroup there with a limit of memory, or None."""
    folder = parent / f"unified-assets-test-{os.getpid()}"
    with suppress(OSError):
        folder.mkdir()
        if (folder / limit).exists():
            (folder / limit).write_text(str(LIMIT), encoding="ascii")
            return folder
        folder.rmdir()
    return None


@pytest.fixture(scope="module")
def lake(shell, cgroup, tmp_path_factory):
    """The texts of the sample alone; every command runs in that cgroup."""
    home = tmp_path_factory.mktemp("limited")
    shutil.copytree(shell.raw / "texts", home / "raw" / "texts")
    inside = ("sh", "-c", f'echo $$ > {cgroup}/cgroup.procs && exec "$@"', "sh")
    found = replace(shell, home=home, raw=home / "raw", state=home / "state", inside=inside)
    found.preset("tiny", f"target_models: [{', '.join(MODELS)}]")
    return found


def test_what_the_limit_leaves_is_what_the_machine_is_taken_to_have(lake):
    assert "3.0 GiB of memory" in lake.run("doctor", "--json").out


def test_a_step_that_the_kernel_ends_for_its_memory_says_so_and_the_other_model_is_registered(lake):
    lake.python_path = lake.plant("math_model", HOG)
    done = lake.run("train", "--preset", lake.home / "tiny.yaml", timeout=900)
    lake.python_path = None
    assert done.code == 1
    (line,) = done.lines("failed: ")
    assert line.startswith("failed: model/math_model: ")
    assert "SIGKILL" in line
    assert line.endswith(
        "Where memory ran out, train fewer models at a time (`target_models`) or give this process more; then `unified-assets train --resume`."
    )
    assert lake.versions() == {"logic_model": 1}
    assert lake.processes() == []
    resumed = lake.run("train", "--resume", timeout=900)
    assert resumed.code == 0, resumed.said
    assert lake.versions() == dict.fromkeys(MODELS, 1)
