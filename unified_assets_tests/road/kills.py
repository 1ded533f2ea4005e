"""Real training runs of three models on a small lake, killed at random moments until they are through, again and again.

    python kills.py FOLDER COUNT [FIRST_SEED]

A kill hits one step, the run's worker, or everything at once. After the latter two: no process, lease or lock of the run is left, and it is resumed as
`train --resume` does it. Once it is through: each model has exactly one version more, in our records and in MLflow; weights, tables and datasets are
those of the undisturbed run; no run is open, no slot taken. Prints a line of JSON for each kill and one at the end.

Run workers and their fork servers are forked from this process, which has imported what they need and runs nothing of it: a start costs no import.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

MODELS = ("concept_models", "logic_model", "math_model")
SCALE = 0.1
PRESET = "epochs: 8\nbatch_size: 16\ncheckpoint_interval: 1\nmin_steps_per_epoch: 4\nmax_steps_per_epoch: 8\nstart_from: scratch\n"
PRESET += f"target_models: [{', '.join(MODELS)}]\n"
KINDS = ("step", "step", "worker", "everything")
SOON = 0.3  # of an undisturbed run: the next kill comes within it
WHOLE = 4  # every so many trainings read the files too
GONE_S = 60.0  # a watchdog looks every second, but a step on a loaded machine may take long to begin
GIVE_UP_S = 600.0


def main() -> None:
    """Kill as often as asked."""
    folder, count, seed = Path(sys.argv[1]).absolute(), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    _environment(folder)
    lake = Lake(folder)
    chooser, began, kills, training = random.Random(seed), time.monotonic(), 0, 0
    reference, typical_s = lake.undisturbed()
    while kills < count:
        training += 1
        kills += lake.disturbed(training, chooser, typical_s, reference, most=count - kills)
    sys.stdout.write(json.dumps({"kills": kills, "trainings": training, "seconds": round(time.monotonic() - began, 1)}) + "\n")


def _environment(folder: Path) -> None:
    """Before anything of ours is imported: definitions read it."""
    for name in [name for name in os.environ if name.startswith(("UNIFIED_ASSETS_", "DAGSTER_", "MLFLOW_"))]:
        del os.environ[name]
    os.environ |= {"UNIFIED_ASSETS_RAW": str(folder / "raw"), "UNIFIED_ASSETS_STATE": str(folder / "state"), "UNIFIED_ASSETS_DISK_FLOOR_GIB": "0.1"}
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "OMP_NUM_THREADS": "1"}


class Lake:
    """A sample lake, its state, and what trains on it."""

    def __init__(self, folder: Path) -> None:
        import unified_assets.defs.preload  # noqa: F401 (imported once here, not by every fork server)
        from unified_assets import sample
        from unified_assets.core.settings import Settings

        self.folder, self.settings = folder, Settings().absolute()
        self.state = self.settings.state
        if not self.settings.raw.is_dir():
            sample.write(self.settings.raw, scale=SCALE)

    def undisturbed(self) -> tuple[dict, float]:
        """The run that nobody disturbs: what must come out of every other, and how long it takes."""
        for _ in range(2):  # the first one reads the files and measures the baselines
            started = time.monotonic()
            pid = self.start(preset=self.preset(0) if not self.facts()["weights"] else self.preset(-1), whole=True)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, (self.folder / "log").read_text()[-4000:]
            seconds = time.monotonic() - started
        return self.facts(), seconds

    def disturbed(self, training: int, chooser: random.Random, typical_s: float, reference: dict, *, most: int) -> int:
        """One training, killed up to `most` times and resumed until it is through. Returns the kills."""
        before, kills, preset = self.facts(), 0, self.preset(training)
        whole = training % WHOLE == 0
        pid, hits = self.start(preset=preset, whole=whole), 0
        limit = min(most, chooser.randint(10, 20))
        while True:
            kind = chooser.choice(KINDS) if kills < limit else None
            moment = time.monotonic() + (chooser.uniform(0.2, typical_s * SOON) if kind else GIVE_UP_S)
            code = _wait(pid, moment)
            if code is None:
                assert kind, f"training {training} hangs: {(self.folder / 'log').read_text()[-3000:]}"
                hit, about = self.kill(pid, kind, chooser)
                if not hit:
                    continue
                kills, hits = kills + 1, hits + 1
                if kind == "step":
                    continue
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                self.nothing_left(pid, kind, about)
            elif code == 0:
                break
            assert hits, f"training {training} failed, though nothing was killed: {(self.folder / 'log').read_text()[-3000:]}"
            pid, hits = self.start(preset=preset, whole=whole), 0
        self.nothing_left(pid, "end", {})
        self.compare(training, before, reference)
        return kills

    def preset(self, number: int) -> str:
        """Presets that learn the same and count as different: a time limit that is never reached."""
        path = self.folder / "presets" / f"p{number}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{PRESET}minutes: {1000 + number}\n", encoding="utf-8")
        return str(path)

    # ------------------------------------------------------------------------------------------------ processes

    def start(self, *, preset: str, whole: bool) -> int:
        """`train --resume`, or where there is nothing to resume the whole road or the models alone, in a session of its own. Returns the worker's id."""

        def work() -> int:
            from unified_assets.defs import launch

            _forked_fork_server()
            log: Callable[[str], None] = lambda line: None  # noqa: E731 (what is waited for is of no interest)
            try:
                return 0 if launch.resume(self.settings, log=log).success else 1
            except launch.NothingToResume:
                if whole:
                    return 0 if launch.train(self.settings, preset, MODELS, log=log).success else 1
                return 0 if self.materialized(preset, log) else 1

        return self.forked(work)

    def materialized(self, preset: str, log: Callable[[str], None]) -> bool:
        """What "Materialize" on the models does in the UI."""
        from unified_assets.defs import fork_server, launch
        from unified_assets.defs.instance import open_instance
        from unified_assets.defs.jobs import TRAIN
        from unified_assets.defs.partitions import whole_range
        from unified_assets.presets import load_preset

        fork_server.warm_up(self.settings)
        tags = {**whole_range(), launch.PRESET_TAG: launch.keep_preset(self.state, load_preset(preset)), launch.TRAINING_TAG: "true", **launch._pid_tags()}
        instance, assets = open_instance(self.settings), [launch.asset_key(f"model/{model}") for model in MODELS]
        return launch._execute(self.settings, instance, TRAIN, tags, assets=assets, log=log).success

    def forked(self, work: Callable[[], int]) -> int:
        """A child in a session of its own, its output in the log."""
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            code = work()
        except BaseException:  # noqa: BLE001 (a forked child must never run the parent's code)
            import traceback

            traceback.print_exc()
            code = 9
        sys.stderr.flush()
        os._exit(code)

    def kill(self, pid: int, kind: str, chooser: random.Random) -> tuple[bool, dict]:
        """SIGKILL to a step, the worker, or all of its session."""
        members = session(pid)
        steps = sorted(one for one in members if one != pid and depth(one, pid) == 2)  # worker, fork server, step
        if kind == "step" and not steps:
            return False, {}
        victims = {"step": [chooser.choice(steps)] if steps else [], "worker": [pid], "everything": sorted(members)}[kind]
        for one in victims:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                return False, {}
        about = {"kind": kind, "steps": len(steps), "at": round(time.monotonic(), 1)}
        sys.stdout.write(json.dumps(about) + "\n")
        sys.stdout.flush()
        return True, about

    def nothing_left(self, pid: int, kind: str, about: dict) -> None:
        """Raise AssertionError for a process, lease or lock that outlived a run."""
        deadline = time.monotonic() + GONE_S
        while living := session(pid) | self.others():
            assert time.monotonic() < deadline, f"{kind} {about}: {[_told(one) for one in living]} live on"
            time.sleep(0.1)
        from unified_assets.compute.ledger import Ledger, locked

        with Ledger(self.state / "locks" / "leases").guard() as asks:
            assert asks == [], f"{kind} {about}: leases of {[ask.model for ask in asks]}"
        held = [path for path in [*self.state.rglob("*.lock"), *(self.state / "locks" / "training").glob("*")] if path.is_file() and locked(path)]
        assert held == [], f"{kind} {about}: {held} are held"
        assert list((self.state / "locks" / "leases" / "asks").iterdir()) == []

    def others(self) -> set[int]:
        """Decoding workers, which have sessions of their own: they were started with our environment."""
        found = set()
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get("UNIFIED_ASSETS_STATE") == str(self.state) and lives(process.pid):
                    found.add(process.pid)
            except psutil.Error:
                continue
        return found

    # --------------------------------------------------------------------------------------------------- what is there

    def facts(self) -> dict:
        """What our records, MLflow and Dagster say, asked by a child that ends after it."""
        out = self.folder / "facts.json"
        pid = self.forked(lambda: _write(out, self._facts()))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, (self.folder / "log").read_text()[-4000:]
        return json.loads(out.read_text(encoding="utf-8"))

    def _facts(self) -> dict:
        from unified_assets.defs.instance import open_instance
        from unified_assets.defs.reaper import close_dead_runs
        from unified_assets.store.local import Store
        from unified_assets.tracking import journal
        from unified_assets.tracking.experiment import Tracker

        mirrors = journal.registered(self.state)
        client = Tracker(uri=self.settings.tracking_uri, state=self.state).client
        mlflow = {
            model.name: sorted(int(one.version) for one in client.search_model_versions(f"name='{model.name}'")) for model in client.search_registered_models()
        }
        aliases = {model.name: {name: int(value) for name, value in model.aliases.items()} for model in client.search_registered_models()}
        with open_instance(self.settings) as instance:
            close_dead_runs(instance)
            unfinished = [run.run_id for run in instance.get_runs() if not run.is_finished]
            storage = instance.event_log_storage
            slots = [slot for key in storage.get_concurrency_keys() for slot in storage.get_concurrency_info(key).claimed_slots]
        tables = {name: hashlib.sha256(repr(Store(self.state).table(name).rows()).encode()).hexdigest()[:16] for name in ("catalog", "allocation", "examples")}
        stages = {name: journal.read_stage(self.state, f"dataset/{name}").get("digest") for name in MODELS}
        return {
            "versions": {name: [entry["version"] for entry in mirror["versions"]] for name, mirror in mirrors.items()},
            "mlflow": mlflow,
            "aliases": aliases,
            "wanted_aliases": {name: {"champion": mirror["champion"], "challenger": mirror["version"]} for name, mirror in mirrors.items()},
            "unfinished": unfinished,
            "slots": len(slots),
            "data": {**tables, **stages},
            "weights": {name: _digest(Path(mirror["versions"][-1]["folder"])) for name, mirror in mirrors.items()},
        }

    def compare(self, training: int, before: dict, reference: dict) -> None:
        """Raise AssertionError where a training that was killed and resumed left anything else than one that was not."""
        now = self.facts()
        newest = {name: [*before["versions"].get(name, []), max(versions)] for name, versions in now["versions"].items()}
        for name, (found, wanted) in {
            "weights": (now["weights"], reference["weights"]),
            "data": (now["data"], reference["data"]),
            "versions": (now["versions"], newest),
            "in MLflow": (now["mlflow"], now["versions"]),
            "aliases": (now["aliases"], now["wanted_aliases"]),
            "open runs": (now["unfinished"], []),
            "slots": (now["slots"], 0),
        }.items():
            assert found == wanted, f"training {training}, {name}: {found} and not {wanted}"


def _write(path: Path, value: dict) -> int:
    path.write_text(json.dumps(value), encoding="utf-8")
    return 0


def _digest(final: Path) -> str:
    return hashlib.sha256((final / "weights.safetensors").read_bytes()).hexdigest()[:16]


def _wait(pid: int, until: float) -> int | None:
    """The exit code of a child, or None where it still runs at that moment."""
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None


def _told(pid: int) -> str:
    """What a process is, for whoever has to find out why it is there."""
    try:
        process = psutil.Process(pid)
        return f"{pid} of {process.ppid()}, {process.status()}, {process.cpu_times().user:.1f} s: {' '.join(process.cmdline())[:120]}"
    except psutil.NoSuchProcess:
        return f"{pid} (gone)"


def session(leader: int) -> set[int]:
    """Living processes of a session."""
    found = set()
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == leader and lives(pid):
                found.add(pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def lives(pid: int) -> bool:
    """Whether any thread of a process is left: its files, and so its locks, are closed by the last one, after the first is shown as a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE or sum(1 for _ in Path(f"/proc/{pid}/task").iterdir()) > 1
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False


def depth(pid: int, ancestor: int) -> int:
    """How many parents lie between them; 0 where it is not below that ancestor."""
    try:
        parents = [parent.pid for parent in psutil.Process(pid).parents()]
    except psutil.NoSuchProcess:
        return 0
    return parents.index(ancestor) + 1 if ancestor in parents else 0


def _forked_fork_server() -> None:
    """Let the fork server of this process be forked rather than started anew: it has everything imported then."""
    from multiprocessing import forkserver, util

    start = util.spawnv_passfds

    def fork(executable: bytes, arguments: list, descriptors: list[int]) -> int:
        if not arguments[-1].startswith("from multiprocessing.forkserver"):
            return start(executable, arguments, descriptors)
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            kept = {0, 1, 2, *descriptors}
            for name in sorted(int(path.name) for path in Path("/proc/self/fd").iterdir()):
                if name not in kept:
                    with suppress(OSError):  # the descriptor that listed them
                        os.close(name)
            forkserver._forkserver.__init__()
            exec(arguments[-1], {})
        except SystemExit:
            code = 0
        finally:
            os._exit(code)

    util.spawnv_passfds = fork


if __name__ == "__main__":
    main()
