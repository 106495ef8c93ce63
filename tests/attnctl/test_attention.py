"""What holds for every attention module: on any map, type, layout and in every way torch runs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch

from attnctl import attention
from attnctl.values import SpecError
from tests.attnctl.attention.attention_cases import CASES, SMALL, label, randomised

cases = pytest.mark.parametrize(("name", "hyperparameters"), CASES, ids=label)
NEEDS = {
    "ean": (8, "G"),
    "ema": (32, "G"),
    "fca": (16, "frequencies"),
    "gn": (32, "num_groups"),
    "sa": (16, "G"),
    "sge": (64, "G"),
}
"""What must divide the channels for the defaults to fit, and the hyperparameter that a refusal names."""


def test_every_module_is_tested() -> None:
    assert sorted(SMALL) == list(attention.names())


@pytest.mark.parametrize("name", attention.names())
def test_every_module_has_its_counts(name: str) -> None:
    assert import_module(f"tests.attnctl.attention.test_{name}").PARAMETERS


@pytest.mark.parametrize("name", attention.names())
@pytest.mark.parametrize("channels", [16, 24, 64, 116, 144, 960])
def test_the_defaults_keep_the_shape_or_are_refused_by_name(name: str, channels: int) -> None:
    divisor, hyperparameter = NEEDS.get(name, (1, ""))
    if channels % divisor:
        with pytest.raises(SpecError, match=rf"^{name} {hyperparameter}=.* does not work at {channels} channels: "):
            attention.create(name, channels, (7, 5))
        return
    module = attention.create(name, channels, (7, 5))
    for training in (True, False):
        x = torch.randn(2, channels, 7, 5)
        y = module.train(training)(x)
        assert y.shape == x.shape
        assert y.isfinite().all()


@cases
@pytest.mark.parametrize("shape", [(1, 16, 1, 1), (3, 16, 1, 1), (1, 16, 4, 5)], ids=str)
@pytest.mark.parametrize("fill", ["random", "zero"])
def test_outputs_for_small_and_constant_maps_and_single_images_are_finite(
    name: str, hyperparameters: dict[str, Any], shape: tuple[int, int, int, int], fill: str
) -> None:
    module = attention.create(name, 16, shape[2:], **hyperparameters)
    for training in (True, False):
        x = (torch.randn(shape) if fill == "random" else torch.zeros(shape)).requires_grad_()
        y = module.train(training)(x)
        (y * torch.randn(shape)).sum().backward()
        assert y.shape == x.shape
        for tensor in (y, x.grad, *(p.grad for p in module.parameters() if p.grad is not None), *module.buffers()):
            assert tensor.isfinite().all()


@cases
def test_gradients_are_the_derivatives(name: str, hyperparameters: dict[str, Any]) -> None:
    module = randomised(name, 16, (3, 4), **hyperparameters)
    names = [key for key, _ in module.named_parameters()]
    if name == "nam" and hyperparameters.get("share") != "printed":
        names = [key for key in names if not key.endswith("weight")]  # their share is a constant, tested elsewhere
    wanted = [module.get_parameter(key).detach().clone().requires_grad_() for key in names]

    def function(x: torch.Tensor, *parameters: torch.Tensor) -> Any:
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (x,))

    x = torch.randn(2, 16, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x, *wanted), fast_mode=True)


@cases
def test_a_module_is_restored_from_its_state(name: str, hyperparameters: dict[str, Any]) -> None:
    first = randomised(name, 16, (4, 4), **hyperparameters)
    second = attention.create(name, 16, (4, 4), **hyperparameters).double()
    second.load_state_dict(first.state_dict())
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64)
    assert torch.equal(first.eval()(x), second.eval()(x))


@cases
def test_bf16_autocast_keeps_the_maps_type_and_nearly_its_values(name: str, hyperparameters: dict[str, Any]) -> None:
    module = randomised(name, 16, (5, 6), **hyperparameters).float()
    x = torch.randn(4, 16, 5, 6).bfloat16()
    exact = module(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        y = module(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), exact, rtol=0.1, atol=0.15)


@cases
def test_channels_last_gives_equal_results_in_the_same_layout(name: str, hyperparameters: dict[str, Any]) -> None:
    module = randomised(name, 16, (5, 6), **hyperparameters).eval()
    x = torch.randn(2, 16, 5, 6, dtype=torch.float64)
    plain = module(x)
    x = x.to(memory_format=torch.channels_last)
    y = module.to(memory_format=torch.channels_last)(x)
    torch.testing.assert_close(y, plain)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert plain.is_contiguous()


@cases
def test_a_module_compiles_as_one_graph(name: str, hyperparameters: dict[str, Any]) -> None:
    module = randomised(name, 16, (5, 6), **hyperparameters)
    x = torch.randn(2, 16, 5, 6, dtype=torch.float64, requires_grad=True)
    torch._dynamo.reset()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    found = module(x)
    (slope,) = torch.autograd.grad(found.sin().sum(), x)
    module.load_state_dict(state)
    compiled: Any = torch.compile(module, fullgraph=True, backend="aot_eager")
    y = compiled(x)
    torch.testing.assert_close(y, found)
    torch.testing.assert_close(torch.autograd.grad(y.sin().sum(), x)[0], slope)


@cases
def test_a_module_exports(name: str, hyperparameters: dict[str, Any]) -> None:
    module = randomised(name, 16, (5, 6), **hyperparameters).eval()
    x = torch.randn(2, 16, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(torch.export.export(module, (x,)).module()(x), module(x))


@pytest.mark.parametrize(("name", "hyperparameters"), [("sn", {}), ("an", {"norm": "sn"}), ("an", {}), ("nam", {})])
def test_running_statistics_are_updated_unless_frozen(name: str, hyperparameters: dict[str, Any]) -> None:
    """The training loop turns `track_running_stats` off for all forwards of a step but one."""
    module = randomised(name, 16, **hyperparameters).train()
    norms = [part for part in module.modules() if getattr(part, "track_running_stats", False)]
    x = torch.randn(3, 16, 4, 4, dtype=torch.float64)
    before = {key: value.clone() for key, value in module.named_buffers()}
    for norm in norms:
        norm.track_running_stats = False
    resting = module(x)
    assert all(torch.equal(value, before[key]) for key, value in module.named_buffers())
    for norm in norms:
        norm.track_running_stats = True
    torch.testing.assert_close(module(x), resting)
    assert not any(torch.equal(value, before[key]) for key, value in module.named_buffers())


def test_elas_num_groups_become_a_divisor_of_the_channels() -> None:
    assert attention.create("ela", 24, num_groups=16).num_groups == 8
    assert attention.create("ela", 144, num_groups=32).num_groups == 16


@pytest.mark.parametrize("gates", ["spatial", "both"])
def test_nams_spatial_gate_requires_the_map_size(gates: str) -> None:
    with pytest.raises(SpecError, match=rf"nam gates={gates} at 16 channels needs map_size"):
        attention.create("nam", 16, gates=gates)
    module = attention.create("nam", 16, (4, 6), gates=gates)
    with pytest.raises(ValueError, match=r"made for maps of \(4, 6\), not \(6, 4\)"):
        module(torch.randn(2, 16, 6, 4))


def test_modules_that_replace_norms_are_marked() -> None:
    assert [name for name in attention.names() if attention.describe(name).replaces] == ["an", "gn", "in", "sn"]
    assert [name for name in attention.names() if attention.describe(name).needs_map] == ["fca", "ge", "nam"]


@pytest.mark.parametrize(
    ("name", "channels", "hyperparameters", "words"),
    [
        ("ela", 64, {"kernel": 4}, "ela kernel=4 does not work: kernel must be odd"),
        ("ela", 116, {"groups": "c/8"}, "groups=c/8 does not work at 116 channels"),
        ("ela", 64, {"groups": 5}, "groups=5 does not work at 64 channels: groups must divide the channels"),
        ("ela", 64, {"groups": 0}, "groups must be at least 1"),
        ("se", 16, {"r": 17}, "se r=17 min_channels=0 does not work at 16 channels: r must not exceed the channels"),
        ("se", 16, {"r": 0}, "r must be at least 1"),
        ("eca", 16, {"kernel": 2}, "eca kernel=2 does not work: kernel must be odd"),
        (
            "cbam",
            16,
            {"r": 32},
            "cbam r=32 min_channels=0 does not work at 16 channels: r must not exceed the channels",
        ),
        ("cbam", 16, {"kernel": 0}, "kernel must be odd"),
        ("bam", 16, {"r": 32}, "bam r=32 does not work at 16 channels: r must not exceed the channels"),
        ("bam", 16, {"dilation": 0}, "dilation must be from 1 to 64"),
        ("sa", 64, {"G": 64}, "sa G=64 does not work at 64 channels: 2 * G must divide the channels"),
        ("sge", 64, {"G": 0}, "G must be at least 1"),
        ("ca", 64, {"min_channels": 0}, "min_channels must be at least 1"),
        ("ca_gn", 64, {"num_groups": 3}, "ca_gn r=32 min_channels=8 num_groups=3 does not work at 64 channels"),
        ("triplet", 64, {"kernel": 64}, "kernel must be odd"),
        ("ean", 116, {"G": 64}, "ean G=64 does not work at 116 channels: G must divide the channels"),
        ("nam", 64, {"penalty": -1.0}, "penalty must not be negative"),
        ("an", 144, {"norm": "gn"}, "an norm=gn gn_groups=32 does not work at 144 channels: gn_groups must"),
        ("an", 16, {"gn_groups": 0, "norm": "gn"}, "an gn_groups=0 does not work: gn_groups must be at least 1"),
        ("an", 16, {"gn_groups": 8}, "an norm=bn gn_groups=8 does not work: gn_groups is a choice of norm=gn"),
        ("ean", 16, {"weights": "none", "form": "released"}, "does not work: form is a choice of weights=l2"),
        ("an", 64, {"K": 0}, "K must be from 1"),
        ("an", 64, {"mixture": "se", "form": "released"}, "mixture is a choice of form=paper"),
        ("gn", 48, {"num_groups": 32}, "gn num_groups=32 does not work at 48 channels"),
        ("fca", 24, {"frequencies": 16}, "fca frequencies=16 does not work at 24 channels"),
        ("gc", 8, {"r": 16}, "gc r=16 does not work at 8 channels"),
        ("simam", 8, {"e_lambda": 0.0}, "e_lambda must be above 0"),
        ("ema", 48, {"G": 32}, "ema G=32 does not work at 48 channels: G must divide the channels"),
        ("gam", 16, {"r": 32}, "gam r=32 does not work at 16 channels: r must not exceed the channels"),
        ("gam", 24, {"r": 4, "groups": 4}, "groups must divide the hidden width, C / r"),
        ("mlca", 16, {"size": 0}, "size must be from 1 to 64"),
        ("mlca", 16, {"weight": 1.5}, "weight must be from 0 to 1"),
        ("scsa", 16, {"window": 0}, "window must be from 1 to 64"),
        ("scsa", 16, {"heads": 3}, "scsa heads=3 does not work at 16 channels: heads must divide the channels"),
        ("cpca", 8, {"r": 16}, "cpca r=16 does not work at 8 channels"),
        ("caa", 8, {"kernel": 4}, "kernel must be odd, from 1 to 63"),
        ("shsa", 8, {"D": 0}, "D must be from 1 to 4096"),
        ("ge", 8, {"excite": "mlp"}, "ge excite=mlp r=16 does not work at 8 channels: r must not exceed the channels"),
        ("scoord", 8, {"r": 0}, "r must be at least 1"),
        ("strip", 8, {"kernel": 2}, "kernel must be odd, from 1 to 63"),
        ("nl", 8, {"r": 16}, "nl r=16 does not work at 8 channels"),
    ],
)
def test_an_invalid_value_is_reported_with_hyperparameter_and_channels(
    name: str, channels: int, hyperparameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(SpecError) as raised:
        attention.create(name, channels, **hyperparameters)
    assert words in str(raised.value)
    source = attention.describe(name)
    module = __import__(source.import_name, fromlist=[source.class_name])
    with pytest.raises(ValueError, match=next(iter(hyperparameters))):
        getattr(module, source.class_name)(channels, **hyperparameters)
