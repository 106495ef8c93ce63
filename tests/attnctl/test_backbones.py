"""The backbones, and the table of what planning must know of them."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from torchvision.models.shufflenetv2 import channel_shuffle

from attnctl import backbones
from attnctl.backbones.mobilenext import FullBlock
from attnctl.backbones.shufflenet_cifar import ShuffleUnit
from attnctl.networks import channels, surgery
from attnctl.values import SpecError


@pytest.mark.parametrize("name", backbones.names())
def test_the_channels_table_is_what_the_network_says(name):
    """After a change of a backbone or a placement: python -m attnctl.networks.channels."""
    assert channels.measured(name) == {
        place: list(backbones.channels(name, place)) for place in backbones.describe(name).placements
    }


PLAIN = [
    ("resnet18", 1000, 224, 11_689_512, 1_814_073_344),
    ("resnet50", 1000, 224, 25_557_032, 4_089_184_256),
    ("resnet101", 1000, 224, 44_549_160, 7_801_405_440),
    ("mobilenet_v2", 1000, 224, 3_504_872, 300_774_272),
    ("mobilenet_v2", 100, 32, 2_351_972, 6_240_128),
    ("resnet50_cifar", 100, 32, 23_705_252, 1_298_014_208),
    ("resnet101_cifar", 100, 32, 42_697_380, None),
    ("resnet50_zero_gamma", 1000, 224, 25_557_032, None),
    ("resnet101_deep", 1000, 224, 44_568_392, None),
    ("resnet20", 10, 32, 272_474, None),
    ("resnet56", 100, 32, 861_620, None),
    ("wrn28_10", 100, 32, 36_546_980, None),
    ("resnext29_16x32d", 10, 32, 25_136_970, None),
    ("mobilenext", 1000, 224, 3_535_416, None),
    ("mobilenext", 100, 32, 2_382_516, None),
    ("shufflenet_v2_cifar", 100, 32, 1_360_896, None),
    ("densenet121_cifar", 100, 32, 7_048_548, None),
    ("densenet161_deep", 1000, 224, 28_730_584, None),
    ("efficientnet_b0", 100, 32, 4_135_648, None),
    ("cspdarknet_nano", 1000, 224, 716_968, 77_288_704),
    # torchvision's own figures
    ("densenet121", 1000, 224, 7_978_856, None),
    ("densenet161", 1000, 224, 28_681_000, None),
    ("shufflenet_v2", 1000, 224, 2_278_604, None),
    ("efficientnet_b0", 1000, 224, 5_288_548, None),
    ("vgg16_bn", 1000, 224, 138_365_992, None),
    ("vgg16_bn_cifar", 10, 32, 14_728_266, None),
]


@pytest.mark.parametrize(("name", "classes", "size", "parameters", "macs"), PLAIN)
def test_a_backbone_has_the_published_counts(name, classes, size, parameters, macs):
    with torch.device("meta"):
        network = backbones.build(name, classes)
    if macs is None:
        assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    else:
        assert surgery.complexity(network, (3, size, size)) == (parameters, macs)


def test_every_backbone_has_its_counts_tested():
    assert {row[0] for row in PLAIN} | {"resnet18_cifar", "mobilenet_v2_cifar"} == set(backbones.names())


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("mobilenext", 32),
        ("mobilenet_v2", 32),
        ("shufflenet_v2_cifar", 32),
        ("efficientnet_b0", 32),
        ("resnet20", 32),
        ("cspdarknet_nano", 32),
        ("wrn28_10", 8),
        ("resnext29_16x32d", 8),
    ],
)
def test_a_backbone_starts_with_signals_of_a_sane_size(name, size):
    """Neither vanished nor exploded after all layers, in training, on small images that end in 1x1 maps."""
    torch.manual_seed(0)
    scores = backbones.build(name, 7)(torch.randn(4, 3, size, size))
    assert scores.shape == (4, 7)
    assert scores.isfinite().all()
    assert 1e-3 < scores.std() < 1e2


@pytest.mark.parametrize("name", ["resnet50_zero_gamma", "resnet101_deep"])
def test_the_residual_branches_of_an_s_table_start_at_zero(name):
    network = backbones.build(name, 2)
    scales = [m.bn3.weight for m in network.modules() if hasattr(m, "bn3")]
    assert len(scales) in {16, 33}
    assert not any(scale.any() for scale in scales)


def test_mobilenext_has_the_blocks_that_its_counts_prove():
    full = [block for block in backbones.build("mobilenext", 10).features if isinstance(block, FullBlock)]
    assert len(full) == 15
    assert [block.residual for block in full].count(False) == 3
    assert len(backbones.channels("mobilenext", "second-depthwise")) == 18


def test_the_shuffle_is_that_of_the_paper():
    """Of units that keep the size of the map: half of the channels pass, then both halves are shuffled."""
    unit = ShuffleUnit(8, 8, 1).eval()
    x = torch.randn(2, 8, 5, 5)
    kept, changed = x.chunk(2, dim=1)
    torch.testing.assert_close(unit(x), channel_shuffle(torch.cat((kept, unit.branch(changed)), 1), 2))


def test_a_light_network_is_known_by_its_family():
    light = {name for name in backbones.names() if backbones.describe(name).light}
    assert {"mobilenet_v2", "mobilenext", "shufflenet_v2", "efficientnet_b0", "densenet121_cifar"} <= light
    assert not light & {"resnet50", "densenet161", "vgg16_bn", "wrn28_10"}


def test_a_network_of_two_names_is_one():
    assert backbones.describe("shufflenet_v2_x1_0") == backbones.describe("shufflenet_v2")
    assert backbones.build("shufflenet_v2_x1_0", 3).fc.out_features == 3


# ------------------------------------------------------------------------------------------- of torchvision and timm


STAGES = [
    ("alexnet", [64, 192, 256, 256]),
    ("googlenet", [192, 480, 832, 1024]),
    ("inception_v3", [192, 288, 768, 2048]),
    ("squeezenet1_1", [128, 256, 512]),
    ("regnet_y_400mf", [48, 104, 208, 440]),
    ("mnasnet0_5", [16, 24, 48, 1280]),
    ("mobilenet_v3_small", [16, 24, 48, 576]),
    ("convnext_tiny", [96, 192, 384, 768]),
    ("swin_t", [96, 192, 384, 768]),
    ("resnet34", [64, 128, 256, 512]),
]


@pytest.mark.parametrize(("name", "stages"), STAGES)
def test_any_network_of_torchvision_has_its_stages(name, stages):
    assert list(backbones.channels(name, "stage")) == stages
    assert "norms" in backbones.describe(name).placements or name in {
        "alexnet",
        "squeezenet1_1",
        "convnext_tiny",
        "swin_t",
    }


def test_a_network_of_torchvision_has_the_placements_of_its_family():
    assert backbones.channels("resnet34", "block+stage") == (
        *[64] * 4, *[128] * 5, *[256] * 7, *[512] * 4,
    )  # fmt: skip
    assert len(backbones.channels("mobilenet_v3_small", "own-se")) == 9
    assert backbones.describe("mobilenet_v3_small").light
    assert "conv2" not in backbones.describe("resnet34").placements


def test_a_network_of_tokens_says_that_it_has_no_maps():
    with pytest.raises(SpecError, match="vit_b_32 has no placement 'stage'; it has none: it gives no maps"):
        backbones.placement("vit_b_32", "stage")


def test_a_measured_network_is_measured_once(tmp_path, monkeypatch):
    backbones.library.measured.cache_clear()
    first = backbones.library.measured("squeezenet1_0")
    (kept,) = (tmp_path / "attnctl" / "networks").glob("squeezenet1_0-*.json")
    backbones.library.measured.cache_clear()
    monkeypatch.setattr(backbones.library, "_measure", lambda name: pytest.fail(f"{name} was measured again"))
    assert backbones.library.measured("squeezenet1_0") == first
    kept.write_text("{torn")
    backbones.library.measured.cache_clear()
    with pytest.raises(pytest.fail.Exception):
        backbones.library.measured("squeezenet1_0")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet33", "unknown backbone 'resnet33'; did you mean 'resnet34'?"),
        ("quantized_resnet18", "unknown backbone 'quantized_resnet18'"),
        ("fasterrcnn_resnet50_fpn", "unknown backbone"),
    ],
)
def test_an_unknown_network_is_refused_with_the_nearest_name(name, words):
    with pytest.raises(SpecError, match=words.replace("?", r"\?")):
        backbones.describe(name)


with_timm = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed: pip install timm")


@with_timm
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("resnet26", [256, 512, 1024, 2048]),
        ("convnext_atto", [40, 80, 160, 320]),
        ("swin_tiny_patch4_window7_224", [96, 192, 384, 768]),
        ("mobilenetv4_conv_small", [32, 64, 96, 960]),
    ],
)
def test_a_network_of_timm_has_its_stages(name, stages):
    assert list(backbones.channels(f"timm:{name}", "stage")) == stages


@with_timm
def test_a_network_of_timm_takes_attention():
    assert "block" in backbones.describe("timm:resnet26").placements
    network = surgery.attach(backbones.build("timm:resnet18", 5), "se", "block")
    assert sum(isinstance(m, surgery.Attended) for m in network.modules()) == 8
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 5)


@with_timm
def test_a_process_that_plans_measures_in_another_and_imports_no_torch(tmp_path):
    code = """
import sys
from attnctl.grid import Axes, expand
plan = expand(Axes(modules=("ela",), backbones=("resnet20", "timm:resnet10t"), placements=("stage", "layer[!1].0.bn2")))
print(*(spec.placement for spec in plan.specs), "torch" in sys.modules, *plan.invalid)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("stage layer[!1].0.bn2 stage layer[!1].0.bn2 False\n", "")
    assert len(list((tmp_path / "attnctl" / "networks").glob("*.json"))) == 2


@with_timm
def test_names_of_timm_are_checked():
    with pytest.raises(SpecError, match=r"timm has no network 'resnet51'; did you mean"):
        backbones.describe("timm:resnet51")
    with pytest.raises(SpecError, match="no weights are loaded; leave 'a1_in1k' out"):
        backbones.describe("timm:resnet50.a1_in1k")


def test_without_timm_its_networks_say_what_to_install(monkeypatch):
    monkeypatch.setattr(backbones.library, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match="needs the package timm: pip install timm"):
        backbones.library.check_name("timm:resnet50", ())


def test_the_names_read_from_the_sources_are_those_that_the_libraries_list():
    from torchvision import models

    assert set(backbones.library.torchvision_names()) == set(models.list_models(module=models))
    if find_spec("timm") is not None:
        import timm

        assert set(timm.list_models()) <= set(backbones.library.timm_names())
