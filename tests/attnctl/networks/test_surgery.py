"""Attention put into networks."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models

import attnctl
from attnctl import attention, backbones
from attnctl.backbones.places import Placement
from attnctl.backbones.trace import trace
from attnctl.grid import Axes, expand
from attnctl.networks import surgery
from attnctl.networks.weights import onnx_file
from attnctl.values import SpecError


def attended(network: nn.Module) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, surgery.Attended)]


@pytest.mark.parametrize("backbone", ["resnet20", "mobilenet_v2", "densenet121_cifar", "vgg16_bn_cifar", "mobilenext"])
def test_a_module_is_inserted_once_after_each_part(backbone: str) -> None:
    with torch.device("meta"):
        network = attnctl.attach(backbones.build(backbone, 10), "ela", "block", backbone=backbone)
    assert [part.attention.height[0].in_channels for part in attended(network)] == list(
        backbones.channels(backbone, "block")
    )


def test_attention_acts_on_the_residual_branch_before_the_add() -> None:
    """A gate of one half halves the branch and leaves the shortcut alone."""
    network = surgery.attach(backbones.build("resnet20", 10), "se", "block", backbone="resnet20").eval()
    block: Any = network.get_submodule("layer1.0")
    with torch.no_grad():
        block.bn2.attention.excite.weight.fill_(0)  # sigmoid(0) = 0.5
        x = torch.randn(2, 16, 8, 8)
        branch = block.bn2.part(block.conv2(block.relu(block.bn1(block.conv1(x)))))
        torch.testing.assert_close(block(x), torch.relu(0.5 * branch + x))


COUNTS = [
    # ELA, tables 4 and 5; NAM, tables 1 and 2: exact parameters, MACs of convolutions and linear layers
    ("resnet18", "block+stage", "ela", {"variant": "b"}, 1000, 224, 11_715_432, 1_814_775_808),
    ("resnet18", "block+stage", "se", {"r": 32}, 1000, 224, 11_754_792, 1_814_138_880),
    ("resnet50", "stem+stage", "ela", {"variant": "s"}, 1000, 224, 25_721_000, 4_094_345_216),
    ("resnet101", "stem+stage", "ela", {"variant": "l"}, 1000, 224, 44_775_592, 7_808_630_784),
    ("mobilenet_v2", "depthwise", "ela", {"variant": "s"}, 1000, 224, 3_803_240, 308_193_152),
    ("mobilenet_v2", "block", "se", {}, 1000, 224, 3_533_288, 300_802_688),
    ("resnet50_cifar", "block", "se", {}, 100, 32, 26_220_196, 1_300_529_152),
    ("resnet50_cifar", "block", "nam", {"gates": "spatial"}, 100, 32, 23_714_308, None),
    ("resnet50_cifar", "between-stages", "bam", {}, 100, 32, 24_063_319, None),
    # EAN, tables 1 to 3
    ("mobilenet_v2", "expansion", "se", {"bias": True}, 100, 32, 2_923_424, None),
    ("mobilenext", "full-block", "se", {"bias": True}, 1000, 224, 4_191_759, None),
    ("mobilenext", "second-depthwise", "se", {"bias": True}, 100, 32, 3_096_429, None),
    ("mobilenext", "first-depthwise", "ca", {"r": 16}, 1000, 224, 4_386_388, None),
    ("shufflenet_v2_cifar", "unit", "se", {"bias": True}, 100, 32, 1_531_440, None),
    ("densenet121_cifar", "dense", "se", {"r": 8, "bias": True}, 100, 32, 7_328_780, None),
    ("densenet121_cifar", "dense", "ean", {}, 100, 32, 7_049_988, None),
    ("efficientnet_b0", "own-se", "ean", {}, 100, 32, 3_503_588, None),
    ("efficientnet_b0", "own-se", "se", {"bias": True}, 100, 32, 4_448_788, None),
    ("efficientnet_b0_no_se", "depthwise", "ean", {}, 100, 32, 3_503_588, None),
    ("efficientnet_b0_no_se", "depthwise", "se", {"bias": True}, 100, 32, 4_448_788, None),
    ("wrn28_10", "block", "ean", {"G": 32}, 100, 32, 36_547_540, None),
    ("resnext29_16x32d", "block", "ca", {"r": 8}, 10, 32, 26_698_026, None),
    ("resnet101_cifar", "block", "ean", {"G": 64}, 100, 32, 42_699_412, None),
    ("resnet56", "block", "ca", {}, 100, 32, 888_476, None),
    ("resnet50", "block", "se", {"bias": True}, 1000, 224, 28_088_024, 4_091_699_200),
    # AN, table 1
    ("resnet50", "norms", "gn", {}, 1000, 224, 25_557_032, 4_089_184_256),
    ("resnet50", "norms", "sn", {}, 1000, 224, 25_557_350, None),
    ("resnet50", "norm2", "an", {"K": 12}, 1000, 224, 25_685_608, None),
    ("resnet50", "norm2", "an", {"K": 5}, 1000, 224, 25_606_200, None),
    ("densenet161_deep", "norm2", "an", {"K": 35}, 1000, 224, 30_275_842, None),
    ("mobilenet_v2", "projection-norm", "an", {"K": 12}, 1000, 224, 3_556_212, None),
    ("mobilenet_v2", "depthwise-norm", "an", {"K": 3}, 1000, 224, 3_554_875, None),
]


@pytest.mark.parametrize(("backbone", "placement", "name", "values", "classes", "size", "parameters", "macs"), COUNTS)
def test_placements_reproduce_the_published_counts(
    backbone: str,
    placement: str,
    name: str,
    values: dict[str, Any],
    classes: int,
    size: int,
    parameters: int,
    macs: int | None,
) -> None:
    with torch.device("meta"):
        network = backbones.build(backbone, classes)
        surgery.attach(network, name, placement, backbone=backbone, size=size, **values)
    if macs is None:
        assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    else:
        assert surgery.complexity(network, (3, size, size)) == (parameters, macs)


def started(module: str, **recipe: tuple[str, ...]) -> Any:
    axes = Axes(modules=(module,), backbones=("resnet20",), overrides=recipe)
    torch.manual_seed(0)
    return surgery.build(expand(axes).specs[0])


def test_a_classifier_can_begin_by_fan_in_and_its_backbone_is_the_same_with_every_module() -> None:
    plain, network = started("none", weight_init=("fan-in",)), started("se", weight_init=("fan-in",))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 22 + 2 * 9
    for layer in layers:
        if layer.weight.numel() > 500:
            assert layer.weight.std().item() == pytest.approx((2 / layer.weight[0].numel()) ** 0.5, rel=0.15)
        assert layer.bias is None or not layer.bias.any()
    common = {path.replace(".part", ""): value for path, value in network.state_dict().items()}
    assert all(torch.equal(value, common[path]) for path, value in plain.state_dict().items())
    assert not torch.equal(plain.fc.weight, started("none").fc.weight)


# -------------------------------------------------------------------------------------------------- the same again


def test_one_module_serves_two_places_with_its_weights() -> None:
    network: Any = surgery.attach(backbones.build("resnet20", 10), "ela", "block+stage", backbone="resnet20")
    assert network.relu.attention is network.layer1.attention
    assert len(attended(network)) == 13
    assert len({id(part.attention) for part in attended(network)}) == 12
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    both = network.layer1.attention.height[0].weight.grad.clone()
    network.zero_grad()
    network.relu = network.relu.part
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    assert not torch.equal(both, network.layer1.attention.height[0].weight.grad)


def test_a_module_for_one_map_size_cannot_serve_two() -> None:
    network = models.resnet18(num_classes=3)
    with pytest.raises(
        SpecError, match=r"nam needs one map size, but maps of two sizes share a module at block\+stage"
    ):
        surgery.attach(network, "nam", "block+stage", size=64, gates="spatial")
    surgery.attach(network, "nam", "block+stage", size=64)  # its channel gate does not care
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 3)


# --------------------------------------------------------------------------------------------------------- replacing


def test_a_norm_replaces_a_norm() -> None:
    network = surgery.attach(backbones.build("resnet18", 10), "gn", "norms")
    kinds = {type(module).__name__ for module in network.modules()}
    assert "GN" in kinds
    assert not kinds & {"BatchNorm2d", "Attended"}
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 10)


def test_a_norm_that_replaces_a_zero_initialised_one_starts_at_zero() -> None:
    network: Any = surgery.attach(models.resnet18(num_classes=2, zero_init_residual=True), "gn", "norms", size=64)
    assert not network.layer1[0].bn2.weight.any()
    assert (network.layer1[0].bn1.weight == 1).all()


def test_an_se_of_the_network_is_replaced() -> None:
    network = models.mobilenet_v3_small(num_classes=4)
    before = sum(type(module).__name__ == "SqueezeExcitation" for module in network.modules())
    surgery.attach(network, "eca", "own-se", size=64)
    kinds = [type(module).__name__ for module in network.modules()]
    assert (kinds.count("ECA"), kinds.count("SqueezeExcitation")) == (before, 0)
    assert network.eval()(torch.randn(2, 3, 64, 64)).shape == (2, 4)


@pytest.mark.parametrize(
    ("module", "placement", "words"),
    [
        ("an", "block", "an replaces norm layers, but placement block inserts after blocks"),
        ("gn", "layer*.?.bn1", r"gn replaces norm layers, but placement layer\*.\?.bn1 inserts after blocks"),
        ("gn", "replace:layer*.?.conv1", "gn replaces norm layers, but placement .* replaces other layers"),
        ("ela", "norm2", "ela cannot replace norm layers, which placement replace:norm2 requires"),
    ],
)
def test_inserting_and_replacing_modules_are_distinguished(module: str, placement: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        surgery.attach(backbones.build("resnet20", 10), module, placement, backbone="resnet20")
    (cell,) = expand(Axes(modules=(module,), placements=(placement,))).invalid
    with pytest.raises(SpecError, match=words):
        raise SpecError(cell.reason)
    if placement in {"block", "norm2"}:
        fitting = "replace:norm2, replace:norms" if module == "an" else "between-stages, block"
        assert f"choose one of {fitting}" in cell.reason


def test_a_spec_states_that_its_module_replaces_norms() -> None:
    (named,) = expand(Axes(modules=("sn",), placements=("norm2",))).specs
    (full,) = expand(Axes(modules=("sn",), placements=("replace:norm2",))).specs
    assert named == full
    assert named.placement == "replace:norm2"
    network = surgery.build(named)
    assert sum(type(module).__name__ == "SN" for module in network.modules()) == 9


# ---------------------------------------------------------------------------------------------------------- patterns


def test_a_pattern_means_parts_by_their_path() -> None:
    (spec,) = expand(Axes(modules=("ela",), placements=("layer[23].?.bn2",))).specs
    network = surgery.build(spec)
    assert [part.attention.height[0].in_channels for part in attended(network)] == [32] * 3 + [64] * 3
    assert backbones.channels("resnet20", "layer[23].?.bn2") == (32, 32, 32, 64, 64, 64)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("layer*.?.bn9", r"ResNet has no part layer\*\.\?\.bn9"),
        ("layer1.?.relu", "cannot insert attention at layer1.0.relu: one forward runs it 2 times"),
        ("f?", r"at fc: its output is not a map \(B, C, H, W\)"),
        ("layer[1.bn2", "is not a path pattern such as .*: unbalanced bracket"),
        ("layer[3-1].bn2", "is not a path pattern such as .*: bad character range"),
        ("stages", "ResNet has no placement 'stages'; it has .*block.*stage.*; patterns such as"),
    ],
)
def test_a_pattern_that_means_no_place_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        surgery.attach(models.resnet18(num_classes=2), "se", pattern, size=64)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()
        self.fc = nn.Linear(32, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.fc(self.relu(self.bn(self.conv(x))).mean((2, 3)))
        return found


NOT_SCRIPTED = ("an", "nam", "pdfam", "sa", "sge")
"""These use functions of modules, constants of their file, or shapes as lists, which TorchScript does not know."""


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", attention.names())
def test_a_network_with_attention_is_traced_and_scripted(name: str) -> None:
    torch.manual_seed(0)
    groups: dict[str, Any] = {"G": 8} if name in {"sge", "sa", "ean"} else {}
    path = "replace:bn" if attention.describe(name).replaces else "bn"
    network = surgery.attach(Small(), name, path, size=32, **groups).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(torch.jit.trace(network, x)(x), expected)
        if name not in NOT_SCRIPTED:
            scripted: Any = torch.jit.script(copy.deepcopy(network))
            torch.testing.assert_close(scripted(x), expected)


@pytest.mark.parametrize("name", attention.names())
def test_a_network_with_attention_is_exported_and_converted_to_onnx(name: str) -> None:
    """For batches of any size: three images are compared, exported with two."""
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    groups: dict[str, Any] = {"G": 8} if name in {"sge", "sa", "ean"} else {}
    path = "replace:bn" if attention.describe(name).replaces else "bn"
    network = surgery.attach(Small(), name, path, size=32, **groups).eval()
    shape = (3, 32, 32)
    x = torch.randn(3, *shape)
    with torch.no_grad():
        sizes = ({0: torch.export.Dim("batch")},)
        program = torch.export.export(network, (x[:2],), dynamic_shapes=sizes)
        torch.testing.assert_close(program.module()(x), network(x))
    agreement = onnx_file.compare(onnx_file.convert(network, shape, {}, run="small"), network, shape)
    assert agreement.close, agreement


SCRIPTING = """
import json
import torch
from attnctl import attention
from attnctl.networks import surgery
from tests.attnctl.networks.test_surgery import NOT_SCRIPTED, Small

refused = {}
for name in NOT_SCRIPTED:
    groups = {"G": 8} if name in {"sge", "sa"} else {}
    path = "replace:bn" if attention.describe(name).replaces else "bn"
    try:
        torch.jit.script(surgery.attach(Small(), name, path, size=32, **groups).eval())
    except RuntimeError as error:
        refused[name] = str(error)
print(json.dumps(refused))
"""


def test_the_documentation_names_the_modules_that_torchscript_refuses() -> None:
    table = (Path(__file__).parents[3] / "docs" / "weights.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert named == set(NOT_SCRIPTED)


def test_torchscript_refuses_what_the_documentation_names() -> None:
    """In a process of its own: what TorchScript has compiled before decides what it can compile."""
    done = subprocess.run([sys.executable, "-c", SCRIPTING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    refused: dict[str, str] = json.loads(done.stdout)
    assert refused.keys() == set(NOT_SCRIPTED)
    assert [name for name, words in refused.items() if f"attention/{name}.py" not in words] == []


@pytest.mark.parametrize(("network", "path"), [(Small(), "bn"), (nn.Sequential(nn.Conv2d(3, 32, 1), nn.ReLU()), "1")])
def test_a_part_is_also_named_by_its_path_alone(network: nn.Module, path: str) -> None:
    surgery.attach(network, "se", path, size=8)
    assert isinstance(network.get_submodule(path), surgery.Attended)


def test_a_stage_is_named_by_its_path_alone() -> None:
    (spec,) = expand(Axes(modules=("se",), placements=("layer1",))).specs
    assert spec.placement == "layer1"
    assert [name for name, part in surgery.build(spec).named_modules() if isinstance(part, surgery.Attended)] == [
        "layer1"
    ]
    with pytest.raises(SpecError, match="backbone resnet20 has no placement 'trunk'"):
        backbones.placement("resnet20", "trunk")


def test_a_network_without_the_place_is_refused() -> None:
    place = Placement(name="block", after=("layer*.*.bn2",))
    with pytest.raises(SpecError, match=r"Sequential has no part layer\*\.\*\.bn2"):
        surgery.insert(nn.Sequential(nn.Conv2d(3, 4, 1)), "se", place, {}, 8)


def test_attention_can_be_inserted_into_a_users_network() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, stride=4, padding=1)
            self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pooled: torch.Tensor = self.body(self.stem(x)).mean((2, 3))
            return pooled

    network = surgery.attach(Own(), "se", "stage", size=64, r=4)
    assert {part.attention.squeeze.in_features for part in attended(network)} == {8, 16}
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 16)


def test_maps_with_their_channels_last_are_attended_to_over_channels() -> None:
    network = surgery.attach(models.swin_t(num_classes=3), "se", "stage", size=224)
    stage: Any = network.get_submodule("features.1")
    assert (stage.channels_last, stage.attention.squeeze.in_features) == (True, 96)
    with torch.no_grad():
        stage.attention.excite.weight.fill_(0)
        x = torch.randn(1, 8, 8, 96)
        torch.testing.assert_close(stage.eval()(x), 0.5 * stage.part(x))


def small_vit() -> models.VisionTransformer:
    return models.VisionTransformer(32, 8, num_layers=1, num_heads=2, hidden_dim=32, mlp_dim=16, num_classes=3)


def test_tokens_are_attended_to_as_a_map_and_the_class_token_passes_unchanged() -> None:
    network = surgery.attach(small_vit(), "se", "block", size=32, r=4).eval()
    branch: Any = network.get_submodule("encoder.layers.encoder_layer_0.mlp")
    assert (branch.prefix, branch.side, branch.attention.squeeze.in_features) == (1, 4, 32)
    x = torch.randn(2, 17, 32)
    with torch.no_grad():
        tokens = branch.part(x)
        grid = tokens[:, 1:].unflatten(1, (4, 4)).permute(0, 3, 1, 2)
        expected = branch.attention(grid).permute(0, 2, 3, 1).flatten(1, 2)
        torch.testing.assert_close(branch(x)[:, 1:], expected)
        assert torch.equal(branch(x)[:, :1], tokens[:, :1])


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore::torch.jit.TracerWarning")
def test_a_network_of_tokens_with_attention_compiles_exports_and_is_restored() -> None:
    torch.manual_seed(0)
    network = surgery.attach(small_vit(), "ela", "block+attention", size=32).eval()
    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        nn.init.normal_(network.get_parameter("heads.head.weight"))
        expected = network(x)
        torch.testing.assert_close(torch.compile(network, backend="eager", fullgraph=True)(x), expected)
        program = torch.export.export(network, (x[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},))
        torch.testing.assert_close(program.module()(x), expected)
        torch.testing.assert_close(torch.jit.script(copy.deepcopy(network))(x), expected)
    other = surgery.attach(small_vit(), "ela", "block+attention", size=32).eval()
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other(x), expected)


def test_a_norm_replaces_a_norm_of_maps_with_their_channels_last() -> None:
    network: nn.Module = models.SwinTransformer([4, 4], 16, [2], [2], [4, 4])
    surgery.attach(network, "gn", "replace:features.1.*.norm1", size=32, num_groups=8)
    norm: Any = network.get_submodule("features.1.0.norm1")
    x = torch.randn(2, 8, 8, 16)
    torch.testing.assert_close(norm(x), norm.attention(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
    assert norm.attention.weight.shape == (16,)
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 1000)


@pytest.mark.parametrize(("backbone", "placement"), [("regnet_y_400mf", "own-se"), ("mobilenet_v3_small", "block")])
def test_a_network_for_large_images_learns_small_ones(backbone: str, placement: str) -> None:
    """Eight images of 32x32, by heart."""
    torch.manual_seed(0)
    network = surgery.build(expand(Axes(modules=("se",), backbones=(backbone,), placements=(placement,))).specs[0])
    images, labels = torch.randn(8, 3, 32, 32), torch.arange(8)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(parameter.grad is not None for parameter in network.parameters())


# ---------------------------------------------------------------------------------------------------------- measuring


def test_a_runs_network_adds_just_the_modules_parameters() -> None:
    plain, attended_to = (expand(Axes(modules=(name,))).specs[0] for name in ("none", "ela"))
    counts = [surgery.complexity(surgery.build(spec), (3, 32, 32))[0] for spec in (plain, attended_to)]
    added = sum(
        sum(p.numel() for p in attention.create("ela", channels).parameters())
        for channels in backbones.channels("resnet20", "block")
    )
    assert counts == [272_474, 272_474 + added]


def test_measuring_does_not_change_the_network() -> None:
    network = backbones.build("resnet20", 10).train()
    network.get_submodule("bn1").eval()  # as fine-tuning freezes one
    before = {name: value.clone() for name, value in network.state_dict().items()}
    surgery.measure(network, backbones.placement("resnet20", "block"), 32)
    surgery.complexity(network, (3, 32, 32))
    assert network.training
    assert not network.get_submodule("bn1").training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_an_image_too_small_for_the_network_is_an_error() -> None:
    with torch.device("meta"), pytest.raises(SpecError, match="VGG cannot run on an image of 16x16"):
        trace(models.vgg11_bn(num_classes=2), 16)


def test_the_extra_losses_of_all_modules_are_summed() -> None:
    class Penalised(nn.Module):
        def extra_loss(self) -> torch.Tensor:
            return torch.tensor(1.5)

    assert surgery.extra_loss(nn.Sequential(Penalised(), nn.Sequential(Penalised()))) == 3.0
    assert surgery.extra_loss(nn.Sequential(nn.Identity())) is None


# ------------------------------------------------------------------------------------------------ several modules


def counted(module: str, placement: str = "block", backbone: str = "resnet20", **hyperparameters: Any) -> int:
    with torch.device("meta"):
        network = backbones.build(backbone, 10)
        plain = sum(value.numel() for value in network.parameters())
        surgery.attach(network, module, placement, backbone=backbone, **hyperparameters)
    return sum(value.numel() for value in network.parameters()) - plain


def test_modules_in_sequence_are_applied_one_after_the_other() -> None:
    values: dict[str, Any] = {"ean.G": 4, "se.r": 4}
    network: Any = surgery.attach(backbones.build("resnet20", 10), "ean+se", backbone="resnet20", **values).eval()
    follows = network.layer1[0].bn2
    for parameter in follows.attention.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 16, 8, 8)
    ean, se = follows.attention
    assert (type(ean).__name__, type(se).__name__, ean.groups) == ("EAN", "SE", 4)
    torch.testing.assert_close(follows(x), se(ean(follows.part(x))))
    assert counted("ean+se") == counted("ean") + counted("se")


@pytest.mark.parametrize("backbone", ["resnet20", "mobilenet_v2"])
@pytest.mark.parametrize("first", ["stage", "block"])
def test_modules_at_places_within_one_another_are_all_there(backbone: str, first: str) -> None:
    second = "block" if first == "stage" else "stage"
    text = f"ean@{first}+se@{second}"
    assert counted(text, backbone=backbone) == counted("ean", first, backbone) + counted("se", second, backbone)
    network = surgery.attach(backbones.build(backbone, 10), text, backbone=backbone, size=32)
    assert network.eval()(torch.randn(2, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("text", ["an@norm2+se@block", "se@block+an@norm2"])
def test_a_norm_that_is_replaced_keeps_the_attention_after_it(text: str) -> None:
    network: Any = surgery.attach(backbones.build("resnet20", 10), text, backbone="resnet20")
    follows = network.layer1[0].bn2
    assert (type(follows.part).__name__, type(follows.attention).__name__) == ("AN", "SE")
    assert counted(text) == counted("an", "norm2") + counted("se")


def test_one_module_at_several_places_counts_each_part_once() -> None:
    assert counted("se", "layer*.*.bn2+layer*") == counted("se", "layer*.*.bn2") + counted("se", "layer*")
    assert counted("se", "block+layer1.*.bn2") == counted("se", "block")
    network = surgery.attach(backbones.build("resnet20", 10), "gn", "norm2+replace:layer1.*.bn1", num_groups=8)
    assert sum(type(part).__name__ == "GN" for part in network.modules()) == 12


def test_modules_are_attached_after_others_that_are_there_already() -> None:
    network = surgery.attach(backbones.build("resnet20", 10), "ean", "stage", backbone="resnet20")
    surgery.attach(network, "se", "layer*.part.0.bn2")
    surgery.attach(network, "eca", "layer[1]")
    found = [path for path, part in network.named_modules() if type(part).__name__ in {"EAN", "SE", "ECA"}]
    assert found == [
        *("layer1.part.0.bn2.attention", "layer1.attention.0", "layer1.attention.1"),
        *("layer2.part.0.bn2.attention", "layer2.attention", "layer3.part.0.bn2.attention", "layer3.attention"),
    ]
    assert network(torch.randn(2, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("text", ["ean+se", "an@norm2+nam@block", "se@layer*.*.bn2+ean@layer*"])
def test_a_network_with_several_modules_compiles_exports_and_is_restored(text: str) -> None:
    (spec,) = expand(Axes(modules=(text,))).specs
    torch.manual_seed(0)
    network, x = surgery.build(spec).eval(), torch.randn(2, 3, 32, 32)
    expected = network(x)
    torch._dynamo.reset()
    compiled: Any = torch.compile(network, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), expected)
    torch.testing.assert_close(torch.export.export(network, (x,)).module()(x), expected)
    again = surgery.build(spec).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(x), expected)
    assert (surgery.extra_loss(network) is not None) == ("nam" in text)
