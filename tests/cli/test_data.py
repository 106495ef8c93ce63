from __future__ import annotations

import dataclasses

import pytest
from cli_run import listing

from attnctl import datasets
from attnctl.cli import data


def test_a_download_that_fails_is_one_line_and_leaves_nothing(attnctl, folder, monkeypatch):
    gone = dataclasses.replace(datasets.describe("cifar100"), url="http://127.0.0.1:1/cifar.tar.gz")
    monkeypatch.setitem(datasets.DATASETS, "cifar100", gone)
    result = attnctl("data", "fetch", "cifar100")
    assert result.code == 2
    assert "broke off at 0 bytes" in result.err
    assert result.err.count("\n") == 1
    assert listing(folder / "data") == []


def test_what_is_built_in_needs_no_fetching(attnctl, folder):
    assert attnctl("data", "fetch", "digits").out == "digits is built in: there is nothing to fetch\n"


def test_what_is_there_is_not_fetched_again(attnctl, folder):
    (folder / "attnctl.toml").write_text('[data]\nroot = "data"\n')
    place = folder / "data" / "cifar-100-python"
    place.mkdir(parents=True)
    for name in ("train", "test"):
        (place / name).write_bytes(b"x")
    before = listing(folder)
    assert attnctl("data", "fetch", "cifar100").out == f"cifar100 is in {place}\n"
    assert listing(folder) == before


def test_what_has_no_address_says_where_it_comes_from(attnctl, folder):
    (folder / "attnctl.toml").write_text('[data]\nroot = "data"\n')
    result = attnctl("data", "fetch", "imagenet")
    assert result.code == 2
    assert "imagenet cannot be downloaded: ILSVRC 2012" in result.err


def test_an_unknown_data_set_is_an_error_with_the_nearest(attnctl, folder):
    result = attnctl("data", "fetch", "cifar")
    assert (result.code, "did you mean 'cifar1" in result.err) == (2, True)


def test_the_list_has_every_data_set(capsys: pytest.CaptureFixture[str], folder):
    data.list_()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "cifar10",
        "cifar100",
        "coco",
        "digits",
        "digits-det",
        "digits-seg",
        "imagenet",
        "voc07",
        "voc0712",
        "voc12",
        "voc12-seg",
    ]
