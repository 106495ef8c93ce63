"""`attnctl histogram`, from networks that were really trained."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.drawn import document, ids


def test_histograms_of_responses_and_of_attention(here: Path, attnctl: Run) -> None:
    known = ids(attnctl)
    both = (known["none"], known["ean G=2"])
    done = attnctl("histogram", *both, "--classes", "0,4", "--count", "3", "--layer", "layer1,layer3", "-o", "h.svg")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1 + 2 * 2 * 2
    assert ElementTree.parse(here / "h.svg")
    found = document(attnctl("histogram", known["ean G=2"], "--of", "attention", "--count", "3", "--json"))
    assert len(found["panels"]) == 9
    for panel in found["panels"]:
        widths = np.diff(panel["edges"])
        assert panel["run"] == known["ean G=2"]
        for one in panel["distributions"]:
            assert (np.array(one["densities"]) * widths).sum() == pytest.approx(1)
            assert all(0 < mean < 1 for mean in one["means"] if mean is not None)
