import json

import pytest
import tiny_models as tiny

from unified_assets.compute.inventory import Gpu, Inventory
from unified_assets.core.contracts import Needs
from unified_assets.core.errors import DeviceNotAvailable, InsufficientResources
from unified_assets.training.plan import make_plan, steps_in_epoch

GPU = Gpu(index=0, name="fake", memory_gib=16, free_gib=16)
SMALL = Needs(memory_gib=0.1)
COUNTS = {"things": {"train": 120}}


def plan(run_dir, *, cores=2, gpus=(), cuda=True, device="auto", members=2, needs=SMALL, **changes):
    names = [f"m{place}" for place in range(members)]
    specs = {name: tiny.spec(name, needs=needs) for name in names}
    preset = tiny.QUICK.model_copy(update={"device": device, **changes})
    inventory = Inventory(cores=cores, memory_gib=4, gpus=gpus)
    return make_plan(run_dir, models=dict.fromkeys(names, COUNTS), preset=preset, inventory=inventory, specs=specs, torch_has_cuda=lambda: cuda)


def test_the_second_step_reads_what_the_first_one_wrote(tmp_path):
    first = plan(tmp_path, cores=2)
    second = plan(tmp_path, cores=8, members=1)
    assert second == first
    assert json.loads((tmp_path / "plan.json").read_text())["members"] == ["m0", "m1"]


def test_a_model_that_joins_the_run_late_is_added_and_the_others_stay_as_they_were(tmp_path):
    first = plan(tmp_path, cores=4, members=2)
    joined = plan(tmp_path, cores=4, members=3)
    assert {name: joined.models[name] for name in first.models} == first.models
    assert joined.models.keys() == {"m0", "m1", "m2"}
    assert json.loads((tmp_path / "plan.json").read_text())["members"] == ["m0", "m1", "m2"]
    assert plan(tmp_path, members=2) == joined


def test_seeds_differ_by_model_and_follow_from_the_preset(tmp_path):
    a, b = plan(tmp_path / "a").models, plan(tmp_path / "b").models
    assert a["m0"].seed == b["m0"].seed != a["m1"].seed
    assert plan(tmp_path / "c", seed=8).models["m0"].seed != a["m0"].seed


def test_of_two_models_of_texts_the_one_with_more_to_prepare_is_taken_for_the_longer_one(tmp_path):
    specs = {name: tiny.spec(name, encoders={}) for name in ("few", "many")}
    models = {"few": COUNTS, "many": {"things": {"train": 40_000}}}
    preset = tiny.QUICK.model_copy(update={"min_steps_per_epoch": 8, "max_steps_per_epoch": 8})
    made = make_plan(tmp_path, models=models, preset=preset, inventory=Inventory(cores=2, memory_gib=4, gpus=()), specs=specs).models
    assert made["many"].work_s - made["few"].work_s == pytest.approx((40_000 - 120) * 0.002)


@pytest.mark.parametrize(("cores", "members", "most", "threads"), [(2, 7, 2, 1), (8, 2, 3, 3), (8, 2, 9, 4), (2, 1, 4, 2)])
def test_threads_are_one_while_there_are_more_models_than_cores(tmp_path, cores, members, most, threads):
    made = plan(tmp_path, cores=cores, members=members, needs=Needs(max_cores=most, memory_gib=0.1))
    assert {model.threads for model in made.models.values()} == {threads}


def test_a_model_has_no_more_threads_than_the_largest_node_of_a_cluster(tmp_path):
    specs, whole = {"m0": tiny.spec("m0", needs=Needs(max_cores=8, memory_gib=0.1))}, Inventory(cores=6, memory_gib=4, node_cores=2)
    assert make_plan(tmp_path, models={"m0": COUNTS}, preset=tiny.QUICK, inventory=whole, specs=specs).models["m0"].threads == 2
    wide = {"m0": tiny.spec("m0", needs=Needs(min_cores=3, max_cores=8))}
    with pytest.raises(InsufficientResources, match="needs 3 cores of CPU, but at most 2"):
        make_plan(tmp_path / "wide", models={"m0": COUNTS}, preset=tiny.QUICK, inventory=whole, specs=wide)


def test_auto_takes_a_gpu_that_can_hold_the_model_and_torch_can_use(tmp_path):
    needs = Needs(memory_gib=0.1, gpu_memory_gib=8)
    assert plan(tmp_path / "a", gpus=(GPU,), needs=needs).models["m0"].device == "cuda"
    assert plan(tmp_path / "b", gpus=(GPU,), needs=Needs(gpu_memory_gib=24)).models["m0"].device == "cpu"
    assert plan(tmp_path / "c", gpus=(GPU,), needs=needs, cuda=False).models["m0"].device == "cpu"
    assert plan(tmp_path / "d", gpus=(), needs=needs).models["m0"].device == "cpu"


def test_a_gpu_asked_for_by_name_is_refused_with_the_reason(tmp_path):
    with pytest.raises(DeviceNotAvailable, match="no GPU is visible"):
        plan(tmp_path, device="cuda")
    with pytest.raises(DeviceNotAvailable, match="this build of torch has no CUDA"):
        plan(tmp_path, device="cuda", gpus=(GPU,), cuda=False)
    with pytest.raises(InsufficientResources, match="m0 needs 24 GiB of GPU memory, but at most 16 GiB"):
        plan(tmp_path, device="cuda", gpus=(GPU,), needs=Needs(gpu_memory_gib=24))
    assert not (tmp_path / "plan.json").exists()


def test_cores_that_do_not_exist_are_refused_before_anything_starts(tmp_path):
    with pytest.raises(InsufficientResources, match="m0 needs 4 cores of CPU"):
        plan(tmp_path, needs=Needs(min_cores=4, max_cores=4))


def test_steps_of_an_epoch_are_its_batches_within_bounds():
    preset = tiny.Preset(batch_size=10, min_steps_per_epoch=5, max_steps_per_epoch=50)
    assert [steps_in_epoch("m", {"a": size}, preset) for size in (7, 101, 9999)] == [5, 11, 50]
    assert steps_in_epoch("m", {"a": 7}, preset.model_copy(update={"epoch_steps": {"m": (70, 90)}})) == 70
