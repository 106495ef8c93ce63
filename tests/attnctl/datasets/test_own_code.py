"""Data sets that users' code makes, from their names to their descriptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import datasets, own_data
from attnctl.datasets import own, own_code
from attnctl.jobs.data.errors import MissingDataError
from attnctl.jobs.data.own_files import open_own
from attnctl.values import SpecError
from tests.fixtures import own_items


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return own_items.write(tmp_path)


def test_code_is_described_by_its_source_and_its_data(mine: Path) -> None:
    found = datasets.describe("./items.py:make")
    assert found.name.startswith("items@")
    assert (found.classes, found.train_size, found.test_size, found.code) == (3, 48, 24, "items:make")
    assert datasets.describe("./items.py:parts").name != found.name
    assert own.MEASURED[found.name].folder == mine.parent
    assert own_data.code_version(own_data.DESCRIPTIONS[found.name]) == found.code_version
    mine.write_text(mine.read_text() + "\n# a comment\n")
    assert datasets.describe("./items.py:make").name == found.name
    mine.write_text(mine.read_text().replace("Items(48)", "Items(45)"))
    assert datasets.describe("./items.py:make").name != found.name


def test_a_split_is_a_part_of_the_name(mine: Path) -> None:
    first, other = (datasets.describe(f"./items.py:one{options}") for options in ("", ":test=0.5+seed=1"))
    assert (first.test_size, other.test_size) == (12, 30)
    train, test = open_own(other, mine.parent)
    assert (len(train.labels), len(test.labels)) == (30, 30)
    assert sorted(map(train.name, range(30)))[0].startswith("items:one: item ")


def test_other_data_are_another_data_set_and_are_refused_by_a_job(mine: Path) -> None:
    (mine.parent / "scale.txt").write_text("1.0")
    first = datasets.describe("./items.py:folder_of")
    assert open_own(first, mine.parent)
    (mine.parent / "scale.txt").write_text("0.5")
    with pytest.raises(MissingDataError, match="items:folder_of gives other data than when the run was planned"):
        open_own(first, mine.parent)
    own_code._measured.cache_clear()  # another command
    assert datasets.describe("./items.py:folder_of").name != first.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("./nothing.py:make", "there is no file ./nothing.py"),
        ("./items.py:mak", "items.py has no class or function 'mak'; did you mean 'make'"),
        ("./items.py:number", "items.py has no class or function 'number'"),
        ("./items.py", "name one, such as items.py:Items"),
        ("./items.py:needs", r"items.py:\d+: needs's option count"),
        ("./items.py:one:test=2", "after the colon there can be test=0.3"),
        ("./items.py:raises", r"items:raises: .*items.py:\d+: raises raises RuntimeError: no flowers today"),
    ],
)
def test_wrong_names_and_code_are_errors(mine: Path, text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        datasets.describe(text)
    assert "\n" not in str(caught.value)
