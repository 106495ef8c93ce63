"""Layers of trained networks, found by the names that users know."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from attnctl.jobs.inspect import layers
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.conftest import Train
from tests.jobs.inspect.untrained import LAYERS, loaded


def test_layers_are_found_with_and_without_attention_after_them(trained: Train) -> None:
    plain, attended = trained("none"), trained("ean")
    assert layers.ends(plain) == layers.ends(attended) == ["layer1", "layer2", "layer3"]
    name = next(path for path, _ in attended.network.named_modules() if path.endswith(".attention"))
    place = name.removesuffix(".attention")
    assert layers.resolve(attended, place) == place
    assert layers.resolve(plain, place) == place
    assert layers.resolve(attended, f"{place}.part") == f"{place}.part"
    assert layers.last(plain) == "layer3"
    small = dataclasses.replace(plain.spec.recipe, input_size=4)
    assert layers.shape(plain, "layer3") != (1, 1)
    smaller = dataclasses.replace(plain, spec=dataclasses.replace(plain.spec, recipe=small))
    assert layers.shape(smaller, "layer3") == (1, 1)
    assert layers.last(smaller) == "layer2"
    inner = trained("se", placement="stage")
    assert layers.resolve(inner, "layer1.0.conv1") == "layer1.part.0.conv1"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layer9", "has no layer 'layer9'; did you mean 'layer"),
        ("fc", "layer fc of the network of run .* outputs no maps"),
    ],
)
def test_an_invalid_layer_is_refused(trained: Train, name: str, message: str) -> None:
    found = trained("none")
    name = (
        next((path for path, part in found.network.named_modules() if isinstance(part, torch.nn.Linear)), name)
        if name == "fc"
        else name
    )
    with pytest.raises(SpecError, match=message.replace("layer fc", f"layer {name}")):
        layers.resolve(found, name)


@pytest.mark.parametrize("model", sorted(LAYERS))
def test_layers_of_a_detector_have_their_names_in_a_classifier(workspace: Workspace, model: str) -> None:
    plain, attended = loaded(workspace, model), loaded(workspace, model, "se")
    name = LAYERS[model]
    assert layers.resolve(plain, name) == layers.resolve(attended, name) == name
    assert layers.ends(plain) == layers.ends(attended)
    assert layers.last(plain) in layers.ends(plain)
    with pytest.raises(SpecError, match="has no layer"):
        layers.resolve(plain, plain.prefix + name)
