"""The detectors that propose regions first: what they give and take, and that they learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from attnctl.networks import surgery
from tests.attnctl.models.rectangles import PLACES, SIZE, TWO_STAGES, fit, narrow, scenes, small_body, target


@pytest.fixture(scope="module", params=["fasterrcnn", "maskrcnn_an", "cascade_maskrcnn", "htc"])
def fitted(request: pytest.FixtureRequest) -> tuple[Any, nn.Module, list[float]]:
    """A network that was trained on two images, and the losses of its steps."""
    network = narrow(request.param)
    sums = fit(network, 20, 1e-3, *scenes())
    with torch.no_grad():
        for _ in range(5):
            network(*scenes())  # the norms' statistics come to those of the trained weights
    return request.param, network.eval(), sums


def test_its_losses_fall(fitted: tuple[Any, nn.Module, list[float]]) -> None:
    _, _, sums = fitted
    assert sum(sums[-5:]) / 5 < 0.5 * sums[0]


def test_inputs_and_outputs_have_the_documented_form(fitted: tuple[Any, nn.Module, list[float]]) -> None:
    """Boxes in the pixels of the image given, of whatever size; masks as large as the image; a batch as a tensor."""
    name, network, _ = fitted
    images, _ = scenes()
    images[1] = torch.nn.functional.interpolate(images[1][None], size=(SIZE, SIZE + 36))[0]
    with torch.no_grad():
        found = network(images)
        same = network(torch.stack(scenes()[0]))
        nothing = network([torch.zeros(3, 40, 30)])
    torch.testing.assert_close(same[0]["boxes"], network([scenes()[0][0]])[0]["boxes"], rtol=1e-3, atol=1e-2)
    for each, image in zip([*found, *nothing], [*images, torch.zeros(3, 40, 30)], strict=True):
        count, (height, width) = len(each["boxes"]), image.shape[-2:]
        assert each["boxes"].shape == (count, 4)
        assert each["boxes"].dtype == each["scores"].dtype == torch.float32
        assert each["labels"].dtype == torch.int64
        assert set(each["labels"].tolist()) <= {1, 2, 3}
        assert (each["boxes"] >= 0).all()
        assert (each["boxes"] <= torch.tensor([width, height, width, height])).all()
        assert ("masks" in each) == (name != "fasterrcnn")
        if "masks" in each:
            assert each["masks"].shape == (count, 1, height, width)
            assert ((each["masks"] >= 0) & (each["masks"] <= 1)).all()


@pytest.mark.parametrize("name", TWO_STAGES)
def test_images_without_objects(name: str) -> None:
    """Finite losses, which reach every parameter that is to be trained: no process waits for another's gradient."""
    network = narrow(name).train()
    losses = network(scenes()[0], [target([], []), target([], [])])
    assert all(loss.dim() == 0 and loss.isfinite() for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    assert all(value.grad is not None for value in network.parameters() if value.requires_grad)


@pytest.mark.parametrize("name", ["maskrcnn", "htc"])
def test_crowds_and_boxes_of_no_area_are_not_learned_from(name: str) -> None:
    images, targets = scenes()
    extra = [target([*places, (2, 2, 40, 40), (5, 5, 5, 9)], [1, 2, 1, 2], [0, 0, 1, 0]) for places in PLACES]
    losses = []
    for each in (targets, extra):
        network = narrow(name).train()
        torch.manual_seed(1)
        losses.append(network(images, each))
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("name", "norms"), [("fasterrcnn", "frozen"), ("maskrcnn_an", "frozen"), ("htc", "batch")])
def test_gradients_reach_the_attention(name: str, norms: str) -> None:
    body = surgery.attach(small_body(), "se", "block", size=SIZE)
    network = narrow(name, body=body, norms=norms).train()
    torch.stack(list(network(*scenes()).values())).sum().backward()
    for stage in range(1, 5):
        found = [
            value.grad
            for path, value in network.named_parameters()
            if f".layer{stage}." in path and ".attention." in path
        ]
        assert found
        assert all((grad is None) == (norms == "frozen" and stage == 1) for grad in found)
        assert stage == 1 or any(grad.abs().sum() > 0 for grad in found)
