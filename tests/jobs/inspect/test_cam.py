"""Class activation maps, against the formula of the paper written out."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn import functional

from attnctl.jobs.inspect import cam, layers, pictures
from attnctl.jobs.inspect.pictures import batch
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError


def written_out(found, picture, path, target, method):
    """Selvaraju et al., ICCV 2017, equations 1 and 2; Draelos and Carin, 2020: gradients that are not averaged."""
    kept = []
    hook = found.network.get_submodule(path).register_forward_hook(lambda _m, _i, output: kept.append(output))
    scores = found.network(batch([picture], found.spec, found.device))
    hook.remove()
    (gradient,) = torch.autograd.grad(scores[0, target], kept[0])
    weights = gradient.mean((2, 3), keepdim=True) if method == "gradcam" else gradient
    small = (weights * kept[0]).sum(1, keepdim=True).relu()
    heat = functional.interpolate(small, (found.size, found.size), mode="bilinear", align_corners=False)[0, 0]
    return (heat / heat.max()).detach().numpy(), scores.softmax(1)[0, target].item()


@pytest.mark.parametrize("method", get_args(cam.Method))
@pytest.mark.parametrize(
    ("module", "layer"), [("none", "layer2"), ("ean", "layer2"), ("ean", "layer3.2.bn2"), ("none", "layer1.1.bn1")]
)
def test_a_map_is_that_of_the_formula(trained, module, layer, method):
    found = trained(module)
    path = layers.resolve(found, layer)
    shown = pictures.of_test_set(found.spec, DataRoots(), 3)
    for picture, ours in zip(shown, cam.activations(found, shown, path, 3, method), strict=True):
        heat, probability = written_out(found, picture, path, 3, method)
        np.testing.assert_allclose(ours.heat, heat, atol=1e-4)
        assert ours.probability == pytest.approx(probability, abs=1e-5)
        assert (ours.target, ours.heat.max(), ours.heat.shape) == (3, pytest.approx(1.0), (16, 16))


def test_the_target_is_the_predicted_class_the_label_or_one_for_all(trained):
    found = trained("ean")
    shown = pictures.of_test_set(found.spec, DataRoots(), 4)
    predicted = [int(found.network(batch([one], found.spec, found.device)).argmax()) for one in shown]
    assert [one.target for one in cam.activations(found, shown, "layer3")] == predicted
    assert [one.target for one in cam.activations(found, shown, "layer3", "label")] == [one.label for one in shown]
    with pytest.raises(SpecError, match="digits has no class 10; its classes are 0 to 9"):
        cam.activations(found, shown, "layer3", 10)


def test_nothing_that_speaks_for_a_class_is_a_map_of_zeros(trained):
    found = trained("none")
    with torch.no_grad():
        for parameter in found.network.parameters():
            parameter.zero_()
    shown = pictures.of_test_set(found.spec, DataRoots(), 1)
    (dark,) = cam.activations(found, shown, "layer3", 0)
    assert dark.heat.max() == 0
    assert dark.probability == pytest.approx(0.1)


def test_a_gradient_leaves_no_trace_in_the_network(trained):
    found = trained("none")
    shown = pictures.of_test_set(found.spec, DataRoots(), 1)
    first = cam.activations(found, shown, "layer3")[0]
    assert all(not part._forward_hooks for part in found.network.modules())
    np.testing.assert_array_equal(cam.activations(found, shown, "layer3")[0].heat, first.heat)
