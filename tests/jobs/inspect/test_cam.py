"""Class activation maps, against the formula of the paper written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch.nn import functional

from attnctl.jobs.inspect import cam, layers, pictures
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.inspect.pictures import batch
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.conftest import Train
from tests.jobs.inspect.untrained import LAYERS, loaded


def written_out(
    found: Trained, picture: pictures.Picture, path: str, target: int, method: str
) -> tuple[npt.NDArray[np.float32], float]:
    """Selvaraju et al., ICCV 2017, equations 1 and 2; Draelos and Carin, 2020: gradients that are not averaged."""
    kept: list[torch.Tensor] = []
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
def test_a_map_matches_the_formula(trained: Train, module: str, layer: str, method: Any) -> None:
    found = trained(module)
    path = layers.resolve(found, layer)
    shown = pictures.of_test_set(found.spec, DataRoots(), 3)
    for picture, ours in zip(shown, cam.activations(found, shown, path, 3, method), strict=True):
        heat, probability = written_out(found, picture, path, 3, method)
        np.testing.assert_allclose(ours.heat, heat, atol=1e-4)
        assert ours.probability == pytest.approx(probability, abs=1e-5)
        assert (ours.target, ours.heat.max(), ours.heat.shape) == (3, pytest.approx(1.0), (16, 16))


def test_the_target_is_the_predicted_class_the_label_or_one_for_all(trained: Train) -> None:
    found = trained("ean")
    shown = pictures.of_test_set(found.spec, DataRoots(), 4)
    predicted = [int(found.network(batch([one], found.spec, found.device)).argmax()) for one in shown]
    assert [one.target for one in cam.activations(found, shown, "layer3")] == predicted
    assert [one.target for one in cam.activations(found, shown, "layer3", "label")] == [one.label for one in shown]
    with pytest.raises(SpecError, match="digits has no class 10; its classes are 0 to 9"):
        cam.activations(found, shown, "layer3", 10)


def test_an_unsupported_class_has_a_map_of_zeros(trained: Train) -> None:
    found = trained("none")
    with torch.no_grad():
        for parameter in found.network.parameters():
            parameter.zero_()
    shown = pictures.of_test_set(found.spec, DataRoots(), 1)
    (dark,) = cam.activations(found, shown, "layer3", 0)
    assert dark.heat.max() == 0
    assert dark.probability == pytest.approx(0.1)


def test_computing_a_map_does_not_change_the_network(trained: Train) -> None:
    found = trained("none")
    shown = pictures.of_test_set(found.spec, DataRoots(), 1)
    first = cam.activations(found, shown, "layer3")[0]
    assert all(not part._forward_hooks for part in found.network.modules())
    np.testing.assert_array_equal(cam.activations(found, shown, "layer3")[0].heat, first.heat)


def written_out_for_a_detector(
    found: Trained, picture: pictures.Picture, path: str, target: int
) -> npt.NDArray[np.float32]:
    """Grad-CAM of the sum of the scores of a class, on a square image that the network does not resize."""
    images = pictures.batch([picture], found.spec, found.device).requires_grad_()
    kept: list[torch.Tensor] = []
    hook = layers.module(found, path).register_forward_hook(lambda _m, _i, output: kept.append(output))
    if found.spec.model == "deeplabv3":
        logits = found.network(images)["out"]
        score = logits[:, target][logits.argmax(1) == target].sum()
    else:
        (output,) = found.network([images[0]])
        score = output["scores"][output["labels"] == target + 1].sum()
    hook.remove()
    (gradient,) = torch.autograd.grad(score, kept[0])
    small = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True).relu()
    heat = functional.interpolate(small, images.shape[2:], mode="bilinear", align_corners=False)[0, 0]
    return (heat / heat.max().clamp_min(1e-30)).detach().numpy()


@pytest.mark.parametrize("model", ["ssdlite320", "maskrcnn", "deeplabv3"])
def test_a_map_of_a_detector_matches_the_formula(workspace: Workspace, model: str, tmp_path: Path) -> None:
    found = loaded(workspace, model, "se")
    path = layers.resolve(found, LAYERS[model])
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (picture,) = pictures.of_files([tmp_path / "noise.png"], found.spec)
    (ours,) = cam.activations(found, [picture], path)
    np.testing.assert_allclose(ours.heat, written_out_for_a_detector(found, picture, path, ours.target), atol=2e-3)
    assert ours.heat.shape == (64, 64)
    assert 0 < ours.probability <= 1


def test_a_class_that_is_not_detected_has_an_empty_map(workspace: Workspace) -> None:
    found = loaded(workspace, "yolox_nano")  # which is sure of nothing as yet
    (picture,) = pictures.of_test_set(found.spec, DataRoots(), 1)
    (dark,) = cam.activations(found, [picture], layers.resolve(found, "dark5"), 7)
    assert (dark.heat.max(), dark.target, dark.probability) == (0, 7, 0)
    with pytest.raises(SpecError, match="digits-det has no class 10; its classes are 0 to 9"):
        cam.activations(found, [picture], "dark5", 10)


def test_maps_cover_the_image_without_the_padding(workspace: Workspace) -> None:
    found = loaded(workspace, "yolox_nano")
    images = torch.zeros(1, 3, 90, 180)
    maps = torch.zeros(1, 1, 2, 2)
    maps[..., 1, :] = 1  # the lower half of the square, which is grey
    heat = cam._over_image(found, images, maps)
    assert heat.shape == (90, 180)
    assert heat[:40].max() < 0.1
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 0, 3] = 1
    top, left = divmod(int(cam._over_image(found, images, maps).argmax()), 180)
    assert (top < 30, left > 140) == (True, True)
