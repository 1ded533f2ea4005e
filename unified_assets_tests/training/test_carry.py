"""What a new model starts from: whole tensors where a task is as it was, rows by class name where its classes changed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_models as tiny
import torch
from safetensors.torch import save_file

from unified_assets.core.errors import CorruptCheckpoint
from unified_assets.learners.media_modules_torch import head_key
from unified_assets.training.carry import carry_over


class Keyed(torch.nn.Module):
    """A trunk, and a head named by its task and classes, with an inner layer."""

    def __init__(self, *classes, task="things", inner=5):
        super().__init__()
        self.blueprint = {"tasks": [{"task": task, "classes": list(classes)}]}
        self.key = head_key(task, classes)
        self.trunk = torch.nn.Linear(4, 6)
        self.heads = torch.nn.ModuleDict({self.key: torch.nn.Sequential(torch.nn.Linear(6, inner), torch.nn.Linear(inner, len(classes)))})

    @property
    def last(self):
        return self.heads[self.key][1]


def kept(learner, folder):
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps({"blueprint": learner.blueprint}), encoding="utf-8")
    save_file(learner.state_dict(), str(folder / "weights.safetensors"))
    return folder


def test_rows_go_by_class_name_a_new_class_starts_fresh_and_one_that_is_gone_is_left(tmp_path):
    old, new = Keyed("ash", "beech", "oak"), Keyed("ash", "elm", "fir", "oak")
    fresh = new.last.weight.detach().clone()
    carried = carry_over(new, kept(old, tmp_path / "old"))
    assert len(carried) == 6
    assert torch.equal(new.last.weight[[0, 3]], old.last.weight[[0, 2]])
    assert torch.equal(new.last.bias[[0, 3]], old.last.bias[[0, 2]])
    assert torch.equal(new.last.weight[[1, 2]], fresh[[1, 2]])
    assert torch.equal(new.heads[new.key][0].weight, old.heads[old.key][0].weight)
    assert torch.equal(new.trunk.weight, old.trunk.weight)


def test_as_many_classes_but_others_are_told_apart_by_name(tmp_path):
    old, new = Keyed("ash", "oak", "yew"), Keyed("ash", "elm", "yew")
    fresh = new.last.weight.detach().clone()
    carry_over(new, kept(old, tmp_path / "old"))
    assert torch.equal(new.last.weight[[0, 2]], old.last.weight[[0, 2]])
    assert torch.equal(new.last.weight[1], fresh[1])


def test_a_head_whose_class_axis_cannot_be_told_starts_fresh(tmp_path):
    old, new = Keyed("ash", "oak", "yew", inner=3), Keyed("ash", "elm", "yew", inner=3)
    before = {name: value.detach().clone() for name, value in new.heads.named_parameters()}
    assert carry_over(new, kept(old, tmp_path / "old")) == ["trunk.weight", "trunk.bias"]
    assert all(torch.equal(value, before[name]) for name, value in new.heads.named_parameters())


def test_a_task_of_another_name_takes_nothing_but_the_trunk(tmp_path):
    old, new = Keyed("ash", "oak"), Keyed("ash", "oak", task="others")
    assert carry_over(new, kept(old, tmp_path / "old")) == ["trunk.weight", "trunk.bias"]


def test_a_folder_that_cannot_be_read_leaves_the_learner_as_it_was(tmp_path):
    new = Keyed("ash", "oak")
    before = new.last.weight.detach().clone()
    with pytest.raises(CorruptCheckpoint):
        carry_over(new, tmp_path)
    assert torch.equal(new.last.weight, before)


def first_classes(count):
    """The data of a model with the first classes only; the others come later."""
    whole = tiny.dataset("ear", pairs=0)
    task = whole.tasks[0]
    rows = np.flatnonzero(task.target < count)
    media = {"image": ("vector", task.media["image"][1][rows])}
    ids = tuple(task.example_ids[int(row)] for row in rows)
    info = replace(task.info, classes=task.info.classes[:count])
    return replace(
        whole, digest=f"first-{count}", tasks=(replace(task, info=info, example_ids=ids, media=media, target=task.target[rows], split=task.split[rows]),)
    )


def test_classes_that_arrive_in_two_steps_keep_what_was_learned_of_the_first(tmp_path):
    two = tiny.train("ear", tmp_path / "a", data=first_classes(2), members=("ear",))
    one_step = tiny.QUICK.model_copy(update={"epochs": 1, "checkpoint_interval": 1, "min_steps_per_epoch": 4, "max_steps_per_epoch": 4})
    cold = tiny.train("ear", tmp_path / "b", data=first_classes(4), members=("ear",), preset=one_step)
    warm = tiny.train("ear", tmp_path / "c", data=first_classes(4), members=("ear",), preset=one_step, initial=two.folder)
    assert two.results["tasks"][0]["score"] > 0.9
    assert warm.results["tasks"][0]["score"] > cold.results["tasks"][0]["score"]
    back = tiny.train("ear", tmp_path / "d", data=first_classes(2), members=("ear",), preset=one_step, initial=warm.folder)
    assert back.results["tasks"][0]["score"] > 0.9
