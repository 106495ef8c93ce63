"""`attnctl predict`: what networks find on images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.attnctl.cli.cli_run import Run, listing


def test_pictures_of_a_folder_and_of_files_with_one_name(known: dict[str, str], folder: Path, attnctl: Run) -> None:
    done = attnctl(
        "predict",
        known["ssdlite320"][:8],
        "photos",
        "other/a.png",
        "-o",
        "found",
        "--threshold",
        "0.05",
        "--device",
        "cpu",
    )
    assert (done.code, done.err) == (0, "written: found\n"), done.err
    assert [line.split()[0] for line in done.out.splitlines()] == ["image", "a.png", "b.jpg", "a.png"]
    assert listing(folder / "found") == ["a-2.png", "a.png", "b.png"]
    with Image.open(folder / "found" / "b.png") as picture:
        assert picture.size == (300, 500)  # five times as large, for the labels
    again = attnctl("predict", known["ssdlite320"], "photos/a.png", "-o", "found", "--device", "cpu")
    assert (again.code, again.err) == (2, "attnctl: found/a.png already exists; --force replaces it\n")
    assert attnctl("predict", known["ssdlite320"], "photos/a.png", "-o", "found", "--force").code == 0


def test_objects_as_json_without_any_picture(known: dict[str, str], folder: Path, attnctl: Run) -> None:
    before = listing(folder)
    done = attnctl("predict", known["ssdlite320"], "photos/a.png", "--json", "--threshold", "0")
    found = json.loads(done.out)
    assert listing(folder) == before
    assert (found["run"], found["threshold"], found["classes"]) == (known["ssdlite320"], 0, list("0123456789"))
    (image,) = found["images"]
    assert (image["image"], image["height"], image["width"]) == ("a.png", 70, 90)
    assert image["objects"]
    scores = [one["score"] for one in image["objects"]]
    assert scores == sorted(scores, reverse=True)
    for one in image["objects"]:
        left, top, right, bottom = one["box"]
        assert 0 <= left <= right <= 90
        assert 0 <= top <= bottom <= 70
        assert one["class"] == str(one["label"] - 1)


def test_the_first_of_the_test_set_without_images(known: dict[str, str], folder: Path, attnctl: Run) -> None:
    run = known["deeplabv3"]
    done = attnctl("predict", run, "--count", "2", "--json", "-o", "maps")
    found = json.loads(done.out)["images"]
    assert [image["picture"] for image in found] == ["maps/canvas 601.png", "maps/canvas 602.png"]
    for image in found:
        assert sum(image["classes"].values()) == pytest.approx(1, abs=1e-4)
        with Image.open(image["picture"].replace(".png", ".classes.png")) as classes:
            assert (classes.mode, classes.size) == ("P", (128, 128))
            values = np.asarray(classes)
        names = ("background", *"0123456789")
        assert {names[value] for value in np.unique(values)} == set(image["classes"])
    assert attnctl("predict", run, "--count", "1").code == 0
    assert listing(folder / f"predict-{run[:8]}") == ["canvas 601.classes.png", "canvas 601.png"]


def test_an_invalid_request_is_a_one_line_error_and_writes_nothing(
    known: dict[str, str], folder: Path, attnctl: Run
) -> None:
    (folder / "photos" / "c.png").write_bytes((folder / "photos" / "a.png").read_bytes()[:90])
    (folder / "empty").mkdir()
    detector = known["ssdlite320"]
    before = listing(folder)
    for words, message in (
        ([known["classifier"], "-o", "drawn"], "is a classifier, which draws nothing; leave out -o"),
        ([detector, "photos"], "c.png cannot be read: damaged or not an image"),
        ([detector, "nowhere.png"], "there is no image nowhere.png"),
        ([detector, "empty"], "contains no images"),
        (
            [detector, "photos/a.png", "-o", "photos"],
            "photos/a.png is one of the input images; name another folder with -o",
        ),
        ([detector, "photos/a.png", "-o", "names.json"], "cannot write into names.json: it is not a folder"),
        ([detector, "photos/a.png", "-o", "no/where"], "there is no folder"),
        ([detector, "--threshold", "nan"], "Invalid value for '--threshold'"),
        (["feed"], "no run or sweep is called 'feed'"),
    ):
        done = attnctl("predict", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), (words, done.err)
        assert message in done.err
    assert listing(folder) == before


def test_a_classifier_prints_classes_and_draws_nothing(known: dict[str, str], folder: Path, attnctl: Run) -> None:
    before = listing(folder)
    done = attnctl("predict", known["classifier"], "photos")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == ["image", "a.png", "b.jpg"]
    found = json.loads(attnctl("predict", known["classifier"], "--count", "2", "--json").out)
    assert listing(folder) == before
    for image in found["images"]:
        assert image["class"] == found["classes"][image["label"]]
        assert image["right"] == (image["class"] == image["true_class"])
        assert sum(one["probability"] for one in image["first"]) <= 1.00001
