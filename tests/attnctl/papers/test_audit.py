"""The published figures against our networks: what matched when the papers were studied matches, and for its reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import attnctl
from attnctl.papers import counts
from attnctl.papers.audit import AuditedCount, audit, tables


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for counts that are known."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def figures(cache: Path) -> list[AuditedCount]:
    """Every figure, from networks that are built and counted here and now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        return list(audit(tables()))


def test_every_figure_has_its_verdict(figures: list[AuditedCount]) -> None:
    assert Counter((figure.paper, figure.verdict) for figure in figures) == {
        ("ELA", "match"): 141,
        ("ELA", "explained"): 8,
        ("ELA", "not reproduced"): 1,
        ("NAM", "match"): 42,
        ("NAM", "explained"): 2,
        ("EAN", "match"): 143,
        ("EAN", "explained"): 8,
        ("EAN", "not reproduced"): 15,
        ("AN", "match"): 18,
        ("AN", "explained"): 1,
        ("AN", "not reproduced"): 1,
        ("EMA", "match"): 15,
        ("EMA", "explained"): 7,
        ("EMA", "not reproduced"): 5,
    }


def test_a_count_that_differs_is_explained(figures: list[AuditedCount]) -> None:
    for figure in figures:
        assert figure.note or figure.verdict == "match", figure


def test_the_file_of_counts_equals_the_networks_counts(
    figures: list[AuditedCount], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert figures  # from here on every network is known
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name, setup, column in counts.counted_networks():
        assert counts.of(setup, column) == counts.measure(setup, column), f"{name}: run python -m attnctl.papers.counts"


@pytest.mark.parametrize(
    ("paper", "table", "row", "column", "exact"),
    [
        ("ELA", "2", "ResNet18+CA(r=32)", "flops", 1_825_393_920),
        ("ELA", "4", "ResNet50+ELA-k7-g8-ng16(L)", "params", 25_775_656),
        ("ELA", "5", "MobileNetV2+CBAM", "flops", 331_020_384),
        ("NAM", "1", "ResNet50+BAM", "params", 24_063_319),
        ("EAN", "1", "MobileNeXt+CA", "flops", 8_951_840),
        ("EAN", "1", "DenseNet-121+SE", "flops", 898_876_904),
        ("EAN", "2", "WRN-28(w=10)+CA", "flops", 5_973_552_640),
        ("EAN", "3", "PdfAM-R50", "params", 25_557_032),
        ("EAN", "4", "CA-MobileNeXt", "params", 4_327_280),
        ("EAN", "1", "MobileNeXt+EAN", "flops", 6_915_488),
        ("EAN", "3", "EAN-MX", "flops", 343_660_352),
        ("EAN", "5", "EAN-MobileNeXt", "params", 4_541_502),
        ("EAN", "5", "SE-ResNet50", "params", 44_235_028),
        ("ELA", "3", "YOLOX-nano+CA_gn(r=16)", "flops", 1_286_661_120),
        ("ELA", "6", "YOLOF+ELA-L", "params", 44_342_377),
        ("ELA", "7", "YOLOX-Nano+CBAM", "params", 932_377),
        ("ELA", "8", "DeepLabV3+ELA-S", "params", 39_789_909),
        ("AN", "1", "ResNet-50-SN (8,32)", "params", 25_557_350),
        ("AN", "1", "DenseNet-161-AN", "params", 30_275_842),
        ("EMA", "1", "ResNet50+GAM", "params", 149_482_660),
        ("EMA", "1", "ResNet101+EMA", "params", 43_072_004),
        ("EMA", "2", "MobileNetV2+SE", "params", 3_888_208),
        ("EMA", "2", "MobileNetV2+CBAM", "params", 3_889_808),
        ("EMA", "2", "MobileNetV2+EMA", "params", 3_549_272),
    ],
)
def test_whole_counts_are_those_of_the_study(
    figures: list[AuditedCount], paper: str, table: str, row: str, column: str, exact: int
) -> None:
    key = (paper, table, row, column)
    (figure,) = [item for item in figures if (item.paper, item.table, item.row, item.column) == key]
    assert figure.exact == exact


def test_one_convolution_more_and_the_rows_of_a_module_do_not_match(
    figures: list[AuditedCount], cache: Path, tmp_path: Path
) -> None:
    shutil.copytree(Path(attnctl.__file__).parent, tmp_path / "attnctl", ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "attnctl" / "attention" / "se.py"
    more = "        self.more = nn.Conv2d(channels, channels, 3, padding=1)\n"
    text = source.read_text(encoding="utf-8").replace("super().__init__()\n", f"super().__init__()\n{more}")
    source.write_text(text.replace("return x * gate", "return self.more(x) * gate"), encoding="utf-8")
    assert all(figure.match for figure in figures if (figure.paper, figure.table) == ("NAM", "1"))
    # the counts that are known are those of the module as it was: they must not be taken for these
    command = [sys.executable, "-m", "attnctl", "audit", "--paper", "nam", "--table", "1", "--json"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)["rows"]
    assert {(row["row"], row["column"]) for row in rows if not row["match"]} == {
        ("ResNet50+SE", "params"),
        ("ResNet50+SE", "flops"),
    }
