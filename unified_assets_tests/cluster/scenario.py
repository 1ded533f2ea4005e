"""What the cluster tests look at, done on three nodes in a network namespace of its own (Ray listens on all addresses): JSON to the file named.

python scenario.py FOLDER REPORT
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from unified_assets.compute import cluster
from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.compute.workers import WorkerPool
from unified_assets.core.contracts import SilentSink, TaskData, TaskInfo
from unified_assets.core.errors import InsufficientResources
from unified_assets.core.plugins import models
from unified_assets.core.presets import Preset
from unified_assets.datasets import TaskCounts
from unified_assets.store.local import Store
from unified_assets.training.plan import make_plan
from unified_assets.training.remote import there
from unified_assets.training.rounds import train_model
from unified_assets_tests.cluster.apart import ADDRESS, RAY

WORDS = ("cat", "dog", "horse", "hammer", "saw", "drill")


def start(folder, *arguments, cores=1):
    """A node; it ends when its process does."""
    quiet = {"stdout": (folder / f"node-{time.monotonic_ns()}.log").open("w"), "stderr": subprocess.STDOUT, "start_new_session": True}
    return subprocess.Popen([RAY, "start", *arguments, f"--num-cpus={cores}", "--memory=4000000000", "--object-store-memory=100000000", "--block"], **quiet)


def joined(ray, folder, last):
    """A node that has joined; on a busy machine one may take longer to start than Ray waits."""
    address = f"127.0.0.{last}"
    for _ in range(5):
        node = start(folder, f"--address={ADDRESS}", f"--node-ip-address={address}")
        wait_for(lambda node=node: node.poll() is not None or address in alive(ray))
        if node.poll() is None:
            return node
    raise TimeoutError


def alive(ray):
    """Addresses of the nodes that are."""
    return {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}


def behave(item):
    """A worker function: most items are doubled, some end their worker."""
    if item == 700:
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == 900:
        raise ValueError("no")
    return 2 * item


def outcomes(pool, items):
    """(index, value, reason) of each, in order."""
    with pool:
        return sorted((one.index, one.value, one.reason) for one in pool.map(items))


def lost(marks):
    """Work that ends its process each time, leaving a mark."""
    (marks / f"{time.monotonic_ns()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


class Kinds:
    """A dataset of phrases, read by its path as a published one is."""

    model, digest, pairs = "concept_models", "made", None

    def __init__(self, folder):
        self.folder = folder
        texts = [f"{first} {word}" for word in WORDS for first in ("a", "my", "old", "new", "one", "that")]
        self.tasks = (
            TaskData(
                info=TaskInfo(task="kinds", subject="concept", kind="classification", roles=("text",), classes=("animal", "tool"), metric="accuracy"),
                example_ids=tuple(f"{place:03d}" for place in range(len(texts))),
                texts={"text": texts},
                media={},
                arrays={},
                target=np.asarray([int(text.split()[1] in WORDS[3:]) for text in texts]),
                split=np.asarray(["train", "train", "train", "train", "valid", "test"] * len(WORDS)),
                groups=tuple(texts),
            ),
        )


def train(folder, address, *, epochs=3, sink=None):
    """One model, in this process or on the cluster. Returns the bytes of its weights."""
    preset = Preset(epochs=epochs, checkpoint_interval=1, target_models=("concept_models",))
    machine = Inventory(cores=1, memory_gib=8)
    counts = TaskCounts(tasks={"kinds": {"train": 24, "valid": 6, "test": 6}})
    data = Kinds(folder)
    folder.mkdir(parents=True, exist_ok=True)
    outcome = train_model(
        models()["concept_models"],
        dataset=data,
        run_dir=folder,
        knowledge_dir=folder / "knowledge",
        plan=make_plan(folder, models={"concept_models": counts}, preset=preset, inventory=machine, specs=models()),
        broker=LeaseBroker(folder / "leases", machine),
        members=("concept_models",),
        champions={},
        initial=None,
        sink=sink or SilentSink(),
        computing=there(address, dataset=data, load=Kinds, encoder=None),
    )
    return (outcome.folder / "weights.safetensors").read_bytes()


def big(said):
    """Ask for more than there is, until the cluster ends."""
    with suppress(Exception):
        cluster.call(ADDRESS, behave, 21, what="something big", cores=4, waiting=said.append)


class Killer(SilentSink):
    """When the second round is done, ends the only node that has cores, so that the third loses it under way; then brings another."""

    def __init__(self, node, successor):
        self.node, self.successor, self.rounds = node, successor, 0

    def round_done(self, row, scores, eta_s):
        """Count, and kill."""
        self.rounds += 1
        if self.rounds == 2:
            threading.Timer(0.2, self.replace).start()

    def replace(self):
        """One node for the other."""
        os.killpg(self.node.pid, signal.SIGKILL)
        self.successor()


def main():
    """Everything, on three nodes."""
    folder, report = Path(sys.argv[1]), Path(sys.argv[2])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    told, running = {}, []
    state = folder / "state"
    Store(state).bind(folder)
    sockets = tempfile.mkdtemp(prefix="ua-ray-", dir="/tmp")
    try:
        running.append(start(folder, "--head", "--node-ip-address=127.0.0.1", "--port=6379", "--include-dashboard=false", f"--temp-dir={sockets}", cores=0))
        wait_for(lambda: subprocess.run([RAY, "health-check", "--address", ADDRESS], capture_output=True, check=False).returncode == 0)
        ray = cluster.connect(ADDRESS)
        first, second = (joined(ray, folder, last) for last in (2, 3))
        running += [first, second]
        told["nodes"] = [node.name for node in cluster.nodes(ADDRESS, state)]
        whole = cluster.inventory(ADDRESS, state)
        told["cores"], told["memory_gib"] = whole.cores, whole.memory_gib
        items = list(range(1500))
        limits = {"timeout_s": 30.0, "memory_mib": 256, "prepare": None}
        told["same_outcomes"] = outcomes(cluster.ClusterPool(behave, address=ADDRESS, **limits), items) == outcomes(
            WorkerPool(behave, workers=1, **limits), items
        )
        try:
            cluster.call(ADDRESS, behave, 1, what="something big", cores=4)
        except InsufficientResources as error:
            told["refused"] = str(error)
        marks = folder / "marks"
        marks.mkdir()
        try:
            cluster.call(ADDRESS, lost, marks, what="something fatal", cores=1)
        except cluster.NodesLost as error:
            told["given_up"] = [str(error), len(list(marks.iterdir()))]
        os.environ["UNIFIED_ASSETS_RAY_NODE_KINDS"] = '[{"cores": 4, "memory_gib": 8}]'
        said = []
        waiting = threading.Thread(target=partial(big, said), daemon=True)
        waiting.start()
        time.sleep(8)
        told["waits"] = [waiting.is_alive(), sorted(set(said))]
        del os.environ["UNIFIED_ASSETS_RAY_NODE_KINDS"]
        here = train(folder / "here", None)
        told["same_weights"] = train(folder / "there", ADDRESS) == here
        long = train(folder / "long", None, epochs=6)
        os.killpg(second.pid, signal.SIGKILL)
        wait_for(lambda: "127.0.0.3" not in alive(ray))
        told["same_weights_after_a_lost_node"] = (
            train(folder / "lost", ADDRESS, epochs=6, sink=Killer(first, lambda: running.append(joined(ray, folder, 4)))) == long
        )
        wait_for(lambda: "127.0.0.2" not in alive(ray))
        told["nodes_left"] = [node.name for node in cluster.nodes(ADDRESS, state)]
    finally:
        for node in running:
            node.terminate()
        shutil.rmtree(sockets, ignore_errors=True)
    report.write_text(json.dumps(told))


def wait_for(ready, limit_s=300):
    """Raises TimeoutError."""
    end = time.monotonic() + limit_s
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.5)


if __name__ == "__main__":
    from unified_assets_tests.cluster import scenario  # under its own name: other processes import what is in it

    scenario.main()
