"""Weights that a run starts from: they fit whole but for what is new by intent."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from attnctl import attention, backbones, grid, models
from attnctl.jobs.training import initial
from attnctl.networks import surgery
from attnctl.networks.weights.match import Loaded, Plain
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.training.small_detectors import body, detector

FILE = "file:" + "0" * 64
HINT = "; --init-partial accepts that"


def spec_of(module: str = "none", backbone: str = "resnet20", **axes: Any) -> RunSpec:
    (spec,) = grid.expand(grid.Axes(modules=(module,), backbones=(backbone,), **axes)).specs
    return spec


def load(folder: Path, spec: RunSpec, weights: dict[str, Tensor], *, partly: bool = False) -> tuple[nn.Module, Loaded]:
    """The run's network after it has started from a file with these weights. partly: they may fit only partly."""
    workspace = Workspace(folder)
    path = workspace.weights("0" * 64)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(weights, path)
    network = surgery.build(spec)
    init = f"{FILE}+partial" if partly else FILE
    return network, initial.load(network, init, workspace, partial(Plain.of_run, spec, None))


def refused(folder: Path, spec: RunSpec, weights: dict[str, Tensor]) -> str:
    with pytest.raises(SpecError) as caught:
        load(folder, spec, weights)
    words = str(caught.value)
    assert words.isprintable()
    assert len(words) < 600
    return words


def classifier(backbone: str = "resnet20", classes: int = 10) -> dict[str, Tensor]:
    return backbones.build(backbone, classes).state_dict()


def test_torchvisions_old_densenet_names_load(tmp_path: Path) -> None:
    weights = {
        re.sub(r"(norm|relu|conv)([12])\.", r"\1.\2.", name): value for name, value in _of("densenet121").items()
    }
    network, found = load(tmp_path, spec_of(backbone="densenet121"), weights)
    assert (found.loaded, found.missing, found.unexpected, found.reshaped) == (727, [], [], [])
    name = "features.denseblock1.denselayer1.norm1.weight"
    assert torch.equal(network.state_dict()[name], weights[name.replace("norm1", "norm.1")])


def _of(name: str) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = get_model(name, weights=None, num_classes=10).state_dict()
    return weights


def test_a_resnet20_with_shortcuts_of_option_a_is_refused(tmp_path: Path) -> None:
    """As in a widely used repository: nothing on the shortcuts, and the head is called linear."""
    named = {name.replace("fc.", "linear."): value for name, value in classifier().items()}
    weights = {name: value for name, value in named.items() if "downsample" not in name}
    words = refused(tmp_path, spec_of("se"), weights)
    loaded, total = len(weights), len(surgery.build(spec_of("se")).state_dict())
    assert f"does not fit this network: {loaded} of {total} tensors load; " in words
    assert "missing: layer2.0.downsample.0.weight, " in words
    assert ".attention." not in words, "the new attention is no fault"
    assert words.endswith(f" and 9 more{HINT}")
    assert "linear" not in words, "linear is the head"


def test_a_resnet20_with_shortcuts_of_option_a_loads_when_partial_loads_are_accepted(tmp_path: Path) -> None:
    weights = {
        name.replace("fc.", "linear."): value for name, value in classifier().items() if "downsample" not in name
    }
    network, found = load(tmp_path, spec_of("se"), weights, partly=True)
    assert torch.equal(network.state_dict()["fc.weight"], weights["linear.weight"])
    assert [name for name in found.missing if ".attention." not in name] == [
        name for name in classifier() if "downsample" in name
    ]
    assert (found.unexpected, found.reshaped) == ([], [])


def test_a_resnet_whose_shortcuts_are_called_so_loads_whole(tmp_path: Path) -> None:
    """As in a repository of networks for CIFAR that many start from."""
    weights = {
        name.replace("fc.", "linear.").replace("downsample", "shortcut"): value
        for name, value in classifier("resnet18_cifar").items()
    }
    _, found = load(tmp_path, spec_of(backbone="resnet18_cifar"), weights)
    assert (found.missing, found.unexpected, found.reshaped) == ([], [], [])


def test_weights_without_a_head_are_refused(tmp_path: Path) -> None:
    weights = {name: value for name, value in classifier().items() if not name.startswith("fc.")}
    assert refused(tmp_path, spec_of(), weights).endswith(f"; missing: fc.weight, fc.bias{HINT}")


def test_weights_with_a_head_of_another_width_are_refused(tmp_path: Path) -> None:
    weights = classifier() | {"fc.weight": torch.zeros(7, 65), "fc.bias": torch.zeros(7)}
    assert refused(tmp_path, spec_of(), weights).endswith(f"; of a different shape: fc.weight{HINT}")


def test_weights_with_another_stem_or_depth_are_refused(tmp_path: Path) -> None:
    words = refused(tmp_path, spec_of(backbone="resnet18_cifar"), classifier("resnet18"))
    assert words.endswith(f"121 of 122 tensors load; of a different shape: conv1.weight{HINT}")
    assert "not in this network: layer1.3.conv1.weight" in refused(tmp_path, spec_of(), classifier("resnet56"))
    assert "; missing: layer1.3.conv1.weight" in refused(tmp_path, spec_of(backbone="resnet56"), classifier())


def test_weights_with_attention_that_the_network_lacks_are_refused(tmp_path: Path) -> None:
    weights = surgery.build(spec_of("se")).state_dict()
    left_out = "; not in this network: layer1.0.bn2.attention.squeeze.weight, "
    assert left_out in refused(tmp_path, spec_of(), weights)
    words = refused(tmp_path, spec_of("eca"), weights)
    assert left_out in words
    assert "missing" not in words, "its own attention is new"


def test_weights_with_other_attention_hyperparameters_are_refused(tmp_path: Path) -> None:
    weights = surgery.build(spec_of("ela", hyperparameters={"kernel": ("7",)})).state_dict()
    words = refused(tmp_path, spec_of("ela", hyperparameters={"kernel": ("5",)}), weights)
    assert "; of a different shape: layer1.0.bn2.attention.height.0.weight, " in words


def test_weights_with_attention_at_only_some_positions_are_refused(tmp_path: Path) -> None:
    weights = surgery.build(spec_of("se", placements=("stage",))).state_dict()
    words = refused(tmp_path, spec_of("se", placements=("block+stage",)), weights)
    assert "; missing: relu.attention.squeeze.weight, " in words
    assert "not in this network" not in words


def test_refused_weights_do_not_change_the_network(tmp_path: Path) -> None:
    network = surgery.build(spec_of())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    workspace = Workspace(tmp_path)
    path = workspace.weights("0" * 64)
    path.parent.mkdir(parents=True)
    torch.save(classifier("resnet56"), path)
    with pytest.raises(SpecError):
        initial.load(network, FILE, workspace, partial(Plain.of_run, spec_of(), None))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_plain_network_is_not_built_if_all_weights_match(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    path = workspace.weights("0" * 64)
    path.parent.mkdir(parents=True)
    torch.save(classifier(), path)

    def never() -> Plain:
        raise AssertionError

    network = surgery.build(spec_of())
    found = initial.load(network, FILE, workspace, never)
    assert (found.missing, found.unexpected, found.reshaped) == ([], [], [])


@pytest.mark.parametrize("module", ["se", "ela", "an", "gn", "nam"])
def test_plain_weights_fit_networks_with_attention_after_parts_or_instead_of_norms(module: str, tmp_path: Path) -> None:
    values = {"num_groups": ("8",)} if module == "gn" else {}
    replaces = attention.describe(module).replaces
    spec = spec_of(module, placements=("norms" if replaces else "block",), hyperparameters=values)
    weights = classifier(classes=100)
    network, found = load(tmp_path, spec, weights)
    assert found.reshaped == ["fc.weight", "fc.bias"]
    assert torch.equal(dict(network.named_parameters())["conv1.weight"], weights["conv1.weight"])


@pytest.mark.parametrize(
    "backbone", ["densenet121", "vgg16_bn_cifar", "shufflenet_v2", "squeezenet1_1", "cspdarknet_nano"]
)
def test_a_head_for_other_classes_keeps_its_initialisation(backbone: str, tmp_path: Path) -> None:
    _, found = load(tmp_path, spec_of(backbone=backbone), classifier(backbone, 17))
    assert (found.missing, found.unexpected, len(found.reshaped)) == ([], [], 2)


def test_a_file_without_num_batches_tracked_fits(tmp_path: Path) -> None:
    """torch wrote none before release 0.4.1, as in the first files of torchvision's ResNets."""
    weights = {name: value for name, value in classifier().items() if "num_batches_tracked" not in name}
    _, found = load(tmp_path, spec_of("se"), weights)
    assert found.unexpected == []


def test_the_auxiliary_classifiers_of_torchvisions_files_are_left_out(tmp_path: Path) -> None:
    weights = get_model("googlenet", weights=None, num_classes=10, aux_logits=True, init_weights=False).state_dict()
    _, found = load(tmp_path, spec_of(backbone="googlenet"), weights)
    assert found.missing == []
    assert {name.partition(".")[0] for name in found.unexpected} == {"aux1", "aux2"}


DETECTORS = [
    ("fasterrcnn", "resnet18", "digits-det"),
    ("maskrcnn_an", "mobilenet_v2", "digits-det"),
    ("htc", "resnet18", "digits-det"),
    ("yolof", "resnet18", "digits-det"),
    ("yolox_nano", "cspdarknet_nano", "digits-det"),
    ("ssdlite320", "mobilenet_v2", "digits-det"),
    ("ssdlite320", "mobilenext", "digits-det"),
    ("deeplabv3", "resnet18", "digits-seg"),
]


@pytest.mark.parametrize(("model", "backbone", "dataset"), DETECTORS)
def test_a_detector_starts_from_a_classifier(model: str, backbone: str, dataset: str, tmp_path: Path) -> None:
    spec = spec_of("se", backbone, models=(model,), datasets=(dataset,))
    network, found = load(tmp_path, spec, classifier(backbone, 1000))
    prefix = str(network.body_prefix)
    inside = [name for name in found.missing if name.startswith(prefix)]
    assert inside
    assert all(".attention." in name for name in inside)
    attended = surgery.build(spec_of("se", backbone)).state_dict()
    _, found = load(tmp_path, spec, attended)
    assert not [name for name in found.missing if name.startswith(prefix)]


def test_a_classifier_of_another_depth_is_refused_for_a_detector(tmp_path: Path) -> None:
    spec = spec_of(backbone="resnet18", models=("fasterrcnn",), datasets=("digits-det",))
    words = refused(tmp_path, spec, classifier("resnet34"))
    assert "; not in this network: layer1.2.conv1.weight" in words
    spec = spec_of(backbone="resnet34", models=("fasterrcnn",), datasets=("digits-det",))
    assert "; missing: backbone.body.layer1.2.conv1.weight" in refused(tmp_path, spec, classifier("resnet18"))


def plain(norms: str = "frozen") -> Plain:
    return Plain.of(models.build("fasterrcnn", body(), 11, norms=norms, size=64), body())


def loaded(
    tmp_path: Path, network: nn.Module, weights: dict[str, torch.Tensor], plain: Callable[[], Plain] = plain
) -> Loaded:
    workspace = Workspace(tmp_path)
    path = workspace.weights("0" * 64)
    path.parent.mkdir(parents=True)
    torch.save(weights, path)
    return initial.load(network, "file:" + "0" * 64, workspace, plain)


@pytest.mark.parametrize("frozen", ["frozen", "batch"])
def test_a_classifier_with_the_same_module_becomes_the_body(tmp_path: Path, frozen: str) -> None:
    classifier, network = body("se"), detector("se", frozen)
    found = loaded(tmp_path, network, classifier.state_dict())
    assert found.missing
    assert not any(name.startswith("backbone.body.") for name in found.missing), "the whole body is loaded"
    assert (found.unexpected, found.reshaped) == (["fc.weight", "fc.bias"], [])
    inside = network.get_submodule("backbone.body").state_dict()
    for name, tensor in classifier.state_dict().items():
        if not name.startswith("fc.") and (frozen == "batch" or "num_batches_tracked" not in name):
            assert torch.equal(inside[name], tensor), name


def test_a_plain_classifier_becomes_the_body_of_a_detector_with_attention(tmp_path: Path) -> None:
    found = loaded(tmp_path, detector("se", "batch"), body().state_dict(), partial(plain, "batch"))
    missing = [name for name in found.missing if name.startswith("backbone.body.")]
    assert missing
    assert all(".attention." in name for name in missing)
    assert found.unexpected == ["fc.weight", "fc.bias"]


def test_attention_that_would_be_frozen_at_random_is_refused(tmp_path: Path) -> None:
    """With frozen norms the first stage is frozen, with the attention in it."""
    with pytest.raises(SpecError) as caught:
        loaded(tmp_path, detector("se"), body().state_dict())
    words = str(caught.value)
    assert (
        "leaves tensors random that this network freezes: backbone.body.layer1.0.bn2.attention.squeeze.weight, "
        in words
    )
    assert "layer2" not in words
    assert words.endswith("; start from weights that have them, or train them with --norms batch")


def test_a_detector_s_weights_fit_another_by_their_own_names(tmp_path: Path) -> None:
    first = detector("se")
    found = loaded(tmp_path, detector("se"), first.state_dict())
    assert (found.missing, found.unexpected, found.reshaped) == ([], [], [])
    assert found.loaded == len(first.state_dict())


def test_a_detector_for_other_classes_keeps_its_own_predictor(tmp_path: Path) -> None:
    first = models.build("yolox_nano", backbones.build("cspdarknet_nano", 10), 80)
    network = models.build("yolox_nano", backbones.build("cspdarknet_nano", 10), 20)
    other = models.build("yolox_nano", backbones.build("cspdarknet_nano", 10), 21)
    found = loaded(tmp_path, network, first.state_dict(), lambda: Plain.of(other))
    assert (found.missing, found.unexpected) == ([], [])
    assert all("cls_preds" in name for name in found.reshaped)
    assert found.reshaped
