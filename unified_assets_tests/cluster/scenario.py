"""What the cluster tests look at, done on three nodes in a network namespace of its own (Ray listens on all addresses): JSON to the file named.

python scenario.py FOLDER REPORT
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
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

ADDRESS = "127.0.0.1:6379"
RAY = str(Path(sys.executable).with_name("ray"))
WORDS = ("cat", "dog", "horse", "hammer", "saw", "drill")


def start(folder, *arguments):
    """A node; it ends when its process does."""
    quiet = {"stdout": (folder / f"node-{time.monotonic_ns()}.log").open("w"), "stderr": subprocess.STDOUT, "start_new_session": True}
    return subprocess.Popen([RAY, "start", *arguments, "--num-cpus=1", "--memory=4000000000", "--object-store-memory=100000000", "--block"], **quiet)


def joined(ray, folder, last):
    """A node that has joined; on a busy machine one may take longer to start than Ray waits."""
    for _ in range(5):
        node = start(folder, f"--address={ADDRESS}", f"--node-ip-address=127.0.0.{last}")
        wait_for(lambda node=node: node.poll() is not None or sum(one["Alive"] for one in ray.nodes()) == last)
        if node.poll() is None:
            return node
    raise TimeoutError


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


class Killer(SilentSink):
    """Ends a node by force when the second round is done, so that work under way or to come loses it."""

    def __init__(self, node):
        self.node, self.rounds = node, 0

    def round_done(self, row, scores, eta_s):
        """Count, and kill."""
        self.rounds += 1
        if self.rounds == 2:
            threading.Timer(0.3, lambda: os.killpg(self.node.pid, signal.SIGKILL)).start()


def main():
    """Everything, on three nodes."""
    folder, report = Path(sys.argv[1]), Path(sys.argv[2])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    told, running = {}, []
    state = folder / "state"
    Store(state).bind(folder)
    try:
        running.append(start(folder, "--head", "--node-ip-address=127.0.0.1", "--port=6379", "--include-dashboard=false"))
        wait_for(lambda: subprocess.run([RAY, "health-check", "--address", ADDRESS], capture_output=True, check=False).returncode == 0)
        ray = cluster.connect(ADDRESS)
        running.extend(joined(ray, folder, last) for last in (2, 3))
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
        os.environ["UNIFIED_ASSETS_RAY_NODE_KINDS"] = '[{"cores": 4, "memory_gib": 8}]'
        said = []
        waiting = threading.Thread(target=partial(cluster.call, ADDRESS, behave, 21, what="something big", cores=4, waiting=said.append), daemon=True)
        waiting.start()
        time.sleep(8)
        told["waits"] = [waiting.is_alive(), sorted(set(said))]
        del os.environ["UNIFIED_ASSETS_RAY_NODE_KINDS"]
        here = train(folder / "here", None)
        told["same_weights"] = train(folder / "there", ADDRESS) == here
        long = train(folder / "long", None, epochs=6)
        told["same_weights_after_a_lost_node"] = train(folder / "lost", ADDRESS, epochs=6, sink=Killer(running[-1])) == long
        wait_for(lambda: sum(node["Alive"] for node in ray.nodes()) == 2)
        told["nodes_left"] = [node.name for node in cluster.nodes(ADDRESS, state)]
    finally:
        for node in running:
            node.terminate()
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
