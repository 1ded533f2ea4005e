"""Rounds and shards on a Ray cluster of three nodes: the same answers and bits as here, through the loss of a node."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = pytest.mark.cluster

from unified_assets_tests.cluster.apart import APART, PROJECT, can_be_made  # noqa: E402


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What was seen on the cluster."""
    if not can_be_made():
        pytest.skip("no network namespace can be made here, and Ray would listen on all addresses")
    folder = tmp_path_factory.mktemp("cluster")
    script = Path(__file__).with_name("scenario.py")
    words = [*APART, sys.executable, str(script), str(folder), str(folder / "report.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "report.json").read_text())


def test_the_nodes_together_are_what_the_queue_of_leases_has_to_give(told):
    assert told["nodes"] == ["127.0.0.2", "127.0.0.3"]
    assert told["cores"] == 2
    assert told["memory_gib"] == pytest.approx(2 * 4e9 / 2**30, abs=0.01)


def test_items_spread_over_nodes_give_the_outcomes_of_local_workers_crashes_among_them(told):
    assert told["same_outcomes"]


def test_what_no_node_can_give_is_refused_and_says_what_the_largest_has(told):
    assert "something big needs 4 cores of CPU on one node, but at most 1 cores" in told["refused"]


def test_what_only_a_node_yet_to_come_can_give_waits_and_says_for_what(told):
    assert told["waits"] == [True, ["a node of the cluster with 4 free cores"]]


def test_rounds_on_nodes_end_in_the_bits_of_rounds_in_this_process(told):
    assert told["same_weights"]


def test_a_round_that_loses_its_node_is_done_again_on_another_to_the_same_bits(told):
    assert told["same_weights_after_a_lost_node"]
    assert told["nodes_left"] == ["127.0.0.4"]


def test_work_whose_process_dies_each_time_is_given_up_after_four_tries(told):
    said, tries = told["given_up"]
    assert tries == 4
    assert said.startswith("something fatal: the process or node it ran on was lost 4 times.")
