"""A user's image folder on the command line: planned, trained, resumed, changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from attnctl import grid
from attnctl.cli import completion
from attnctl.grid import Axes
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import find
from attnctl.workspace.records import Resources
from tests.attnctl.cli.cli_run import Run, assert_refused
from tests.fixtures.image_folder import coco_folder, flowers, image
from tests.fixtures.unprivileged import ReadOnly

pytestmark = pytest.mark.usefixtures("own_cache")


def _dataset(attnctl: Run, *words: str) -> str:
    planned = json.loads(attnctl("sweep", "none", "--dataset", *words, "--dry-run", "--json", "--run-on", "local").out)
    return str(planned["runs"][0]["dataset"])


def test_the_dry_run_says_how_a_folder_is_trained_and_writes_nothing(attnctl: Run, folder: Path) -> None:
    root = flowers(folder / "flowers", parts=("train", "val"))
    (root / "train" / "rose" / "notes.txt").write_text("x")
    result = attnctl("sweep", "none,se", "--dataset", "./flowers", "--dry-run", "--run-on", "local", "--device", "cpu")
    assert result.code == 0, result.err
    name = _dataset(attnctl, "./flowers")
    text = " ".join(result.out.split())
    assert f"{name}: 2 classes, 20 training images and 20 test images, from {root}" in text
    assert f"{name}: 1 file left out of train/: .txt" in text
    assert f"{name}: 60 epochs of batch 4, lr 0.003125, augmentation none, at 32x32 (evaluated: resized to 37," in text
    assert "change it with --epochs, --batch, --lr, --augment, --input-size or --recipe" in text
    assert sorted(path.name for path in folder.iterdir()) == ["flowers"]


def test_the_dry_run_of_a_detector_says_how_a_folder_with_objects_is_trained(attnctl: Run, folder: Path) -> None:
    root = coco_folder(folder / "desk", {"train": 20, "val": 4})
    words = ("sweep", "none", "--model", "ssdlite320", "--dataset", "./desk", "--dry-run", "--run-on", "local")
    text = " ".join(attnctl(*words, "--device", "cpu").out.split())
    assert f": 2 classes, 20 training images and 4 test images, from {root}" in text
    assert ": 24 epochs of batch 4, lr 0.005, augmentation flip, at the model's image size; change it with" in text
    assert "at input size 128" in " ".join(attnctl(*words, "--device", "cpu", "--input-size", "128").out.split())
    assert_refused(attnctl("sweep", "none", "--dataset", "./desk", "--dry-run"), "a classifier on objects")


def _submitted(folder: Path) -> str:
    """A workspace with a run on ./flowers that was asked for and never started; gives the data set's name."""
    config = find(folder, folder, {})
    specs = grid.expand(Axes(modules=("none",), datasets=("./flowers",))).specs
    submit(config, specs, Resources(), config.slurm, "local")
    return specs[0].dataset


def test_a_folder_is_swept_and_reported(attnctl: Run, folder: Path) -> None:
    flowers(folder / "Gänse blümchen", classes=("Gänse", "v1.2", "a b"))
    words = ("sweep", "none", "--dataset", "./Gänse blümchen", "--run-on", "local", "--device", "cpu")
    assert attnctl(*words, "--epochs", "1", "--input-size", "8").code == 0
    assert "1 run: 1 done" in attnctl(*words, "--epochs", "1", "--input-size", "8").out
    name = _dataset(attnctl, "./Gänse blümchen")
    assert name.startswith("Gänse-blümchen@")
    assert f"ResNet-20 on {name}" in attnctl("report").out
    assert name in attnctl("status").out
    assert name in attnctl("datasets").out
    assert attnctl("datasets", name).code == 0
    record = json.loads((folder / "datasets" / f"{name}.json").read_text())
    assert record["folder"] == str(folder / "Gänse blümchen")


def test_changed_images_are_told_and_their_runs_are_kept_apart(attnctl: Run, folder: Path) -> None:
    root = flowers(folder / "flowers")
    old = _submitted(folder)
    image(root / "rose" / "1.png", 99)
    planned = attnctl("sweep", "none", "--dataset", "./flowers", "--dry-run", "--run-on", "local", "--device", "cpu")
    expected = f"{root} has changed: this workspace already has {old}, whose runs are kept apart from the new ones"
    assert expected in " ".join(planned.out.split())
    outdated = attnctl("sweep", "none", "--dataset", old, "--dry-run", "--run-on", "local", "--device", "cpu")
    assert f"{old}: the images in {root} have changed since the run was planned" in " ".join(outdated.out.split())
    assert_refused(attnctl("sweep", "none", "--dataset", old, "--seed", "1", "--run-on", "local"), "changed images")
    new = _submitted(folder)
    assert new != old
    differing = attnctl("diff", *find(folder, folder, {}).workspace.run_ids()).out
    assert [line.split()[0] for line in differing.splitlines()[1:]] == ["dataset", "content"]
    for command in ("status", "report"):
        text = " ".join(attnctl(command).out.split())
        assert "flowers has changed, or is split in several ways: " in text
        assert f"{old} (1 run)" in text
        assert f"{new} (1 run)" in text


def test_data_check_names_unreadable_images(attnctl: Run, folder: Path) -> None:
    root = flowers(folder / "flowers")
    (root / "rose" / "1.png").write_bytes(b"\x89PNG but no more")
    result = attnctl("data", "check", "./flowers", "--images")
    assert result.code == 1
    assert f"{root / 'rose' / '1.png'} cannot be read: damaged or not an image" in result.out
    assert "train: 16 images\ntest: 4 images\n" in result.out
    found = json.loads(attnctl("data", "check", "./flowers", "--json").out)
    (note,) = found["notes"]
    assert note.startswith(f"1 of 20 images cannot be read, such as {root / 'rose' / '1.png'}; a run ends when")


def test_a_moved_folder_is_named_in_the_settings(attnctl: Run, folder: Path) -> None:
    flowers(folder / "flowers")
    name = _submitted(folder)
    shutil.move(folder / "flowers", folder / "moved")
    (folder / "attnctl.toml").write_text('[data]\nflowers = "moved"\n')
    assert "test: 4 images" in attnctl("data", "check", name).out


@pytest.mark.parametrize("name", ["./nothing", "./flowers:x=1", "flowers", "./empty", "flowers@0123456789", "./"])
def test_what_is_no_data_set_is_refused_in_one_line(attnctl: Run, folder: Path, name: str) -> None:
    flowers(folder / "flowers")
    (folder / "empty").mkdir()
    (folder / "flowers" / "rose.png").touch()
    for command in (["sweep", "none", "--dataset", name], ["data", "check", name]):
        assert_refused(attnctl(*command), " ".join(command))


def test_a_folder_that_may_only_be_read_is_enough(
    folder: Path, unprivileged: Run, read_only: ReadOnly, attnctl: Run
) -> None:
    root = flowers(folder / "flowers")
    read_only(root)
    assert "train: 16 images" in unprivileged("data", "check", "./flowers").out
    (root / "rose").chmod(0)
    result = unprivileged("data", "check", "./flowers")
    (root / "rose").chmod(0o700)
    assert_refused(result, "rose may not be read")
    assert "rose cannot be read: Permission denied" in result.err


def test_folders_are_completed(folder: Path) -> None:
    root = flowers(folder / "flowers")
    (root.parent / "notes.txt").touch()
    assert completion.datasets("./fl") == ["./flowers"]
    assert completion.datasets("digits,./flowers/") == ["digits,./flowers/daisy", "digits,./flowers/rose"]
    assert completion.datasets("~") == []
    assert completion.datasets("cifar1") == ["cifar10", "cifar100"]
    name = _submitted(folder)
    assert completion.datasets("digits,flow") == [f"digits,{name}"]
