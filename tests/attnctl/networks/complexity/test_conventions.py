"""The ways of counting, against what the tools themselves said of the same networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from attnctl.networks.complexity.conventions import CONVENTIONS, Written, convention
from attnctl.networks.complexity.count import count
from attnctl.values import SpecError

# (network, pixels, what each release of thop gave: parameters, and operations by 0.0.22, 0.0.31.post2001170342,
# 0.0.31.post2005241907 and 0.1.1.post2209072238; 0.0.22 adds up in float32, so its sums are off by some tens)
THOP = [
    (models.resnet18, 224, 11_689_512, 1_826_702_336, 1_819_578_368, 1_819_066_368, 1_824_033_792),
    (models.resnet50, 64, 25_557_032, 341_943_328, 339_564_544, 337_516_544, 339_331_072),
    (models.mobilenet_v2, 224, 3_504_872, 334_871_520, 315_410_496, 314_130_496, 327_486_720),
    (models.densenet121, 64, 7_978_856, 239_806_496, 235_896_832, 234_872_832, 237_430_784),
    (models.shufflenet_v2_x1_0, 64, 2_278_604, 14_569_336, 14_112_032, 13_088_032, 13_406_432),
    (models.mnasnet0_5, 96, 2_218_512, 24_255_768, 22_636_768, 21_356_768, 22_482_848),
    (models.efficientnet_b0, 64, 5_288_548, 37_556_504, 35_839_612, 34_559_612, 35_650_304),
    (models.squeezenet1_1, 64, 1_235_496, 31_369_592, 21_776_248, 21_776_248, 21_594_576),
    (models.vgg11, 224, 132_863_336, 8_574_977_024, 7_740_199_936, 7_616_566_272, 7_609_140_224),
]
RELEASES = ("thop-0.0.22", "thop-0.0.31-january", "thop-0.0.31", "thop-0.1")


@pytest.mark.parametrize("row", THOP, ids=[row[0].__name__ for row in THOP])
def test_every_release_of_thop_yields_these_counts(row: tuple[Callable[..., nn.Module], int, int, int]) -> None:
    build, size, parameters, *operations = row
    with torch.device("meta"):
        found = count(build(), (3, size, size), memory=False)
    for name, expected in zip(RELEASES, operations, strict=True):
        seen, total = CONVENTIONS[name].count(found, Written())
        assert seen == parameters
        assert total == pytest.approx(expected, abs=64 if name == "thop-0.0.22" else 0), name


class Layers(nn.Module):
    """A layer of each kind that some tool does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)
        self.norm = nn.GroupNorm(2, 8)
        self.free = nn.Parameter(torch.ones(8, 1, 1))
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x)) * self.free
        scores: Tensor = self.fc(x.mean((2, 3))) + self.fc(x.amax((2, 3)))
        return scores


@pytest.mark.parametrize(
    ("name", "parameters", "operations"),
    [
        ("conv+fc", 32 + 16 + 8 + 45, 16 * 24 + 2 * 40),
        ("thop-0.0.31", 32 + 45, 16 * 24 + 16 * 8 + 2 * 40),  # the norm and the free parameter are not seen
        ("thop-0.1", 32 + 45, 16 * 24 + 2 * 40),
        ("thop-0.0.31-january", 32 + 16 + 45, 16 * 24 + 16 * 8 + 2 * 80),
        ("thop-0.0.22", 32 + 16 + 45, 2 * 16 * 24 + 75),  # the second call overwrites the first
        ("torchsummary", 32 + 16 + 2 * 45, 0),  # every call adds
    ],
)
def test_operations_that_a_tool_does_not_see_are_not_counted(name: str, parameters: int, operations: int) -> None:
    assert convention(name).count(count(Layers(), (3, 4, 4)), Written()) == (parameters, operations)


def test_how_the_counted_code_was_written_is_part_of_its_figure() -> None:
    from attnctl.attention.se import SE

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.se = SE(64, r=16, bias=True)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.se(x).mean((2, 3))
            return scores

    found = count(Network(), (64, 7, 7))
    way, layers = CONVENTIONS["thop-0.0.31"], 2 * 64 * 4
    pool = (49 + 1) * 64
    assert way.count(found, Written())[1] == layers
    assert way.count(found, Written(pools=True))[1] == layers + pool
    assert way.count(found, Written(fc="conv"))[1] == layers + 4 + 64
    assert way.count(found, Written(head=True))[1] == layers + pool


def test_an_unknown_way_of_counting_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"unknown counting convention 'thop-0\.2'; did you mean 'thop-0\.1'"):
        convention("thop-0.2")
