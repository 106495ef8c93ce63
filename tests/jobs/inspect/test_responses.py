"""How layers and attention modules respond, against what their own formulas give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attnctl.jobs.inspect import pictures, responses
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.inspect.pictures import batch
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.conftest import Train
from tests.jobs.inspect.untrained import loaded


def seen(found: Trained, path: str, shown: list[pictures.Picture]) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """The input and the output of a part, image by image."""
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    part = found.network.get_submodule(path)
    hook = part.register_forward_hook(lambda _m, inputs, output: kept.append((inputs[0], output)))
    with torch.no_grad():
        found.network(batch(shown, found.spec, found.device))
    hook.remove()
    return part, *kept[0]


def test_the_responses_of_a_layer_are_the_values_of_its_map(trained: Train) -> None:
    found = trained("none")
    shown = pictures.of_test_set(found.spec, DataRoots(), 2, (3, 4))
    assert [picture.label for picture in shown] == [3, 3, 4, 4]
    values = responses.of_layers(found, shown, ["layer1", "layer3"])
    for path in ("layer1", "layer3"):
        _, _, output = seen(found, path, shown)
        for ours, theirs in zip(values[path], output.flatten(1), strict=True):
            np.testing.assert_allclose(np.sort(ours), np.sort(theirs.numpy()), atol=1e-4)


def test_the_gain_of_a_channel_gate_is_the_gate(trained: Train) -> None:
    found = trained("se", r="4")
    shown = pictures.of_test_set(found.spec, DataRoots(), 3)
    path = responses.module_at(found, "layer2")
    gate = seen(found, path, shown)
    part, x, _ = gate
    expected = part.excite(part.squeeze(x.mean((2, 3))).relu()).sigmoid().detach().numpy()
    silent = (x == 0).all((2, 3)).numpy()
    ours = np.array(responses.of_attention(found, shown, [path])[path])
    np.testing.assert_allclose(ours[~silent], expected[~silent], atol=1e-4)
    assert np.isnan(ours[silent]).all()


def test_the_response_of_an_is_its_mixture_weights(trained: Train) -> None:
    found = trained("an", placement="norms", K="5")
    shown = pictures.of_test_set(found.spec, DataRoots(), 3)
    path = responses.module_at(found, "layer3")
    part, x, _ = seen(found, path, shown)
    expected = part.weights(x).detach().numpy()
    assert expected.shape == (3, 5)
    np.testing.assert_allclose(np.array(responses.of_attention(found, shown, [path])[path]), expected, atol=1e-4)


def test_every_attention_module_is_found_in_the_order_of_the_network(trained: Train) -> None:
    found = trained("se", r="4")
    paths = responses.modules(found)
    assert len(paths) == 9
    assert paths == sorted(paths)
    assert responses.module_at(found, "layer1") == paths[2]
    assert responses.module_at(found, paths[4].removesuffix(".attention")) == paths[4]


def test_the_responses_of_two_modules_are_those_of_each(trained: Train) -> None:
    found = trained("an@norm2+se@block", K="3", r="4")
    paths = responses.modules(found)
    assert len(paths) == 18
    shown = pictures.of_test_set(found.spec, DataRoots(), 2)
    mixture, gate = paths[:2]
    values = responses.of_attention(found, shown, [mixture, gate])
    assert [len(values[path][0]) for path in (mixture, gate)] == [3, 16]


@pytest.mark.parametrize(
    ("module", "placement", "message"),
    [
        ("gn@norms+se@block", "block", "gn is a norm without gates; use --of responses"),
        ("none", "block", "has no attention; use --of responses"),
        ("gn", "norms", "is a norm without gates; use --of responses"),
        ("sa", "block", "permutes its channels"),
    ],
)
def test_modules_without_gates_are_refused(trained: Train, module: str, placement: str, message: str) -> None:
    options = {"num_groups": "8"} if module.startswith("gn") else {}
    found = trained(module, placement, **options)
    shown = pictures.of_test_set(found.spec, DataRoots(), 1)
    with pytest.raises(SpecError, match=message):
        responses.of_attention(found, shown, responses.modules(found)[:1])


def test_a_layer_without_attention_is_refused_with_a_list_of_others(trained: Train) -> None:
    with pytest.raises(SpecError, match=r"has no attention at 'conv1'; it has attention at layer1\."):
        responses.module_at(trained("ean"), "conv1")


def test_responses_need_a_classifier(workspace: Workspace) -> None:
    found = loaded(workspace, "deeplabv3")
    with pytest.raises(SpecError, match="is not a classifier"):
        responses.of_layers(found, pictures.of_test_set(found.spec, DataRoots(), 1), ["layer1"])
