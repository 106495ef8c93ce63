"""Figures as files: PDF, SVG and PNG that open, the same bytes each time, nothing cut off and no name lost."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from attnctl.reports.figures import save
from attnctl.reports.figures.data import COLUMN, PAGE, PrintStyle
from attnctl.values import SpecError
from tests.reports.figures.figure_runs import DRAWINGS, NAME, sweep_chart

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("ending", "magic"), [(".pdf", b"%PDF"), (".svg", b"<?xml"), (".png", b"\x89PNG")])
def test_a_figure_is_byte_identical_with_any_matplotlibrc(ending: str, magic: bytes) -> None:
    before = save.rendered(sweep_chart(), ending)
    assert before.startswith(magic)
    own: dict[Any, Any] = {
        "font.size": 20,
        "axes.facecolor": "red",
        "text.usetex": True,
        "svg.hashsalt": "x",
        "pdf.fonttype": 3,
    }
    with matplotlib.rc_context(own):
        assert save.rendered(sweep_chart(), ending) == before


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("inches", [COLUMN, PAGE, 4.5])
def test_a_figure_has_the_papers_width_and_nothing_is_clipped(name: str, inches: float) -> None:
    image = Image.open(io.BytesIO(save.rendered(DRAWINGS[name](), ".png", PrintStyle(inches=inches))))
    assert image.width <= 300 * inches + 1
    assert name == "images" or image.width >= 300 * inches - 1
    pixels = np.array(image.convert("L"))
    border = np.concatenate([pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()])
    assert border.min() == 255, "something touches the edge"
    assert pixels.min() < 100


def test_an_svg_is_undated_xml_and_a_pdf_embeds_complete_fonts_and_names(tmp_path: Path) -> None:
    root = ElementTree.fromstring(save.rendered(sweep_chart(), ".svg"))
    assert root.tag == f"{SVG}svg"
    assert not [element for element in root.iter() if element.tag.endswith("}date")]
    file = tmp_path / "figure.pdf"
    save.save(sweep_chart(), file)
    if shutil.which("pdftotext") is None:
        assert "CI" not in os.environ, "CI has poppler-utils"
        pytest.skip("pdftotext and pdffonts are not here")
    text = subprocess.run(["pdftotext", file, "-"], capture_output=True, text=True, check=True).stdout
    assert NAME in " ".join(text.split())
    fonts = subprocess.run(["pdffonts", file], capture_output=True, text=True, check=True).stdout
    assert "Type 3" not in fonts
    assert "TrueType" in fonts


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"unknown suffix '.jpg'; use one of .pdf, .svg, .png"):
        save.save(sweep_chart(), tmp_path / "figure.jpg")
    assert list(tmp_path.iterdir()) == []


def test_a_figure_needs_no_display(tmp_path: Path) -> None:
    code = (
        "from tests.reports.figures.figure_runs import sweep_chart; from pathlib import Path;"
        "from attnctl.reports.figures import save;"
        f"save.save(sweep_chart(), Path({str(tmp_path / 'f.png')!r}))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[3]), "MPLBACKEND": "TkAgg"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert (tmp_path / "f.png").stat().st_size > 1000


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_values_are_json(name: str) -> None:
    document = save.to_json(DRAWINGS[name]())
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_texts_of_an_svg_stay_texts_in_the_font_that_was_asked_for(name: str) -> None:
    root = ElementTree.fromstring(save.rendered(DRAWINGS[name](), ".svg", PrintStyle(inches=PAGE, font="times")))
    texts = list(root.iter(f"{SVG}text"))
    styles = [element.attrib["style"] for element in texts]
    assert texts
    assert all("STIXGeneral" in one and "8px" in one for one in styles), "a pixel of the drawing is a point in print"
    assert {"sweep": NAME, "images": "7 (0.98)", "histograms": "response"}.get(name) in {
        None,
        *("".join(element.itertext()) for element in texts),
    }


@pytest.mark.parametrize("font", ["sans", "times"])
def test_a_pdf_embeds_the_font_that_was_asked_for(font: str) -> None:
    name = {"sans": b"DejaVuSans", "times": b"STIXGeneral"}[font]
    assert name in save.rendered(sweep_chart(), ".pdf", PrintStyle(font=font))
