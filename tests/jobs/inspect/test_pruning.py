"""Channels that are pruned by the size of their scales, in networks that were really trained."""

from __future__ import annotations

import pytest
import torch

from attnctl.jobs.data import open_data
from attnctl.jobs.inspect import pruning
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.inspect.pruning import Evaluation, LayerScales, pruned, scales
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from tests.jobs.inspect.conftest import Train


def top1(found: Trained) -> float:
    """The percentage of the evaluation samples that the network classifies rightly, computed here."""
    data = open_data(found.spec, DataRoots(), found.device)
    with torch.no_grad():
        right = [(found.network(images).argmax(1) == labels) for images, labels in data.evaluate(0, 1)]
    return 100 * float(torch.cat(right).double().mean())


def layer(path: str, *values: float) -> LayerScales:
    return LayerScales(path, torch.tensor(values, dtype=torch.float64))


def test_the_smallest_scales_of_all_layers_go_first() -> None:
    layers = [layer("a", 0.5, -0.1), layer("b", 0.2, 0.3, -4.0)]
    remaining = {path: mask.tolist() for path, mask in pruned(layers, 0.4).items()}
    assert remaining == {"a": [True, False], "b": [False, True, True]}
    assert all(mask.all() for mask in pruned(layers, 0).values())
    assert not any(mask.any() for mask in pruned(layers, 1).values())


def test_the_sparsity_is_the_fraction_of_scales_below_the_threshold() -> None:
    assert layer("layer1.0.part.bn1", 0.005, -0.009, 0.01, 1.0).below(0.01) == 0.5
    assert layer("layer1.0.part.bn1", 1.0).layer == "layer1.0.bn1"


def test_the_scales_of_nams_gates_are_found_at_each_module(trained: Train) -> None:
    found = trained("nam")
    layers = scales(found, "attention")
    assert len(layers) == 9
    for one in layers:
        gate = found.network.get_parameter(f"{one.path}.channel.weight")
        assert torch.equal(one.values, gate.detach().double())
    norms = scales(found, "norms")
    assert not {one.path for one in norms} & {f"{one.path}.channel" for one in layers}
    assert len(norms) == sum(isinstance(part, torch.nn.BatchNorm2d) for part in found.network.modules()) - 9


def test_without_pruning_the_network_is_evaluated_as_it_is(trained: Train) -> None:
    found = trained("nam")
    layers = scales(found, "attention")
    with Evaluation(found, DataRoots()) as evaluation:
        metric, value = evaluation.metric(pruned(layers, 0))
    assert metric == "top1"
    assert value == pytest.approx(top1(found))


def test_a_pruned_norm_is_one_whose_scale_and_offset_are_zero(trained: Train) -> None:
    found = trained("none")
    remaining = pruned(scales(found, "norms"), 0.6)
    with Evaluation(found, DataRoots()) as evaluation:
        _, ours = evaluation.metric(remaining)
    with torch.no_grad():
        for path, mask in remaining.items():
            for name in ("weight", "bias"):
                found.network.get_parameter(f"{path}.{name}")[~mask] = 0
    assert ours == pytest.approx(top1(found))


@pytest.mark.parametrize(
    ("module", "fields", "of", "words"),
    [
        ("none", {}, "attention", r"\(none\) has no scale of each channel in its attention; use --of norms"),
        ("se", {"r": "4"}, "attention", "use --of norms"),
    ],
)
def test_a_network_without_such_scales_is_refused(
    trained: Train, module: str, fields: dict[str, str], of: pruning.Of, words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        scales(trained(module, **fields), of)
