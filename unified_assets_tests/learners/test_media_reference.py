"""The linear reference of the media models: its strength by leaving out, and what a network counts beside it."""

import numpy as np
import pytest
import torch

from unified_assets.learners.media_reference_torch import BLIND, LINEAR_ALONE, OFFSET, Reference, _left_out, _ridge, answers, head_name, mixed


def rows_of_three_classes(count: int = 30, width: int = 8, noise: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    target = torch.arange(count) % 3
    centres = torch.randn(3, width, generator=generator)
    return centres[target] + noise * torch.randn(count, width, generator=generator), target


@pytest.mark.parametrize("size", [1, 2])
def test_what_is_left_out_in_closed_form_is_what_refitting_without_the_group_answers(size):
    features, target = rows_of_three_classes()
    groups, strength = torch.arange(30) // 3 // size, 0.3  # whole threes: a group holds every class
    x = torch.nn.functional.pad(features.double(), (0, 1), value=OFFSET)
    wanted = torch.nn.functional.one_hot(target, 3).double()
    values, vectors = torch.linalg.eigh(x @ x.T)
    together = [torch.nonzero(groups == number)[:, 0] for number in groups.unique()]
    shrunk = 1 / (values.clamp(min=0) + strength)
    left = _left_out(vectors, shrunk, vectors @ (shrunk[:, None] * (vectors.T @ wanted)), together)
    for number in groups.unique():
        inside, rest = groups == number, groups != number
        refitted = torch.linalg.solve(x[rest].T @ x[rest] + strength * torch.eye(9, dtype=torch.float64), x[rest].T @ wanted[rest])
        assert torch.allclose(wanted[inside] - left[inside], x[inside] @ refitted, atol=1e-6)


def test_where_a_class_is_of_one_group_it_is_held_back_as_if_nothing_were_known():
    features, target = rows_of_three_classes(noise=0.3)
    x = torch.nn.functional.pad(features.double(), (0, 1), value=OFFSET)
    _, whole = _ridge(x, target, torch.arange(30) % 3, 3)
    _, single = _ridge(x, target, torch.arange(30), 3)
    wanted, strength = torch.nn.functional.one_hot(target, 3).double(), BLIND[0] * float(features.double().square().sum(dim=1).mean())
    held = torch.linalg.solve(x.T @ x + strength * torch.eye(9, dtype=torch.float64), x.T @ wanted)
    share = float((whole * held).sum() / held.square().sum())  # logits are scaled besides
    assert torch.allclose(whole, share * held, atol=1e-6)
    assert float(single[:-1].norm() / single[-1].norm()) > float(whole[:-1].norm() / whole[-1].norm())


def test_it_answers_by_classes_in_their_order_and_is_sure_of_little_where_rows_are_few():
    features, target = rows_of_three_classes(noise=0.05)
    reference = Reference(8, 3)
    reference.fit(features, target, torch.arange(30), 30)
    answered = reference(features)
    assert torch.equal(answered.argmax(dim=1), target)
    assert float(answered.max(dim=1).values.exp().max()) < 0.999


def test_noise_without_a_class_in_it_gives_answers_that_are_sure_of_nothing():
    features = torch.randn(60, 40, generator=torch.Generator().manual_seed(1))
    reference = Reference(40, 2)
    reference.fit(features, torch.arange(60) % 2, torch.arange(60), 60)
    assert float(reference(torch.randn(200, 40, generator=torch.Generator().manual_seed(3))).exp().max()) < 0.8


def test_validation_rows_are_answered_by_a_fit_without_them_and_others_by_one_of_both_parts():
    features, target = rows_of_three_classes(40)
    both, train, whole = Reference(8, 3), Reference(8, 3), Reference(8, 3)
    both.fit(features, target, torch.arange(40), 25)
    train.fit(features[:25], target[:25], torch.arange(25), 25)
    validation = np.arange(40) >= 25
    assert torch.allclose(both(features, validation)[25:], train(features)[25:], atol=1e-5)
    assert torch.equal(both(features, validation)[:25], both(features)[:25])
    whole.fit(features, target, torch.arange(40), 40)
    assert torch.allclose(both(features), whole(features), atol=0.2)  # they differ by what the features are standardised by
    assert not torch.allclose(both(features)[25:], train(features)[25:], atol=0.2)


def test_one_class_alone_is_not_fitted_and_the_network_answers():
    reference = Reference(4, 2)
    reference.fit(torch.randn(6, 4), torch.zeros(6, dtype=torch.int64), torch.arange(6), 6)
    assert head_name(reference.weights()) == "network"


def settled(network: torch.Tensor, linear: torch.Tensor, target: torch.Tensor) -> str:
    reference = Reference(4, 2)
    reference.settle(network.log(), linear.log(), target)
    return head_name(reference.weights())


def test_a_network_counts_only_by_a_clear_gain_on_validation_rows():
    target = torch.tensor([0, 1] * 8)
    sure = torch.nn.functional.one_hot(target, 2) * 0.8 + 0.1
    unsure = torch.nn.functional.one_hot(target, 2) * 0.2 + 0.4
    lucky = torch.full((16, 2), 0.5)
    lucky[:3] = torch.tensor([0.6, 0.4])  # twice right and once wrong, and nothing said of the rest
    half = torch.full((16, 2), 0.5)
    assert settled(unsure, sure, target) == "linear"
    assert settled(lucky, half, target) == "linear"
    assert settled(sure, 1 - sure, target) == "network"
    one = torch.where((torch.arange(16) < 8)[:, None], sure, half)
    other = torch.where((torch.arange(16) < 8)[:, None], half, sure)
    assert settled(one, other, target) == "network + linear"


def test_equal_weights_are_kept_where_validation_rows_do_not_tell_others_to_be_better():
    target = torch.tensor([0, 1] * 8)
    sure, half = torch.nn.functional.one_hot(target, 2) * 0.8 + 0.1, torch.full((16, 2), 0.5)
    place = torch.arange(16)[:, None]
    reference = Reference(4, 2)
    network, linear = torch.where(place < 9, sure, half), torch.where(place < 9, half, sure)  # nine right against seven
    reference.settle(network.log(), linear.log(), target)
    assert reference.mix[0] == reference.mix[1] > 0


def test_a_network_that_peers_taught_counts_unless_the_linear_classifier_is_clearly_better():
    target = torch.tensor([0, 1] * 8)
    sure, half = torch.nn.functional.one_hot(target, 2) * 0.8 + 0.1, torch.full((16, 2), 0.5)
    heads = []
    for network, linear in ((half, half), (sure, half), (half, sure)):
        reference = Reference(4, 2)
        reference.taught.fill_(1.0)
        reference.settle(network.log(), linear.log(), target)
        heads.append(head_name(reference.weights()))
    assert heads == ["network", "network", "linear"]


def test_one_validation_row_proves_nothing():
    assert settled(torch.tensor([[0.99, 0.01]]), torch.tensor([[0.01, 0.99]]), torch.tensor([0])) == "linear"


def test_what_does_not_count_is_not_computed():
    known = torch.tensor([[0.25, 0.75]]).log()

    def never() -> torch.Tensor:
        raise AssertionError("not to be asked")

    assert torch.equal(answers(LINEAR_ALONE, never, lambda: known), known)
    assert torch.allclose(answers((2.0, 0.0), lambda: known, never), known)
    both = answers((1.0, 1.0), lambda: known, lambda: known).exp()
    assert np.allclose(both.numpy(), [[0.1, 0.9]])
    assert torch.equal(both.log(), mixed(known, known, (1.0, 1.0)).exp().log())
