"""Inert classes in place of those that a pickle names."""

from __future__ import annotations

from collections import OrderedDict

from attnctl.networks.weights.stand_ins import StandIn, stand_ins


def test_a_stand_in_is_made_from_anything_and_keeps_nothing() -> None:
    ((made, name),) = stand_ins(["argparse.Namespace"], items=False)
    assert (name, made.stands_for) == ("argparse.Namespace", "argparse.Namespace")
    thing = made(1, lr=0.1)
    thing.__setstate__({"lr": 0.1})
    assert (isinstance(thing, StandIn), vars(thing)) == (True, {})
    assert isinstance(made.__new__(made, 1, 2), StandIn)
    assert len({thing: 1, made(): 2}) == 2, "an object may be a key"


def test_of_classes_that_may_be_dicts_the_items_are_kept() -> None:
    made = {name: kind for kind, name in stand_ins(["easydict.EasyDict", "numpy.dtype"], items=True)}
    assert type(made["easydict.EasyDict"](a=1)) is OrderedDict
    assert isinstance(made["numpy.dtype"]("f8"), StandIn), "numpy's objects have a state that no dict takes"
