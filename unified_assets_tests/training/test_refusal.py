import pytest

from unified_assets.compute.inventory import Gpu, Inventory
from unified_assets.core import plugins
from unified_assets.core.errors import DeviceNotAvailable, InsufficientResources
from unified_assets.core.presets import Preset
from unified_assets.training.plan import refuse_what_never_fits


def machine(*gpus: Gpu) -> Inventory:
    return Inventory(cores=2, memory_gib=16.0, gpus=gpus, disk_free_gib=50.0)


def ask(preset: Preset, inventory: Inventory) -> None:
    refuse_what_never_fits(["vision_service"], preset=preset, inventory=inventory, specs=plugins.models(), torch_has_cuda=lambda: True)


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_read():
    with pytest.raises(DeviceNotAvailable, match=r"no GPU is visible to this process\. Set `device: auto` or `device: cpu`"):
        ask(Preset(device="cuda"), machine())


def test_memory_that_is_not_there_is_refused_with_what_there_is():
    with pytest.raises(InsufficientResources, match=r"vision_service needs 4000 GiB of memory, but at most 16 GiB can be had here") as refused:
        ask(Preset(needs={"vision_service": {"memory_gib": 4000}}), machine())
    assert (refused.value.needed, refused.value.available) == (4000, 16)


def test_gpu_memory_that_is_not_there_is_refused():
    gpu = Gpu(index=0, name="fake", memory_gib=8.0, free_gib=8.0)
    with pytest.raises(InsufficientResources, match="needs 24 GiB of GPU memory, but at most 8 GiB"):
        ask(Preset(device="cuda", needs={"vision_service": {"gpu_memory_gib": 24}}), machine(gpu))


def test_what_fits_is_not_refused():
    ask(Preset(device="cuda"), machine(Gpu(index=0, name="fake", memory_gib=8.0, free_gib=8.0)))
    ask(Preset(), machine())
