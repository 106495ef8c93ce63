"""How many parameters each module has, and how they begin."""

import pytest
import torch

from attnctl import attention

COUNTS = {
    "se": [
        ({}, 512, 8192),
        ({"r": 32}, 256, 4096),
        ({"bias": True}, 580, 8464),
        ({"r": 8, "bias": True}, 1096, 16672),
        ({"bias": True, "min_channels": 8}, 1096, 8464),
    ],
    "eca": [({}, 3, 5), ({"kernel": 3}, 3, 3)],
    "cbam": [
        ({}, 680, 8564),
        ({"r": 32}, 422, 4460),
        ({"min_channels": 8}, 1196, 8564),
        ({"bias": False, "bn": False}, 610, 8290),
        ({"r": 32, "bias": False, "bn": False}, 354, 4194),
        ({"kernel": 3, "bias": False, "bn": False}, 530, 8210),
    ],
    "bam": [({}, 1173, 17361)],
    "sa": [({"G": 64}, None, 12), ({"G": 32}, 6, 24), ({}, 24, 96)],
    "sge": [({}, 128, 128), ({"G": 8}, 16, 16)],
    "ca": [
        ({}, 1688, 6680),
        ({"r": 24}, 1688, 8222),
        ({"r": 16}, 1688, 12848),
        ({"r": 8}, 1688, 25184),
        ({"min_channels": 1, "bias": False}, 388, 6160),
        ({"r": 24, "min_channels": 1, "bias": False}, 388, 7700),
        ({"r": 16, "min_channels": 1, "bias": False}, 776, 12320),
    ],
    "ca_gn": [({}, 1552, 6160), ({"r": 24}, 1552, 7700), ({"r": 16}, 1552, 12320)],
    "triplet": [({}, 300, 300), ({"kernel": 3}, 60, 60)],
    "pdfam": [({}, 192, 768)],
    "ela": [
        ({"variant": "t"}, 448, 1792),
        ({"kernel": 5, "groups": "c/8", "num_groups": 32}, 2688, 10752),  # table 4's T
        ({"variant": "b"}, 576, 2304),
        ({"variant": "s"}, 2688, 10752),
        ({"variant": "l"}, 3712, 14848),
    ],
    "ean": [({}, 32, 128), ({"G": 64}, 4, 16), ({"shared": False}, 256, 1024)],
    "nam": [({}, 128, 512), ({"gates": "spatial"}, 2 * 35, 2 * 35), ({"gates": "both"}, 128 + 70, 512 + 70)],
    "an": [
        ({"K": 5}, 965, 3845),
        ({}, 1930, 7690),
        ({"K": 12}, 2316, 9228),
        ({"form": "released"}, 1940, 7700),
        ({"form": "released", "K": 20}, 3880, 15400),
        ({"form": "released", "wide": 20}, 1940, 15400),
        ({"form": "released", "norm": "gn"}, 1930, 7690),
        ({"form": "released", "norm": "gn", "K": 20}, 3860, 15380),
    ],
    "gn": [({}, 128, 512)],
    "sn": [({}, 134, 518), ({"norms": "in,ln"}, 132, 516)],
    "srm": [({}, 256, 1024)],
    "fca": [({}, 512, 8192)],
    "gc": [({}, 653, 8753)],
    "simam": [({}, 0, 0)],
}


@pytest.mark.parametrize(
    ("name", "hyperparameters", "at_64", "at_256"), [(name, *row) for name, rows in COUNTS.items() for row in rows]
)
def test_the_parameters_are_the_published_ones(name, hyperparameters, at_64, at_256):
    """At 64 and 256 channels; None where the setting does not fit."""
    for channels, expected in ((64, at_64), (256, at_256)):
        if expected is not None:
            module = attention.create(name, channels, (5, 7), **hyperparameters)
            assert sum(parameter.numel() for parameter in module.parameters()) == expected


def test_every_module_has_its_counts():
    assert sorted(COUNTS) == list(attention.names())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ean", 0.5), ("srm", 0.5), ("gc", 1.0), ("sge", 0.7310585786), ("sa", 0.7310585786)],
)
def test_what_a_module_makes_of_its_input_at_the_start(name, expected):
    """SGE's and SA's gates begin with weights of zero and biases of one: sigmoid(1)."""
    x = torch.randn(2, 64, 5, 7)
    y = attention.create(name, 64).eval()(x)
    if name == "sa":
        x = x.view(2, 2, 32, 5, 7).transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(y, expected * x)


def test_norms_begin_as_the_plain_norm():
    x = torch.randn(4, 64, 5, 7)
    groups = torch.nn.GroupNorm(32, 64)(x)
    torch.testing.assert_close(attention.create("gn", 64)(x), groups)
    assert attention.create("an", 64).scale.mean().item() == pytest.approx(1, abs=0.03)
    assert attention.create("an", 64).offset.std().item() == pytest.approx(0.1, abs=0.03)
