"""The text of several modules in one spec."""

import pytest

from attnctl import components


@pytest.mark.parametrize(
    ("names", "placements", "module", "placement"),
    [
        (["ean", "se"], ["block", "block"], "ean+se", "block"),
        (["an", "se"], ["norm2", "block+stage"], "an@norm2+se@block+stage", ""),
        (["se", "ean", "eca"], ["conv2+stage", "block", "stem"], "se@conv2+stage+ean@block+eca@stem", ""),
        (["mine:Gate", "se"], ["layer*.?.bn3", "block"], "mine:Gate@layer*.?.bn3+se@block", ""),
    ],
)
def test_the_text_of_several_modules_is_split_into_what_it_was_joined_from(
    names: list[str], placements: list[str], module: str, placement: str
) -> None:
    assert components.join(names, placements) == (module, placement)
    assert components.split(module, placement) == list(zip(names, placements, strict=True))
