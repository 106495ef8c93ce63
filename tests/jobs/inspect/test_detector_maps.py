"""Class activation maps of detectors' and segmentation networks' backbones, against the formula written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from attnctl.jobs.inspect import cam, layers, pictures, responses
from attnctl.jobs.inspect.scoring import shown, verdict
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from tests.jobs.inspect.untrained import loaded

LAYERS = {"ssdlite320": "features.13", "yolox_nano": "dark5", "maskrcnn": "layer2", "deeplabv3": "layer4.1"}


def written_out(found, picture, path, target):
    """Grad-CAM of the sum of the scores of a class, on a square image that the network does not resize."""
    images = pictures.batch([picture], found.spec, found.device).requires_grad_()
    kept = []
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
def test_a_map_is_that_of_the_formula(workspace, model, tmp_path):
    found = loaded(workspace, model, "se")
    path = layers.resolve(found, LAYERS[model])
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (picture,) = pictures.of_files([tmp_path / "noise.png"], found.spec)
    (ours,) = cam.activations(found, [picture], path)
    np.testing.assert_allclose(ours.heat, written_out(found, picture, path, ours.target), atol=2e-3)
    assert ours.heat.shape == (64, 64)
    assert 0 < ours.probability <= 1


def test_a_class_that_is_not_found_has_no_map(workspace):
    found = loaded(workspace, "yolox_nano")  # which is sure of nothing as yet
    (picture,) = pictures.of_test_set(found.spec, DataRoots(), 1)
    (dark,) = cam.activations(found, [picture], layers.resolve(found, "dark5"), 7)
    assert (dark.heat.max(), dark.target, dark.probability) == (0, 7, 0)
    with pytest.raises(SpecError, match="digits-det has no class 10; its classes are 0 to 9"):
        cam.activations(found, [picture], "dark5", 10)


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        ("ssdlite320", "64", (64, 64, 64, 64)),  # stretched to the square
        ("yolox_nano", "64", (64, 64, 32, 64)),  # grey below
        ("maskrcnn", "64", (64, 128, 53, 107)),  # padded to multiples of 32
        ("deeplabv3", "64", (90, 180, 90, 180)),  # whole
    ],
)
def test_what_a_backbone_sees_of_an_image_is_known(workspace, model, size, expected, tmp_path):
    found = loaded(workspace, model, size=size)
    Image.new("RGB", (180, 90)).save(tmp_path / "wide.png")
    (picture,) = pictures.of_files([tmp_path / "wide.png"], found.spec)
    assert shown(found, pictures.batch([picture], found.spec, found.device)) == expected


def test_maps_lie_over_the_image_and_not_over_what_was_padded(workspace):
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


@pytest.mark.parametrize("model", sorted(LAYERS))
def test_layers_have_the_names_that_they_have_in_a_classifier(workspace, model):
    plain, attended = loaded(workspace, model), loaded(workspace, model, "se")
    name = LAYERS[model]
    assert layers.resolve(plain, name) == layers.resolve(attended, name) == name
    assert layers.ends(plain) == layers.ends(attended)
    assert layers.last(plain) in layers.ends(plain)
    with pytest.raises(SpecError, match="has no layer"):
        layers.resolve(plain, plain.prefix + name)


def test_what_is_said_first_is_the_surest_box_or_the_most_pixels(workspace):
    found = loaded(workspace, "maskrcnn")
    (picture,) = pictures.of_test_set(found.spec, DataRoots(), 1)
    images = pictures.batch([picture], found.spec, found.device)
    with torch.no_grad():
        (output,) = found.network([images[0]])
    said = verdict(found, images)
    assert said.first == int(output["labels"][output["scores"].argmax()]) - 1
    assert float(said.sure.max()) == pytest.approx(float(output["scores"].max()))
    mapped = loaded(workspace, "deeplabv3")
    images = pictures.batch(pictures.of_test_set(mapped.spec, DataRoots(), 1), mapped.spec, mapped.device)
    said = verdict(mapped, images)
    assert float(said.sure.sum()) == pytest.approx(1)
    assert said.first > 0


def test_responses_are_of_classifiers(workspace):
    found = loaded(workspace, "deeplabv3")
    with pytest.raises(SpecError, match="is no classifier"):
        responses.of_layers(found, pictures.of_test_set(found.spec, DataRoots(), 1), ["layer1"])
