"""The options of users' functions and classes, read from their source."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.recipe_parts import NUMBERS, Option
from attnctl.sources.callables import Declared, Form, read_callable
from attnctl.values import SpecError

PATH = Path("mine.py")
BOTH = Form((), ("logits", "targets"), ("label_smoothing",))
SOURCE = b"""
SIZE = 4

class Base:
    def __init__(self, gamma: float = 2.0, *, kind: str = "a", size=SIZE, betas=(0.9, 1), label_smoothing=0.0, **rest):
        pass

class Child(Base):
    pass

class Plain:
    pass

def loss(logits, targets, power: int | None = None):
    pass

def short(logits):
    pass

def needs(logits, targets, gamma):
    pass

def listed(logits, targets, gamma=[]):
    pass
"""


def test_the_parameters_after_what_training_passes_are_options() -> None:
    options = (
        Option("gamma", float, 2.0),
        Option("kind", str, "a"),
        Option("size", int, 4),
        Option("betas", NUMBERS, "0.9+1"),
    )
    assert read_callable(SOURCE, PATH, "Base", BOTH) == Declared("Base", True, ("label_smoothing",), options)
    assert read_callable(SOURCE, PATH, "Child", BOTH).options == options
    assert read_callable(SOURCE, PATH, "Plain", BOTH) == Declared("Plain", True, (), ())
    (power,) = read_callable(SOURCE, PATH, "loss", BOTH).options
    assert (power.name, power.default) == ("power", None)
    assert power.convert("3", "loss.power") == 3


@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        ("Bace", BOTH, "mine.py has no class or function 'Bace'; did you mean 'Base'?"),
        ("loss", Form((), None), "mine.py has no class 'loss'"),
        ("Base", Form(None, ("step", "steps")), "mine.py has no function 'Base'"),
        ("short", BOTH, "mine.py:17: short must take logits, targets first"),
        ("needs", BOTH, "mine.py:20: needs's option gamma needs a default value"),
        ("listed", BOTH, "mine.py:23: listed's option gamma: its default is []; it must be a plain value"),
        ("", BOTH, "mine.py has Base, Child, Plain, loss, short, needs, listed; name one, such as mine.py:Base"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(name: str, form: Form, message: str) -> None:
    with pytest.raises(SpecError) as error:
        read_callable(SOURCE, PATH, name, form)
    assert str(error.value).startswith(message)


def test_the_only_class_or_function_needs_no_name() -> None:
    assert read_callable(b"import math\n\ndef f(step, steps): ...", PATH, "", Form(None, ("step", "steps"))).name == "f"


def test_an_integer_beyond_the_largest_float_is_no_default() -> None:
    source = f"def loss(logits, targets, betas=({'9' * 400}, 1)):\n    pass\n".encode()
    with pytest.raises(SpecError, match=r"mine\.py:1: "):
        read_callable(source, PATH, "loss", BOTH)
