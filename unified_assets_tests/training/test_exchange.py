import numpy as np
import pytest
import tiny_models as tiny

from unified_assets.core.errors import NothingToTrain, YieldStep
from unified_assets.training import merge_logs
from unified_assets.training.exchange import Lesson, cohen_kappa, in_classes, is_trusted, lessons
from unified_assets.training.knowledge import Answers, answerable, pair_rows, read, write
from unified_assets.training.steps import lesson_rows

# Without a refit: the validation side would be labels that the ear is not to have.
PRESET = tiny.Preset(name="test", epochs=8, batch_size=16, checkpoint_interval=1, min_steps_per_epoch=12, max_steps_per_epoch=12, refit=False)
NOISE = 3.0  # at which three examples a class are far too few and thirty are enough


def student_score(run_dir, *, wrong=False, labels=3, **changes):
    """An ear with few labels a class beside an eye with 60: the ear's test results, and the rounds in which it was taught."""
    data = {
        "ear": tiny.dataset("ear", per_class=labels, noise=2.0, wrong=wrong),
        "eye": tiny.dataset("eye", per_class=60, noise=1.0, wrong=wrong),
    }
    preset = PRESET.model_copy(update=changes)
    outcomes = {}
    while len(outcomes) < 2:
        for model in ("ear", "eye"):
            if model not in outcomes:
                try:
                    outcomes[model] = tiny.train(model, run_dir, data=data[model], preset=preset, stall_s=0.1)
                except YieldStep:
                    continue
    taught = [bool(peers) for peers in merge_logs(run_dir)[0].filter(model="ear")["peers"].to_list()]
    return outcomes["ear"].results["tasks"][0], sum(taught)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return student_score(tmp_path_factory.mktemp("alone"), exchange=())[0]["score"]


def test_a_model_with_few_labels_learns_from_its_peer_on_unlabelled_pairs(tmp_path, alone):
    together, rounds = student_score(tmp_path, exchange=("teaching",))
    assert rounds == 7  # every round but the first
    assert together["score"] >= alone + 0.1
    assert together["alone"] is None


def test_a_model_without_any_label_learns_what_its_peer_says_of_pairs(tmp_path):
    result, rounds = student_score(tmp_path, labels=0)
    assert rounds == 7
    assert (result["train"], result["baseline"], result["majority"]) == (0, None, None)
    assert result["score"] >= 0.6  # chance is .25


def test_a_model_without_any_label_and_without_exchange_has_nothing_to_train(tmp_path):
    with pytest.raises(NothingToTrain):
        student_score(tmp_path, labels=0, exchange=())


@pytest.mark.parametrize("wrong", [True, "rolled"])
def test_pairs_that_are_all_wrong_teach_nothing_and_do_no_harm(tmp_path, alone, wrong):
    together, rounds = student_score(tmp_path, exchange=("teaching",), wrong=wrong)
    assert rounds == 0
    assert together["score"] == alone


def test_an_ablation_gets_figures_without_and_with_teaching_of_the_same_seeds(tmp_path, alone):
    both, rounds = student_score(tmp_path, exchange=("teaching",), ablation_seeds=2)
    assert both["alone"] == alone
    assert both["score"] >= alone + 0.1
    assert rounds == 7  # those of the training alone are not among the run's
    assert [(part["channels"], part["seed"]) for part in both["ablation"]] == [([], 7), ([], 8), (["teaching"], 8), (["teaching"], 7)]
    assert both["ablation"][2]["score"] >= both["ablation"][1]["score"] + 0.05
    again, _ = student_score(tmp_path, exchange=("teaching",), ablation_seeds=2)
    assert again == both


def test_kappa_is_agreement_beyond_chance():
    first = np.array([0, 0, 1, 1])
    assert cohen_kappa(first, first, 2)[0] == 1.0
    assert cohen_kappa(first, np.array([0, 1, 0, 1]), 2)[0] == 0.0
    assert cohen_kappa(first, 1 - first, 2)[0] == -1.0
    assert cohen_kappa(np.zeros(4, int), np.zeros(4, int), 2) == (0.0, float("inf"))


def test_a_peer_without_labels_is_trusted_only_above_point_six():
    assert is_trusted(0.3, 0.05, train=100)
    assert not is_trusted(0.3, 0.05, train=0)
    assert is_trusted(0.61, 0.05, train=0)
    assert not is_trusted(0.3, 0.15, train=100)  # within three standard errors of chance
    assert not is_trusted(-0.9, 0.01, train=100)


def answers(classes, probabilities, *, model="eye", train=10, ids=None):
    names = tuple(f"p{place:05d}" for place in range(len(probabilities))) if ids is None else ids
    return Answers(model=model, task="t", classes=classes, train=train, ids=names, log_probs=np.log(np.asarray(probabilities, np.float32)))


def test_classes_are_matched_by_name_without_case_and_space():
    mapped = in_classes(answers((" Dog", "CAT", "fish"), [[0.7, 0.2, 0.1]]), ("cat", "dog"))
    assert np.exp(mapped)[0] == pytest.approx([0.2 / 0.9, 0.7 / 0.9])
    assert in_classes(answers(("dog", "cat"), [[0.5, 0.5]]), ("cat", "horse", "cow")) is None


def test_targets_are_the_product_of_both_and_rare_classes_are_drawn_more_often(tmp_path):
    data = tiny.dataset("ear", pairs=40)
    classes = data.tasks[0].info.classes
    mine = np.full((40, 4), 0.1)
    mine[:30, 0] = mine[30:, 1] = 0.7
    for name, values in (("ear", mine), ("eye", mine)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, [answers(classes, values, model=name)])
    task = answers(classes, mine, model="ear")
    (tmp_path / "own").mkdir()
    write(tmp_path / "own", [Answers(model="ear", task="things", classes=task.classes, train=3, ids=task.ids, log_probs=task.log_probs)])
    (lesson,) = lessons(tmp_path / "own", {"eye": tmp_path / "eye"}, data.tasks, data.pairs)
    assert (lesson.task, lesson.peers, lesson.kappa, lesson.weight) == ("things", ("eye",), pytest.approx(1.0), pytest.approx(1.0))
    assert lesson.targets[0] == pytest.approx([0.49 / 0.52, 0.01 / 0.52, 0.01 / 0.52, 0.01 / 0.52], rel=1e-4)
    assert lesson.balance[0] == pytest.approx(1 / 30)
    assert lesson.balance[39] == pytest.approx(1 / 10)


def test_only_the_training_side_of_pairs_is_used_and_roles_must_be_there():
    data = tiny.dataset("ear", pairs=10)
    split = np.array(["train"] * 4 + ["test"] * 6)
    index = np.array([0, -1, 2, 3, 4, 5, 6, 7, 8, 9])
    import dataclasses

    pairs = dataclasses.replace(data.pairs, split=split, media={"image": ("vector", index)})
    assert pair_rows(pairs).tolist() == [0, 1, 2, 3]
    assert answerable(data.tasks[0], pairs).tolist() == [0, 2, 3]


def test_knowledge_is_read_back_as_written_and_a_tombstone_is_empty(tmp_path):
    one = answers(("a", "b"), [[0.25, 0.75], [0.5, 0.5]])
    write(tmp_path, [one])
    (found,) = read(tmp_path)
    assert (found.model, found.task, found.classes, found.train, found.ids) == ("eye", "t", ("a", "b"), 10, one.ids)
    assert (found.log_probs == one.log_probs).all()
    assert read(tmp_path / "nothing") == []


def test_a_lesson_takes_the_place_of_at_most_half_the_rows_of_a_step():
    def lesson(count):
        return Lesson(
            task="things", peers=("eye",), kappa=1.0, weight=1.0, rows=np.arange(count), targets=np.full((count, 4), 0.25, np.float32), balance=np.ones(count)
        )

    assert lesson_rows(32, 120, None) == 0
    assert lesson_rows(32, 120, lesson(600)) == 16
    assert lesson_rows(32, 120, lesson(40)) == 8  # 40 of 160
    assert lesson_rows(32, 120, lesson(1)) == 1
