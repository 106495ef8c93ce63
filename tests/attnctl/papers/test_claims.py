"""The claims of a paper's file: which rows they compare, and errors with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import papers
from attnctl.papers.check import check
from attnctl.papers.read import read
from attnctl.values import SpecError
from tests.attnctl.papers.a_paper import PAPER

CLAIM = """
[[claims]]
claim = "SE is better"
section = "4.1"
table = "1"
rows = ["*+SE"]
"""


def test_a_claim_compares_its_rows_with_the_others_of_their_group() -> None:
    (claim,) = read(PAPER + CLAIM, "my.toml").claims
    assert (claim.text, claim.section, claim.table) == ("SE is better", "4.1", "1")
    assert claim.pairs == (("ResNet-20+SE", "ResNet-20"),)  # not with ResNet-56, of another group
    assert claim.columns == {"top1": "higher"}  # all trained columns
    assert not claim.most


def test_a_claim_can_name_pairs_and_counted_columns() -> None:
    source = CLAIM.replace('rows = ["*+SE"]', 'pairs = [["ResNet-20", "ResNet-56"]]')
    (claim,) = read(PAPER + source + 'columns = ["params"]\nbetter = "lower"\nmost = true\n', "my.toml").claims
    assert claim.pairs == (("ResNet-20", "ResNet-56"),)
    assert claim.columns == {"params": "lower"}
    assert claim.most


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('table = "1"', 'table = "9"', 5, "claim 1: there is no table '9'"),
        ('section = "4.1"\n', "", 2, "claim 1: lacks section"),
        ('["*+SE"]', '["*+SEE"]', 6, "claim 1: table 1 has no row '*+SEE'"),
        ('rows = ["*+SE"]', "", 2, "claim 1: needs either rows, the better ones, or pairs of rows"),
        ('["*+SE"]', '["*+SE"]\npairs = [["a", "b"]]', 2, "claim 1: needs either rows"),
        ('rows = ["*+SE"]', 'pairs = [["ResNet-20"]]', 6, "claim 1: a pair is two rows: the better one first"),
        ('rows = ["*+SE"]', 'pairs = [["ResNet-20", "R"]]', 6, "claim 1: table 1 has no row 'R'"),
        ('rows = ["*+SE"]', 'than = ["*"]\npairs = [["ResNet-20", "ResNet-56"]]', 6, "claim 1: than belongs to rows"),
        ('["*+SE"]', '["ResNet-56"]', 2, "claim 1: no row of the group of 'ResNet-56' is left to compare it with"),
        ('["*+SE"]', '["*+SE"]\ncolumns = ["year"]', 7, "claim 1: table 1 has no trained or counted column 'year'"),
        ('["*+SE"]', '["*+SE"]\ncolumns = ["params"]', 2, "claim 1: column 'params' needs better = "),
        ('["*+SE"]', '["*+SE"]\nbetter = "more"', 7, "claim 1: better is 'more'"),
        ('["*+SE"]', '["*+SE"]\nrow = "x"', 7, "claim 1: unknown key 'row'; did you mean 'rows'?"),
    ],
)
def test_an_invalid_claim_is_refused_with_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in CLAIM
    offset = PAPER.count("\n")
    with pytest.raises(SpecError) as caught:
        read(PAPER + CLAIM.replace(old, new), "my.toml")
    assert str(caught.value).startswith(f"my.toml:{offset + line}: {message}")


def test_paper_check_refuses_an_invalid_claim(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(PAPER + CLAIM.replace("*+SE", "*+SEE"))
    with pytest.raises(SpecError, match=r"claim 1: table 1 has no row '\*\+SEE'"):
        check(str(file))


@pytest.mark.parametrize("name", papers.names())
def test_the_claims_of_each_paper_name_their_section_and_compare_printed_rows(name: str) -> None:
    paper = papers.load(name)
    assert paper.claims
    for claim in paper.claims:
        assert claim.section
        printed = {row.name: row.published for row in paper.tables[claim.table].rows}
        for better, other in claim.pairs:
            assert any(key in printed[better] and key in printed[other] for key in claim.columns)


def test_the_claims_of_a_new_paper_file_are_valid(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(papers.SKELETON.read_text(encoding="utf-8"))
    (claim,) = check(str(file))[0].claims
    assert claim.pairs == (("ResNet-20+ELA", "ResNet-20+SE"),)
