"""What of a file a class uses."""

from __future__ import annotations

import ast

import pytest

from attnctl.sources.digest import digest
from attnctl.sources.reachable import reduced

GATE = '''
"""My modules."""
import math

import torch
from torch import Tensor, nn

RATIO = 16
__all__ = ["Gate"]


def width(channels):
    return max(4, channels // RATIO)


class Base(nn.Module):
    def forward(self, x: Tensor):
        return x * self.scale(x)


class Gate(Base):
    """Unlike Other, it is a gate."""

    def __init__(self, channels, kernel=3):
        super().__init__()
        self.scale = nn.Conv2d(channels, channels, kernel, groups=math.gcd(channels, width(channels)))


if __name__ == "__main__":
    print(Gate(8)(torch.ones(1, 8, 4, 4)))
'''
OTHER = """

SIDES = (1, 2)
TWICE = SIDES * 2


class Other(Base):
    sides = TWICE

    def __init__(self, channels, number: int = 2):
        super().__init__()
        self.scale = partial(F.relu, inplace=number > 2)


def helper():
    return Other(3)
"""


def version(text: str, name: str = "Gate") -> str:
    return digest({"mine.py": reduced(ast.parse(text), name)})


def whole(text: str) -> str:
    return digest({"mine.py": ast.parse(text)})


def with_other(text: str = OTHER) -> str:
    imports = "from functools import partial\nfrom torch import Tensor, nn\nfrom torch.nn import functional as F"
    both = GATE.replace('["Gate"]', '["Gate", "Other"]').replace("from torch import Tensor, nn", imports)
    return both.replace("if __name__", f"{text}\n\nif __name__")


def test_a_file_of_one_class_has_the_version_of_the_whole_file() -> None:
    assert version(GATE) == whole(GATE)


def test_another_class_with_its_constants_and_imports_is_no_new_version() -> None:
    assert version(with_other()) == version(GATE)
    assert version(with_other(OTHER.replace("number > 2", "number > 3"))) == version(GATE)
    assert version(with_other(), "Other") != version(with_other(OTHER.replace("(1, 2)", "(1, 3)")), "Other")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RATIO = 16", "RATIO = 8"),
        ("max(4", "max(2"),
        ("self.scale(x)", "self.scale(x).sigmoid()"),
        ("kernel=3", "kernel=5"),
        ("print(Gate(8)", "print(Gate(9)"),
        ("import torch\n", "import torch\nimport torch.cuda\n"),
        ("import math\n", "import math\ntorch_seed = print(3)\n"),
    ],
)
def test_what_a_class_uses_is_a_new_version(before: str, after: str) -> None:
    assert before in with_other()
    assert version(with_other().replace(before, after)) != version(with_other())


@pytest.mark.parametrize(
    "other",
    [
        "class Other(Base):\n    made = print({number})",
        "@register\nclass Other:\n    number = {number}",
        "class Other(Base, kind={number}):\n    pass",
        "def other(x=print({number})):\n    pass",
        "class Noted:\n    def __init_subclass__(cls):\n        pass\n\n\nclass Other(Noted):\n    number = {number}",
        "def __getattr__(name):\n    return {number}",
        "class Other:\n    number = {number}\n\n\nGate.other = Other",
        "class Other:\n    number = {number}\n\n\ntry:\n    Other()\nexcept ValueError:\n    pass",
        "for k in range({number}):\n    pass",
    ],
)
def test_what_acts_when_the_file_is_imported_is_a_new_version(other: str) -> None:
    first, second = (with_other(other.format(number=number)) for number in (1, 2))
    assert version(first) != version(second)


@pytest.mark.parametrize("use", ['globals()["Other"]', 'eval("Oth" + "er")', '"Other"', "sys.modules[__name__].Other"])
def test_code_that_looks_names_up_by_text_has_the_version_of_the_whole_file(use: str) -> None:
    first, second = (
        with_other(OTHER.replace("> 2", f"> {number}")).replace("super().__init__()", f"super().__init__({use})", 1)
        for number in (2, 3)
    )
    assert version(first) != version(second)


def test_a_class_that_is_not_at_the_top_level_has_the_version_of_the_whole_file() -> None:
    text = "if True:\n    class Gate:\n        pass\n\n\nclass Other:\n    pass\n"
    assert version(text) == whole(text)
