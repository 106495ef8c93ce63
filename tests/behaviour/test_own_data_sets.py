"""Data sets that a package registers: what is wrong with their files is said by `data check` and ends a real run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.attnctl.cli.cli_run import listing
from tests.attnctl.cli.own_data_sets import Command, installed

PHOTO = (60, 40)
"""Width and height of the photos as stored."""
SWEEP = ("sweep", "none", "--batch", "4", "--norm-batch", "4", "--epochs", "1", "--run-on", "local", "--device", "cpu")


@pytest.fixture
def attnctl(folder: Path) -> Command:
    return installed(folder.parent / "packages")


@pytest.fixture
def class_folders(folder: Path) -> Path:
    """Four red cups and four blue pens to train on, and half as many to test on."""
    root = folder / "data" / "myfolders"
    for part, count in (("train", 4), ("val", 2)):
        for name, colour in (("cup", (200, 40, 40)), ("pen", (40, 40, 200))):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (40, 40), colour).save(root / part / name / f"{number}.png")
    return root


def test_whole_class_folders_are_trained_on(attnctl: Command, class_folders: Path) -> None:
    assert attnctl("data", "check", "myfolders").stdout == "train: 8 images\ntest: 4 images\n"
    swept = attnctl(*SWEEP, "--dataset", "myfolders")
    assert (swept.returncode, "completed, top-1" in swept.stderr) == (0, True), swept.stderr


def sweep_without(path: Path, folder: Path, *words: str) -> tuple[int, str]:
    """Sweep while `path` is moved aside between the submission and the start, as on a node that lacks a file system."""
    moved_aside = textwrap.dedent(f"""
        from pathlib import Path
        from attnctl.jobs.local import runner
        before = runner.run
        def run(*given):
            Path({str(path)!r}).rename({str(folder / "aside")!r})
            before(*given)
        runner.run = run
        from attnctl.cli import main
    """)
    code = f"{moved_aside}\nraise SystemExit(main({[*SWEEP, *words]!r}))"
    environment = os.environ | {"PYTHONPATH": str(folder.parent / "packages")}
    swept = subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True)
    assert "Traceback" not in swept.stdout + swept.stderr, swept.stderr
    return swept.returncode, swept.stdout + swept.stderr


def waits_until_back(attnctl: Command, path: Path, folder: Path) -> str:
    """The run waits, and completes once `path` is back. Returns for what it waits."""
    (row,) = json.loads(attnctl("resume", "--json").stdout)["runs"]
    assert (row["state"], row["action"], row["tag"]) == ("data missing", "waits", None)
    (folder / "aside").rename(path)
    (again,) = json.loads(attnctl("resume", "--json").stdout)["runs"]
    assert again["action"] == "start"
    (done,) = json.loads(attnctl("status", "--json").stdout)["runs"]
    assert (done["state"], done["attempt"]) == ("completed", 2)
    return str(row["words"])


def test_a_run_without_its_data_set_waits_until_it_is_back(attnctl: Command, class_folders: Path, folder: Path) -> None:
    code, out = sweep_without(class_folders, folder, "--dataset", "myfolders")
    words = f"myfolders is incomplete in {class_folders}: missing train, val"
    assert (code, f"data missing: {words}; " in out) == (1, True), out
    assert waits_until_back(attnctl, class_folders, folder) == words


@pytest.mark.parametrize("layout", ["class folders", "coco", "voc"])
def test_a_run_waits_until_a_single_missing_image_is_back(
    attnctl: Command, class_folders: Path, folder: Path, layout: str
) -> None:
    detect = ("--model", "yolox_nano", "--recipe", "digits-det", "--dataset")
    chosen: tuple[str, ...] = ("--dataset", "myfolders")
    if layout == "class folders":
        image = class_folders / "train" / "cup" / "1.png"
        words = f"myfolders in {class_folders} has 7 training images instead of 8"
    elif layout == "coco":
        root = coco(folder / "data" / "mycoco", PHOTO, (4, 5, 30, 12))
        image, chosen = root / "train" / "p1.jpg", (*detect, "mycoco")
        words = f"{root / 'train'} lacks 1 of its 4 images: p1.jpg"
    else:
        root = voc(folder / "data" / "myvoc", PHOTO, (10, 10, 30, 30))
        image, chosen = root / "JPEGImages" / "p1.jpg", (*detect, "myvoc")
        words = f"{root / 'JPEGImages'} lacks 1 image: p1"
    code, out = sweep_without(image, folder, *chosen)
    assert (code, "data missing: " in out, words in out) == (1, True, True), out
    assert words in waits_until_back(attnctl, image, folder)


def test_class_folders_with_other_names_in_val_are_refused(attnctl: Command, class_folders: Path, folder: Path) -> None:
    (class_folders / "val" / "cup").rename(class_folders / "val" / "vessel")
    words = f"of train/ and val/ in {class_folders} differ: train/ has cup, val/ has vessel; make them the same"
    before = listing(folder)
    for command in (("data", "check", "myfolders"), (*SWEEP, "--dataset", "myfolders")):
        result = attnctl(*command)
        assert (result.returncode, result.stderr) == (2, f"attnctl: myfolders: the class names {words}\n")
    assert listing(folder) == before


def test_class_folders_with_missing_and_surplus_images_are_counted_and_refused(
    attnctl: Command, class_folders: Path
) -> None:
    (class_folders / "train" / "cup" / "1.png").unlink()
    Image.new("RGB", (40, 40)).save(class_folders / "val" / "pen" / "2.png")
    words = (
        f"myfolders in {class_folders} has 7 training images instead of 8 and 5 test images instead of 4; "
        "correct the files, or register the subset as your own data set"
    )
    checked = attnctl("data", "check", "myfolders")
    assert (checked.returncode, checked.stdout, checked.stderr) == (2, "", f"attnctl: {words}\n")
    swept = attnctl(*SWEEP, "--dataset", "myfolders")
    assert (swept.returncode, words in swept.stdout) == (1, True), swept.stdout
    assert "Traceback" not in swept.stdout + swept.stderr


def test_a_run_with_a_damaged_image_ends_with_a_data_error_that_names_it(attnctl: Command, class_folders: Path) -> None:
    image = class_folders / "train" / "cup" / "1.png"
    image.write_bytes(image.read_bytes()[:60])
    swept = attnctl(*SWEEP, "--dataset", "myfolders")
    words = f"{image} cannot be read: damaged or not an image"
    assert (swept.returncode, f"data error: {words}" in swept.stdout) == (1, True), swept.stdout
    assert "Traceback" not in swept.stdout + swept.stderr
    (row,) = json.loads(attnctl("resume", "--json").stdout)["runs"]
    assert (row["state"], row["action"]) == ("data error", "needs --force")
    why = attnctl("why", row["id"]).stdout
    assert (words in why, "Traceback" in why) == (True, False), why


# ------------------------------------------------------------------------------------------------------ annotated sizes


def photos(folder: Path, names: list[str], orientation: int = 1) -> None:
    """Photos with an EXIF orientation."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        pixels = np.random.default_rng(seed).integers(60, 150, (PHOTO[1], PHOTO[0], 3), dtype=np.uint8)
        image = Image.fromarray(pixels)
        exif = image.getexif()
        exif[ExifTags.Base.Orientation] = orientation
        image.save(folder / f"{name}.jpg", exif=exif)


def coco(root: Path, size: tuple[int, int], box: tuple[int, int, int, int], orientation: int = 1) -> Path:
    """Four photos to train on and two to test on, each annotated with a width, a height and one box."""
    (root / "annotations").mkdir(parents=True)
    for part, count in (("train", 4), ("val", 2)):
        photos(root / part, [f"p{k}" for k in range(count)], orientation)
        images = [{"id": k, "file_name": f"p{k}.jpg", "width": size[0], "height": size[1]} for k in range(count)]
        rows = [{"id": k, "image_id": k, "category_id": 1 + k % 2, "bbox": box, "iscrowd": 0} for k in range(count)]
        document = {
            "images": images,
            "annotations": rows,
            "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "pen"}],
        }
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(document))
    return root


def voc(root: Path, size: tuple[int, int], corners: tuple[int, int, int, int]) -> Path:
    """The same in VOC's layout."""
    photos(root / "JPEGImages", [f"p{k}" for k in range(6)])
    bounds = "".join(f"<{name}>{n}</{name}>" for name, n in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True))
    text = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    text += f"<object><name>cup</name><bndbox>{bounds}</bndbox></object>"
    for place in ("Annotations", "ImageSets/Main"):
        (root / place).mkdir(parents=True)
    for k in range(6):
        (root / "Annotations" / f"p{k}.xml").write_text(f"<annotation>{text}</annotation>")
    (root / "ImageSets" / "Main" / "train.txt").write_text("p0\np1\np2\np3\n")
    (root / "ImageSets" / "Main" / "val.txt").write_text("p4\np5\n")
    return root


REFUSED = "not of the annotated size, so runs are refused"


def train(attnctl: Command, dataset: str) -> tuple[int, str]:
    result = attnctl(*SWEEP, "--model", "yolox_nano", "--recipe", "digits-det", "--dataset", dataset)
    assert "Traceback" not in result.stdout + result.stderr
    return result.returncode, result.stdout + result.stderr


def test_photos_on_their_side_are_turned_upright_and_trained_on(attnctl: Command, folder: Path) -> None:
    coco(folder / "data" / "mycoco", PHOTO[::-1], (4, 45, 30, 12), orientation=6)
    checked = attnctl("data", "check", "mycoco", "--images")
    assert (checked.returncode, checked.stdout) == (
        0,
        "train: 4 images, 4 objects\n"
        "  4 images are turned upright by EXIF orientation, which gives the annotated size\n"
        "test: 2 images, 2 objects\n"
        "  2 images are turned upright by EXIF orientation, which gives the annotated size\n"
        "every image can be read\n",
    )
    code, out = train(attnctl, "mycoco")
    assert (code, "completed, AP" in out) == (0, True), out


def test_photos_with_unconfirmed_orientation_are_counted(attnctl: Command, folder: Path) -> None:
    coco(folder / "data" / "mycoco", PHOTO, (4, 5, 30, 12), orientation=3)
    checked = attnctl("data", "check", "mycoco", "--images", "--json")
    assert checked.returncode == 0
    assert [part["sizes"] for part in json.loads(checked.stdout)["parts"].values()] == [
        {"wrong": [], "objects": 0, "outside": 0, "turned": 0, "unconfirmed": count} for count in (4, 2)
    ]


def test_images_made_smaller_after_they_were_annotated_are_named_and_refused(attnctl: Command, folder: Path) -> None:
    root = coco(folder / "data" / "mycoco", (600, 400), (100, 200, 300, 100))
    checked = attnctl("data", "check", "mycoco", "--images")
    wrong = [f"{root / part}/p{k}.jpg" for part, count in (("train", 4), ("val", 2)) for k in range(count)]
    assert (checked.returncode, checked.stderr) == (1, "")
    assert checked.stdout.splitlines() == [
        "train: 4 images, 4 objects",
        f"  4 images are {REFUSED}: a training would leave out 4 of their 4 objects",
        "test: 2 images, 2 objects",
        f"  2 images are {REFUSED}: 2 of their 2 objects would lie outside",
        *(f"{path} is 60x40 pixels, but its annotation says 600x400" for path in wrong),
    ]
    code, out = train(attnctl, "mycoco")
    assert (code, f"{wrong[0]} is 60x40 pixels, but its annotation says 600x400" in out) == (1, True), out


def test_voc_annotations_of_another_size_than_the_file_are_named(attnctl: Command, folder: Path) -> None:
    """Three of four boxes lie inside the file, though in the wrong place."""
    root = voc(folder / "data" / "myvoc", (120, 118), (10, 10, 30, 30))
    outside = root / "Annotations" / "p0.xml"
    outside.write_text(outside.read_text().replace("<xmin>10<", "<xmin>70<").replace("<xmax>30<", "<xmax>115<"))
    checked = attnctl("data", "check", "myvoc", "--images")
    assert checked.returncode == 1
    assert checked.stdout.splitlines()[1] == (
        f"  4 images are {REFUSED}: a training would leave out 1 of their 4 objects"
    )
    assert checked.stdout.splitlines()[4] == (
        f"{root / 'JPEGImages' / 'p0.jpg'} is 60x40 pixels, but its annotation says 120x118"
    )
