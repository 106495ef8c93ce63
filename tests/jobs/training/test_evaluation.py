"""An evaluation counts every sample once."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training.evaluation import EvaluationStopped, evaluate
from tests.jobs.training.worlds import SAMPLES, Data, Network, make_run


class Keeping(Network):
    """Keeps a tensor of its first forward for all others."""

    table: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.table is None:
            self.table = torch.ones_like(x[:1])
        kept: Tensor = super().forward(x * self.table)
        return kept


def test_what_a_network_keeps_from_an_evaluation_can_be_trained_with() -> None:
    spec = make_run()
    data, network = Data(spec), Keeping().double()
    group = Group(0, 1, torch.device("cpu"))
    evaluate(Classify(spec.recipe, Arithmetic.of(spec.recipe, group.device, torch.float64)), network, data, group)
    network.train()(data.images[:4].double()).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_an_evaluation_counts_every_sample_once_or_raises() -> None:
    spec = make_run()
    data, network = Data(spec), Network().double()
    group = Group(0, 1, torch.device("cpu"))
    task = Classify(spec.recipe, Arithmetic.of(spec.recipe, group.device, torch.float64))
    values = evaluate(task, network, data, group)
    with torch.no_grad():
        network.eval()
        logits, labels = network(data.images[SAMPLES:].double()), data.labels[SAMPLES:]
    assert values["loss"] == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-12)
    assert values["top1"] == pytest.approx(100 * (logits.argmax(1) == labels).double().mean().item())
    assert values["top5"] == 100  # of four classes
    data.evaluation_size += 1
    with pytest.raises(RuntimeError, match="evaluated 23 samples instead of 24"):
        evaluate(task, network, data, group)


def test_a_signal_ends_an_evaluation_after_the_batch() -> None:
    spec = make_run()
    data, network = Data(spec), Network().double()
    group = Group(0, 1, torch.device("cpu"))
    task = Classify(spec.recipe, Arithmetic.of(spec.recipe, group.device, torch.float64))
    beats: list[int] = []
    with pytest.raises(EvaluationStopped) as stopped:
        evaluate(task, network.train(), data, group, lambda: beats.append(1), lambda: 2 * (len(beats) > 1))
    assert (stopped.value.signal, len(beats), network.training) == (2, 2, True)
