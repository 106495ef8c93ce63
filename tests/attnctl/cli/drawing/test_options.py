"""What is not possible to draw: one line, and no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.drawn import ids


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plot", "--x", "g"], "did you mean 'G'?"),
        (["plot", "--x", "lr"], "in all of these runs"),
        (["plot", "--x", "shared"], "so it cannot be an axis"),
        (["plot", "--y", "top2"], "unknown metric 'top2'; did you mean 'top"),
        (["plot", "--x", "G", "--reach", "5"], "--reach needs --x epoch"),
        (["plot", "--seed", "7"], "no run has seed 7; seeds: 0"),
        (["plot", "-o", "x.jpg"], "use one of .pdf, .svg, .png"),
        (["plot", "-o", "no/such/x.pdf"], "there is no folder no/such"),
        (["plot", "nowhere"], "no sweep is called 'nowhere'"),
        (["figure", "9", "--paper", "ean"], "EAN has no figure '9'"),
        (["figure", "ean:3", "--images", "x.png"], "--images is for activation maps"),
        (["cam", "{plain}", "--layer", "layer9"], "has no layer 'layer9'; did you mean"),
        (["cam", "{plain}", "--target", "ten"], "--target is 'ten'"),
        (["cam", "{plain}", "--target", "10"], "digits has no class 10"),
        (["cam", "{plain}", "--images", "nowhere.png"], "there is no image nowhere.png"),
        (["histogram", "{plain}", "--classes", "0,0"], "--classes has a class twice"),
        (["histogram", "{plain}", "--classes", "11"], "digits has no class 11"),
        (["histogram", "{plain}", "--of", "attention"], "has no attention"),
    ],
)
def test_an_invalid_drawing_is_a_one_line_error_and_writes_nothing(
    words: list[str], message: str, here: Path, attnctl: Run
) -> None:
    before = sorted(here.iterdir())
    done = attnctl(*(word.replace("{plain}", ids(attnctl)["none"]) for word in words))
    assert (done.code, done.out) == (2, ""), done.err
    assert message in done.err
    assert done.err.count("\n") == 1
    assert sorted(here.iterdir()) == before
