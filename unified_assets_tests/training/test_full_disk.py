import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("full_disk.py")
APART = ("unshare", "--user", "--map-root-user", "--mount")
ALLOWED = shutil.which("unshare") is not None and subprocess.run([*APART, "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not ALLOWED, reason="needs mounts in a namespace of its own")
def test_on_a_full_or_read_only_disk_training_says_so_and_goes_on_from_its_last_whole_round(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [*APART, sys.executable, str(PROGRAM), str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["full"]["said"].startswith(f"StateNotWritable: cannot write {disk}/run")
    assert "No space left on device. What was published before is untouched. Free space" in told["full"]["said"]
    assert "`unified-assets train --resume`" in told["full"]["said"]
    assert told["full"]["whole"] == [0, 1]
    assert "Read-only file system." in told["read_only"]["said"]
    assert told["read_only"]["whole"] == told["full"]["whole"]
    assert told["full"]["held"] == told["read_only"]["held"] == told["asks"] == told["left"] == []
    assert told["resumed"] == told["undisturbed"]
    assert "weights" in told["resumed"]
