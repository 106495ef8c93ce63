"""Sums of what a network does, and their JSON."""

from __future__ import annotations

import json

import pytest

from attnctl.networks.complexity.work import Counts, Kind, Role, Work

COUNTS = Counts(
    parameters=10,
    macs=20,
    activation_bytes=None,
    works={Kind("conv"): Work(macs=20, outputs=5), Kind("relu", attention=True, layer=False): Work(inputs=5)},
    roles={Role("conv", "weight"): 8, Role("conv", "bias", calls=2): 2},
)


def test_works_add_up_field_by_field() -> None:
    assert Work(macs=1, inputs=2, affine=3) + Work(macs=10, windows=5) == Work(macs=11, inputs=2, affine=3, windows=5)


def test_counts_are_restored_from_their_json() -> None:
    assert Counts.read(json.loads(json.dumps(COUNTS.document()))) == COUNTS


def test_the_json_does_not_depend_on_the_order_of_results() -> None:
    turned = Counts(
        parameters=10,
        macs=20,
        activation_bytes=None,
        works=dict(reversed(COUNTS.works.items())),
        roles=dict(reversed(COUNTS.roles.items())),
    )
    assert json.dumps(turned.document()) == json.dumps(COUNTS.document())


@pytest.mark.parametrize("document", [{}, {"works": 1, "roles": []}])
def test_an_invalid_document_raises_the_documented_error(document: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Counts.read(document)
