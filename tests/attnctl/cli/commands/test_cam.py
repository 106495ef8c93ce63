"""`attnctl cam`, from networks that were really trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.drawn import document, ids


def test_activation_maps_of_runs_are_drawn_side_by_side(here: Path, attnctl: Run) -> None:
    known = ids(attnctl)
    done = attnctl(
        "cam", known["none"], known["ean G=2"][:8], "--count", "2", "--layer", "layer2,layer3", "-o", "c.png"
    )
    assert (done.code, done.err) == (0, "written: c.png\n"), done.err
    with Image.open(here / "c.png") as image:
        assert image.width > 1000
    maps = document(attnctl("cam", known["none"], "--json", "--count", "2"))["maps"]
    assert [(one["layer"], one["image"], len(one["heat"])) for one in maps] == [("layer3", "0", 8), ("layer3", "1", 8)]
    assert all(0 < one["probability"] <= 1 for one in maps)


def test_images_can_be_given_as_folders_or_files(here: Path, attnctl: Run) -> None:
    plain = ids(attnctl)["none"]
    (here / "photos").mkdir()
    for number, mode in enumerate(("L", "RGB", "L")):
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).convert(mode).save(here / "photos" / f"{number}.png")
    folder = document(attnctl("cam", plain, "--images", "photos", "--count", "2", "--target", "3", "--json"))["maps"]
    assert [(one["image"], one["label"], one["target"]) for one in folder] == [("0.png", None, 3), ("1.png", None, 3)]
    files = document(attnctl("cam", plain, "--images", "photos/2.png,photos/0.png", "--json"))["maps"]
    assert [one["image"] for one in files] == ["2.png", "0.png"]
    assert "the class of 0.png is not known" in attnctl("cam", plain, "--images", "photos", "--target", "label").err
    (here / "photos" / "0.png").write_bytes(b"no image")
    assert "0.png cannot be read: damaged or not an image" in attnctl("cam", plain, "--images", "photos").err


def test_cam_looks_into_the_backbone_of_a_detector(known: dict[str, str], folder: Path, attnctl: Run) -> None:
    done = attnctl(
        "cam", known["ssdlite320"], "--images", "photos", "--layer", "features.13", "--target", "3", "--json"
    )
    maps = json.loads(done.out)
    assert maps["method"] == "hirescam"
    assert [(one["image"], one["target"], np.shape(one["heat"])) for one in maps["maps"]] == [
        ("a.png", 3, (70, 90)),
        ("b.jpg", 3, (100, 60)),
    ]
    assert attnctl("cam", known["deeplabv3"], "--count", "1", "-o", "cam.png").code == 0
    assert (folder / "cam.png").stat().st_size > 10_000
    refused = attnctl("histogram", known["deeplabv3"])
    assert refused.code == 2
