"""The whole product on a cluster: real runs of the command line, undisturbed, with a node killed in a round, with the run itself killed."""

import os
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

from unified_assets_tests.cluster import facts  # noqa: E402
from unified_assets_tests.cluster.apart import ADDRESS, until  # noqa: E402
from unified_assets_tests.cluster.facts import ROUNDS, TEXT_MODELS  # noqa: E402

MODELS = (
    "audio_service", "causal_reasoning_engine", "concept_models", "logic_model", "math_model", "multimodal_service", "vision_service",
)  # fmt: skip
STRUCK = "logic_model"


def on(cluster, shell, home):
    """The same files with a state of their own, worked on by the cluster."""
    return replace(shell, home=home, state=home / "state", inside=cluster.inside, more={"UNIFIED_ASSETS_RAY_ADDRESS": ADDRESS})


@pytest.fixture(scope="module")
def there(here, cluster, tmp_path_factory):
    return on(cluster, here, tmp_path_factory.mktemp("there"))


@pytest.fixture(scope="module")
def undisturbed(there, cluster):
    """The whole road on the nodes, all seven models."""
    with cluster.watched() as seen:
        done = there.run("run", "--preset", there.preset("tiny"), timeout=900)
    assert done.code == 0, done.said
    return SimpleNamespace(seen=seen, versions=facts.versions(there), **vars(facts.of(there)))


@pytest.fixture(scope="module")
def there_too(texts, cluster, tmp_path_factory):
    return on(cluster, texts, tmp_path_factory.mktemp("there_too"))


@pytest.fixture(scope="module")
def struck(there_too, cluster):
    """A run whose node is killed while it computes the third round of a model."""
    log = there_too.home / "struck.log"
    with there_too.start("train", "--preset", there_too.preset("struck", facts.longer(1)), log=log) as process:
        address = until(lambda: "none" if process.poll() is not None else cluster.node_of(f"{STRUCK} round 3"), "the third round did not begin")
        assert address != "none", log.read_text(encoding="utf-8")
        time.sleep(0.3)
        run = newest(there_too)
        before, still = len(there_too.rounds_of(run)[STRUCK]), cluster.node_of(f"{STRUCK} round 3")
        cluster.kill(address)
        process.wait(600)
    return SimpleNamespace(
        code=process.returncode, said=log.read_text(encoding="utf-8"), before=before, same=still == address, rounds=facts.rounds(there_too, run),
        weights=facts.weights(there_too), versions=facts.versions(there_too),
    )  # fmt: skip


@pytest.fixture(scope="module")
def killed(there_too, cluster, struck):
    """A run that is killed with every process on the host it was started on, and resumed. Another node has come."""
    cluster.join(4)
    log = there_too.home / "killed.log"
    with there_too.start("train", "--preset", there_too.preset("killed", facts.longer(2)), log=log) as process:
        until(lambda: process.poll() is not None or len(there_too.rounds_of(newest(there_too)).get(STRUCK, ())) == 2, "too few rounds")
        run = newest(there_too)
        working = until(lambda: [task for tasks in cluster.at_work().values() for task in tasks if " round " in task], "nothing computes")
        alone = os.getsid(process.pid) == process.pid
        there_too.kill(process)
        struck_at = time.monotonic()
        until(lambda: not any(cluster.at_work().values()), "tasks go on", 60)
        quiet_s = time.monotonic() - struck_at
    left, kept = lambda: sorted((str(path), path.stat().st_mtime_ns) for path in there_too.run_dir(run).rglob("*") if path.is_file()), there_too.rounds_of(run)
    files = left()
    time.sleep(3)
    still = (left() == files, [task for tasks in cluster.at_work().values() for task in tasks], there_too.processes())
    done = there_too.run("train", "--resume", timeout=900)
    return SimpleNamespace(
        working=working, alone=alone, quiet_s=quiet_s, still=still, kept=kept, done=done, run=run, rows=there_too.rounds_of(run),
        rounds=facts.rounds(there_too, run), weights=facts.weights(there_too), versions=facts.versions(there_too), status=there_too.status(),
    )  # fmt: skip


def newest(shell) -> str:
    """The run that began last."""
    return max((path for path in (shell.state / "runs").iterdir()), key=lambda path: path.stat().st_ctime_ns).name


# ------------------------------------------------------------------------------------------------------ undisturbed


def test_every_model_computes_on_nodes_and_all_nodes_work(undisturbed):
    tasks = {task.split()[0] for names in undisturbed.seen.values() for task in names}
    assert set(MODELS) <= tasks
    assert {address for address, names in undisturbed.seen.items() if names} == {"127.0.0.2", "127.0.0.3"}


def test_files_get_the_rows_ledger_and_sides_that_they_get_here(trained_here, undisturbed):
    assert len(trained_here.tables["allocation"]) == len(trained_here.tables["catalog"]) * len(MODELS) > 0
    assert undisturbed.tables == trained_here.tables


def test_datasets_have_the_digests_that_they_have_here(trained_here, undisturbed):
    assert set(undisturbed.digests) == set(MODELS)
    assert undisturbed.digests == trained_here.digests


def test_baselines_answer_example_by_example_as_they_do_here(trained_here, undisturbed):
    assert set(undisturbed.baselines) == set(MODELS)
    assert undisturbed.baselines == trained_here.baselines


def test_every_model_has_the_weights_and_scores_that_it_has_here(trained_here, undisturbed):
    assert set(undisturbed.weights) == set(MODELS)
    assert undisturbed.weights == trained_here.weights
    assert undisturbed.results == trained_here.results


# ------------------------------------------------------------------------------------------------------ a node killed


def test_a_run_that_loses_a_node_in_the_third_round_of_a_model_ends_well(struck):
    assert struck.code == 0, struck.said
    assert (struck.same, struck.before) == (True, 2)
    assert struck.rounds == {model: list(range(1, ROUNDS + 2)) for model in TEXT_MODELS}  # and the refit


def test_its_weights_are_those_of_an_undisturbed_run_here(texts_here, struck):
    assert struck.weights == texts_here.weights


# ------------------------------------------------------------------------------------------------------ the run killed


def test_nothing_goes_on_once_the_processes_of_a_run_are_killed(killed):
    assert killed.working
    assert killed.alone
    assert killed.still == (True, [], [])


def test_it_is_resumed_from_its_last_rounds_to_the_weights_of_an_undisturbed_run_here(texts_here, killed):
    assert killed.done.code == 0, killed.done.said
    assert killed.rounds == {model: list(range(1, ROUNDS + 2)) for model in TEXT_MODELS}
    assert sum(map(len, killed.kept.values())) < (ROUNDS + 1) * len(TEXT_MODELS)
    assert all(killed.rows[model][: len(rows)] == rows for model, rows in killed.kept.items())
    assert killed.weights == texts_here.weights


def test_each_run_adds_exactly_one_version_of_a_model(undisturbed, struck, killed):
    assert undisturbed.versions == {model: [1] for model in MODELS}
    assert struck.versions == {model: [1] for model in TEXT_MODELS}
    assert killed.versions == {model: [1, 2] for model in TEXT_MODELS}
    assert [(run["preset"], run["status"]) for run in killed.status["runs"]] == [("killed", "SUCCESS"), ("struck", "SUCCESS")]
