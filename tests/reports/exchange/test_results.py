"""A CSV of numbers from elsewhere: what each line says, or what is wrong with it."""

from __future__ import annotations

import pytest

from attnctl import papers
from attnctl.reports.exchange.results import Results, read
from attnctl.values import SpecError
from tests.reports.report_workspace import table


def find(text: str) -> papers.PaperTable:
    if ":" not in text:
        raise SpecError(f"there is no table {text!r}")
    return table(text)


def results(*lines: str) -> Results:
    return read("\n".join(lines).encode(), "x.csv", "the file", find)


def refused(*lines: str) -> str:
    with pytest.raises(SpecError) as error:
        results(*lines)
    return str(error.value)


def test_a_line_of_a_comparison_identifies_its_row() -> None:
    found = results(
        "label,model,backbone,dataset,placement,seed,source,top1,params", "ela,,resnet20,Digits,block,3,lab,92.5,0.27M"
    )
    (record,) = found.records
    assert (record.label, record.backbone, record.dataset, record.placement) == ("ela", "resnet20", "digits", "block")
    assert (record.seed, record.source, dict(record.values)) == (3, "lab", {"top1": 92.5, "params": 270_000})
    assert found.warnings == []


def test_numbers_can_be_given_as_pairs_of_column_and_value() -> None:
    found = results(
        "label,backbone,dataset,column,value", "ela,resnet20,digits,top1,92.5", "ela,resnet20,digits,top5,99"
    )
    assert [dict(record.values) for record in found.records] == [{"top1": 92.5}, {"top5": 99.0}]
    assert found.records[0].source == "the file"


def test_numbers_of_a_papers_table_have_the_printed_form() -> None:
    found = results("table,row,top1,params", "ean:2,ResNet50,76.5,25.56")
    (record,) = found.records
    assert (record.table, record.row) == ("ean:2", "ResNet50")
    assert dict(record.values) == {"top1": 76.5, "params": pytest.approx(25_560_000)}


HEAD = "label,backbone,dataset,top1"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((HEAD,), "x.csv has no numbers"),
        (("label,backbone,top1", "a,b,1"), "x.csv:1: missing column dataset"),
        (("label,backbone,dataset", "a,b,c"), "x.csv:1: a column with numbers is missing"),
        (("label,backbone,dataset,top1,top1", "a,b,c,1,2"), "x.csv:1: column 'top1' appears twice"),
        (("label,backbone,dataset,", "a,b,c,1"), "x.csv:1: a column has no name"),
        (("label,backbone,dataset,Seed,top1", "a,b,c,1,2"), "did you mean 'seed'"),
        (("label,backbone,dataset,topp1", "a,b,c,1"), "did you mean 'top1'"),
        (("label,backbone,dataset,column,top1", "a,b,c,top1,1"), "x.csv:1: column column needs a column value"),
        ((HEAD, "ela,resnet20,digits,"), "x.csv:2: this line has no number"),
        ((HEAD, ",resnet20,digits,92"), "x.csv:2: column label: is empty"),
        ((HEAD, "ela,resnet20,digits,high"), "x.csv:2: column top1: 'high' is not a number, such as 78.5"),
        ((HEAD, "ela,resnet20,digits,101"), "x.csv:2: column top1: '101' must be from 0 to 100"),
        ((HEAD, "ela,resnet20,digits,9M"), "M does not apply to top1"),
        (
            (HEAD, "ela,resnet20,digits,90", "ela,resnet20,digits,91"),
            "x.csv:3: line 2 already has top1 for this; several seeds need a column seed",
        ),
        (
            (f"{HEAD},seed", "ela,resnet20,digits,90,first"),
            "x.csv:2: column seed: 'first' is not a seed; it must be a whole number",
        ),
        (("table,row,top1", "99,ResNet50,76"), "x.csv:2: column table: there is no table '99'"),
        (("table,row,top1", "ean:2,ResNet50+SEE,76"), "did you mean 'ResNet50+SE'"),
        (("table,row,topp1", "ean:2,ResNet50,76"), "did you mean 'top1'"),
    ],
)
def test_errors_are_reported_with_line_and_column(lines: tuple[str, ...], said: str) -> None:
    assert said in refused(*lines)


@pytest.mark.parametrize(
    ("column", "text", "advice"),
    [
        ("params", "272,474", "; write 272474 or 272.474K"),
        ("params", "1,234,567", "; write 1234567 or 1234.567K"),
        ("params", "272 474", "; write 272474"),
        ("params", "1.234,5", "; write 1234.5"),
        ("fps", "1,234", "; write 1234 or 1.234"),
        ("top1", "9,0,5", ", such as 78.5"),
    ],
)
def test_thousands_are_refused_without_the_advice_to_write_a_thousandth(column: str, text: str, advice: str) -> None:
    said = refused(f"label;backbone;dataset;{column}", f"a;resnet20;digits;{text}")
    assert said == f"x.csv:2: column {column}: {text!r} is not a number{advice}"


def test_a_decimal_comma_is_read_where_it_cannot_separate_thousands() -> None:
    found = results("label;backbone;dataset;top1;loss;params", "a;resnet20;digits;90,5;0,1234;0,27M")
    assert dict(found.records[0].values) == {"top1": 90.5, "loss": 0.1234, "params": pytest.approx(270_000)}
    assert dict(results(HEAD.replace(",", ";"), "a;resnet20;digits;90,125").records[0].values) == {"top1": 90.125}


def test_a_seed_may_be_written_as_pandas_writes_whole_numbers() -> None:
    found = results(f"{HEAD},seed", "a,resnet20,digits,90,0.0", "b,resnet20,digits,91,", "c,resnet20,digits,92,3.")
    assert [record.seed for record in found.records] == [0, None, 3]


def test_ambiguous_input_causes_a_warning() -> None:
    found = results("label,backbone,dataset,top1,params", "ela,resnet20,digits,0.92,272")
    assert len(found.warnings) == 2
    assert any("percent" in words and "92" in words for words in found.warnings)
    assert any("272M" in words for words in found.warnings)


def test_an_unknown_name_is_kept_and_noted_once() -> None:
    found = results(HEAD, "ela,resnet21,digits,90", "se,resnet21,digits,91")
    assert [record.backbone for record in found.records] == ["resnet21"] * 2
    (words,) = found.warnings
    assert "'resnet21'" in words
    assert "did you mean" in words
