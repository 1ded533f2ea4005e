"""What a node of a cluster makes of an order, without a cluster: each call as the process of a node would run it."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_models as tiny
from threadpoolctl import threadpool_info, threadpool_limits

from unified_assets.compute.inventory import Inventory
from unified_assets.training import remote
from unified_assets.training.orders import RoundOrder
from unified_assets.training.plan import make_plan


@dataclass(frozen=True)
class Encoder:
    """Where an encoder would be found."""

    name: str

    def vectors(self, model):
        return SimpleNamespace(kind="text", name=self.name, model=model)


@pytest.fixture
def order(tmp_path):
    specs = {"logic_model": tiny.spec("logic_model")}
    inventory = Inventory(cores=1, memory_gib=4)
    made = make_plan(tmp_path / "run", models={"logic_model": {"things": {"train": 120}}}, preset=tiny.QUICK, inventory=inventory, specs=specs)
    return RoundOrder(
        spec=specs["logic_model"],
        plan=made.models["logic_model"],
        preset=tiny.QUICK,
        tasks=(),
        pairs=None,
        round_index=0,
        checkpoints=tmp_path / "checkpoints",
        knowledge_dir=tmp_path / "knowledge",
        threads=1,
    )


def opened(order, *, encoder=None):
    job = remote.Job(model="logic_model", order=order, dataset=Path("ear"), load=lambda folder: tiny.dataset(folder.name), encoder=encoder, words=None)
    return remote._opened(job)


def test_a_process_that_measured_a_baseline_without_an_encoder_prepares_with_it(order):
    with opened(order) as (_, bare, _lines):
        assert [data.sentence_vectors for data in bare.tasks] == [None]
    with opened(order, encoder=Encoder("wide")) as (_, seen, _lines):
        assert [(data.sentence_vectors.name, data.sentence_vectors.model) for data in seen.tasks] == [("wide", "logic_model")]
        assert seen.pairs.sentence_vectors.name == "wide"


def test_the_state_of_a_round_is_kept_for_the_next_one_of_the_same_training(order):
    with opened(order) as (first, *_), opened(order) as (second, *_):
        assert first is second
    with opened(order, encoder=Encoder("wide")) as (third, *_):
        assert third is not first


def test_a_round_computes_with_the_threads_of_its_lease_whatever_the_node_has(order):
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(limits=2):
        assert threads() == {2}
        with opened(order):
            assert threads() == {1}
        assert threads() == {2}
