"""attnctl predict, and cam and bench with models, as they are typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.session import build
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, listing

MODELS = {
    "ssdlite320": ("mobilenet_v2", "digits-det"),
    "deeplabv3": ("resnet18", "digits-seg"),
    "": ("resnet20", "digits"),
}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a detector, a segmentation network and a classifier, as their seeds initialise them."""
    root = tmp_path_factory.mktemp("networks")
    workspace = Workspace(root)
    names = {}
    for model, (backbone, dataset) in MODELS.items():
        axes = Axes(
            modules=("none",),
            models=(model,),
            backbones=(backbone,),
            datasets=(dataset,),
            overrides={"input_size": ("64",)},
        )
        (spec,) = expand(axes).specs
        run = workspace.run(spec.id)
        write_atomic(run.spec, spec.canonical().encode())
        state = {"network": build(spec, torch.device("cpu")).state_dict()}
        checkpoint.save(run, checkpoint.Name((1, 0), 0), state)
        names[model or "classifier"] = spec.id
    (root / "names.json").write_text(json.dumps(names))
    return root


@pytest.fixture
def known(networks: Path, folder: Path) -> dict[str, str]:
    """The ids of those runs; standing in a copy of their workspace with some photos."""
    shutil.copytree(networks, folder, dirs_exist_ok=True)
    draw = np.random.default_rng(1)
    for name, shape in (("photos/a.png", (70, 90, 3)), ("photos/b.jpg", (100, 60, 3)), ("other/a.png", (64, 64, 3))):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 255, shape, dtype=np.uint8)).save(folder / name)
    names: dict[str, str] = json.loads((folder / "names.json").read_text())
    return names


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
    assert (again.code, again.err) == (2, "attnctl: found/a.png is there already; --force replaces it\n")
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


def test_what_cannot_be_is_one_line_and_writes_nothing(known: dict[str, str], folder: Path, attnctl: Run) -> None:
    (folder / "photos" / "c.png").write_bytes((folder / "photos" / "a.png").read_bytes()[:90])
    (folder / "empty").mkdir()
    detector = known["ssdlite320"]
    before = listing(folder)
    for words, message in (
        ([known["classifier"]], "is a classifier, which finds no objects; attnctl cam"),
        ([detector, "photos"], "c.png cannot be read: damaged or not an image"),
        ([detector, "nowhere.png"], "there is no image nowhere.png"),
        ([detector, "empty"], "there are no images"),
        ([detector, "photos/a.png", "-o", "photos"], "photos/a.png is one of the images; name another folder by -o"),
        ([detector, "photos/a.png", "-o", "names.json"], "cannot write into names.json: it is not a folder"),
        ([detector, "photos/a.png", "-o", "no/where"], "there is no folder"),
        ([detector, "--threshold", "nan"], "Invalid value for '--threshold'"),
        (["feed"], "there is no sweep and no run 'feed'"),
    ):
        done = attnctl("predict", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), (words, done.err)
        assert message in done.err
    assert listing(folder) == before


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


def test_bench_measures_detectors_to_their_boxes(folder: Path, attnctl: Run) -> None:
    words = ("--model", "yolox_nano", "--placement", "neck", "--dataset", "digits-det")
    done = attnctl("bench", "ca", *words, "--rounds", "3", "--batch", "1,2", "--json")
    speeds = json.loads(done.out)["speeds"]
    assert [(one["module"], one["model"], one["batch"]) for one in speeds] == [
        ("none", "yolox_nano", 1),
        ("ca", "yolox_nano", 1),
        ("none", "yolox_nano", 2),
        ("ca", "yolox_nano", 2),
    ]
    assert len(listing(folder / "bench")) == 4
    named = attnctl("bench", "ca", "--model", "yolox_nan", "--json")
    assert (named.code, named.out) == (2, "")
    assert "unknown model 'yolox_nan'; did you mean 'yolox_nano'" in named.err
