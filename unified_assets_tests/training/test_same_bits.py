"""The same numbers give the same bits, wherever a process happens to keep them."""

import os
import subprocess
import sys

import pytest

PRODUCTS = """
import numpy as np
import unified_assets
import torch

def placed(values, offset):
    room = np.zeros(values.nbytes + 128, np.uint8)
    start = -room.ctypes.data % 64 + offset
    there = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    there[...] = values
    return torch.from_numpy(there)

torch.set_num_threads(1)
generator = np.random.default_rng(0)
for rows, columns, classes in ((1, 512, 10), (7, 512, 4), (69, 512, 8), (64, 430, 7)):
    left, right = (generator.standard_normal((size, columns)).astype(np.float32) for size in (rows, classes))
    found = {torch.nn.functional.linear(placed(left, one), placed(right, two)).numpy().tobytes() for one in (0, 4, 16, 48) for two in (0, 4, 16, 48)}
    print(len(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="MKL of PyTorch's Linux wheels is meant")
def test_products_of_matrices_have_the_same_bits_wherever_they_lie_in_memory():
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    done = subprocess.run([sys.executable, "-c", PRODUCTS], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["1"] * 4
