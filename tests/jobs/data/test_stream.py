from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from attnctl.datasets import describe
from attnctl.jobs.data import open_data
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import index, open_parts
from attnctl.jobs.data.stream import open_stream
from attnctl.settings.config import DataRoots
from tests.jobs.data.published import image_folders, image_shards, jpeg, write_tar

CPU = torch.device("cpu")
SMALL = dataclasses.replace(describe("imagenet"), classes=3, train_size=18, test_size=12)
TINY = dataclasses.replace(SMALL, train_size=3, test_size=3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return image_folders(tmp_path_factory.mktemp("imagenet"))


@pytest.fixture
def opened(make_spec, folders):
    streams = []

    def open_it(folder=folders, workers=0, stage=False, seed=0, **recipe):
        chosen = {"batch": 4, "norm_batch": 2, "augment": "imagenet", "input_size": 32, **recipe}
        spec = make_spec("imagenet", seed, **chosen)
        streams.append(open_stream(spec, SMALL, folder, CPU, workers=workers, stage=stage))
        return streams[-1]

    yield open_it
    for stream in streams:
        stream.close()


def same(batches, others):
    pairs = list(zip(batches, others, strict=True))
    return pairs and all(torch.equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


def test_batches_have_the_contracts_shapes(opened):
    data = opened(input_size=0)
    images, labels = next(data.train(0, range(2), 1))
    assert images.shape == (2, 3, 224, 224)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert data.steps_per_epoch == 18 // 4
    assert data.evaluation_size == 12


def test_worker_processes_change_nothing_nor_does_a_cut_nor_a_world(opened):
    whole = list(opened(cutmix=1.0).train(0, range(2), 8))
    assert same(opened(cutmix=1.0, workers=2).train(0, range(2), 8), whole)
    assert same(opened(cutmix=1.0, workers=1).train(5, range(2), 8), whole[10:])
    halves = [list(opened(cutmix=1.0).train(0, range(r, r + 1), 8)) for r in range(2)]
    assert same(itertools.chain(*zip(*halves, strict=True)), whole)
    assert not same(opened(cutmix=1.0, seed=1).train(0, range(2), 8), whole)


def test_worker_processes_stay_over_epochs_and_evaluations(opened):
    data, alone = opened(workers=1), opened()
    for start in (0, 4):
        assert same(data.train(start, range(2), start + 4), alone.train(start, range(2), start + 4))
        assert same(data.evaluate(0, 1), alone.evaluate(0, 1))
    early = data.train(0, range(2), 8)
    next(early)
    early.close()  # what was loaded ahead of it must not come out later
    assert same(data.train(3, range(2), 4), alone.train(3, range(2), 4))


def test_the_networks_random_numbers_are_left_alone(opened):
    torch.manual_seed(1)
    expected = torch.rand(3)
    for workers in (0, 1):
        torch.manual_seed(1)
        list(opened(workers=workers).train(0, range(1), 2))
        assert torch.equal(torch.rand(3), expected)


def test_a_training_image_is_torchvisions_transform_of_the_file(opened, folders):
    data = opened(augment="none", input_size=40)
    plain = v2.Compose([v2.Resize(46), v2.CenterCrop(40), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    normalise = v2.Normalize(SMALL.mean, SMALL.std)
    expected = {}
    for path in sorted(folders.glob("train/*/*.JPEG")):
        with Image.open(path) as image:
            expected[path.name] = normalise(plain(image.convert("RGB")))
    images = torch.cat([images for images, _ in data.train(0, range(2), 4)])
    matches = [
        [name for name, other in expected.items() if torch.allclose(image, other, atol=1e-5)] for image in images
    ]
    assert all(len(match) == 1 for match in matches)
    assert len({match[0] for match in matches}) == 16


@pytest.mark.parametrize("world", [1, 2, 5])
def test_evaluation_is_complete_and_disjoint_for_any_world(opened, world):
    data = opened()
    whole = torch.cat([images for images, _ in data.evaluate(0, 1)])
    shares = [images for rank in range(world) for images, _ in data.evaluate(rank, world)]
    rows = sorted(image.numpy().tobytes() for share in shares for image in share)
    assert rows == sorted(image.numpy().tobytes() for image in whole)
    assert len(set(rows)) == data.evaluation_size


def test_shards_give_the_same_batches_as_the_folders_they_were_made_of(opened, folders, tmp_path):
    shards = opened(image_shards(tmp_path / "shards", folders), workers=1)
    plain = opened()
    assert same(shards.train(0, range(2), 5), plain.train(0, range(2), 5))
    assert same(shards.evaluate(0, 1), plain.evaluate(0, 1))


def test_a_validation_split_comes_out_of_the_training_part(opened):
    first, second = opened(val_split=1 / 3), opened(val_split=1 / 3, seed=4)
    assert first.evaluation_size == 6
    assert first.steps_per_epoch == 12 // 4
    assert same(first.evaluate(0, 1), second.evaluate(0, 1))
    assert torch.cat([labels for _, labels in first.evaluate(0, 1)]).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_a_damaged_image_is_one_line_that_names_its_file(opened, tmp_path, workers, damage):
    root = image_folders(tmp_path / "imagenet")
    victim = root / "val" / "n00000001" / "n00000001_2.JPEG"
    content = victim.read_bytes()
    victim.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "text": b"<html>"}[damage])
    with pytest.raises(DataError) as caught:
        list(opened(root, workers=workers).evaluate(0, 1))
    assert str(caught.value) == f"{victim} cannot be read: damaged or not an image"


def test_an_image_that_vanished_is_named_with_the_systems_words(opened, tmp_path):
    root = image_folders(tmp_path / "imagenet")
    data = opened(root)
    (root / "val" / "n00000000" / "n00000000_0.JPEG").unlink()
    with pytest.raises(DataError, match=r"n00000000_0.JPEG cannot be read: .*No such file"):
        list(data.evaluate(0, 1))


def workers_of(me):
    return {child.pid for child in multiprocessing.active_children()} - me


def test_workers_leave_the_schedulers_signals_to_the_rank_and_end_with_the_data(opened):
    before = workers_of(set())
    data = opened(workers=2)
    batches = data.train(0, range(2), 8)
    next(batches), next(batches)  # one from each worker: both have begun
    workers = workers_of(before)
    assert len(workers) == 2
    scheduler = (
        "import os, sys; [os.kill(int(pid), int(n)) for n in sys.argv[1].split() for pid in sys.argv[2].split()]"
    )
    signals = f"{signal.SIGTERM:d} {signal.SIGUSR2:d} {signal.SIGINT:d}"
    subprocess.run([sys.executable, "-c", scheduler, signals, " ".join(map(str, workers))], check=True)
    assert len(list(batches)) == 14
    data.close()
    assert workers_of(before) == set()


def test_closing_ends_the_workers_of_an_iterator_that_is_still_in_use(opened):
    before = workers_of(set())
    data = opened(workers=2)
    batches, shares = data.train(0, range(2), 8), data.evaluate(0, 1)
    next(batches)
    next(shares)
    assert len(workers_of(before)) == 4
    data.close()
    assert workers_of(before) == set()


def test_a_worker_that_does_not_listen_ends_at_the_ranks_sigterm(opened):
    before = workers_of(set())
    data = opened(workers=1)
    next(data.train(0, range(2), 8))
    (child,) = [child for child in multiprocessing.active_children() if child.pid not in before]
    child.terminate()
    child.join(5)
    assert child.exitcode == 0


def test_classes_that_are_missing_or_empty_are_named(tmp_path):
    root = image_folders(tmp_path / "imagenet")
    with pytest.raises(DataError, match=r"train holds 3 class folders and no tar shards; there should be 1000"):
        index(root / "train", 1000)
    for path in (root / "train" / "n00000002").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"train holds no images in n00000002"):
        index(root / "train", 3)


@pytest.mark.parametrize("stage", [False, True])
def test_parts_with_different_class_folders_are_refused_before_training(
    opened, tmp_path, tmp_path_factory, monkeypatch, stage
):
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("disk")))
    root = image_folders(tmp_path / "imagenet")
    (root / "val" / "n00000000").rename(root / "val" / "vessel")
    words = rf"of train/ and val/ in {root} differ: train/ has n00000000, val/ has vessel; make them the same"
    with pytest.raises(DataError, match=words):
        opened(root, stage=stage)
    with pytest.raises(DataError, match=words):
        opened(root, stage=stage, val_split=1 / 3)


def in_folders(_part, name, number):
    return f"{name}/{number}"


def in_file_names(part, name, number):
    """As torchvision's and as Hugging Face's copies of ImageNet call their images."""
    return f"train/{name}_{number}" if part == "train" else f"val/ILSVRC2012_val_{number:08d}_{name}"


def shards_of(root, names, key):
    """A shard for each part with an image for each (class name, class number); `key` names it in the shard."""
    for part, classes in names.items():
        (root / part).mkdir(parents=True)
        members = {}
        for name, number in classes:
            stem = key(part, name, number)
            members |= {f"{stem}.jpg": jpeg(number), f"{stem}.cls": b"%d" % number}
        write_tar(root / part / "0.tar", members)
    return root


IN_ORDER = [("n01440764", 0), ("n01443537", 1), ("n01484850", 2)]
SWAPPED = [("n01440764", 1), ("n01443537", 0), ("n01484850", 2)]


@pytest.mark.parametrize("key", [in_folders, in_file_names])
def test_shards_that_number_their_classes_differently_are_refused(tmp_path, key):
    with pytest.raises(DataError, match="class 0 is n01440764 in train/ and n01443537 in val/"):
        open_parts(TINY, shards_of(tmp_path / "differ", {"train": IN_ORDER, "val": SWAPPED}, key))
    same = shards_of(tmp_path / "same", {"train": IN_ORDER, "val": IN_ORDER}, key)
    assert [files.class_names for files in open_parts(TINY, same)] == [tuple(name for name, _ in IN_ORDER)] * 2


def test_shards_beside_class_folders_must_have_their_classes(tmp_path):
    shutil.copytree(image_folders(tmp_path / "all") / "train", tmp_path / "mixed" / "train")
    shards_of(tmp_path / "mixed", {"val": [("cup", 0), ("pen", 1), ("vessel", 2)]}, in_folders)
    with pytest.raises(DataError, match="train/ has n00000000, n00000001, n00000002, val/ has cup, pen, vessel"):
        open_parts(TINY, tmp_path / "mixed")


def test_shards_without_class_names_are_taken_by_their_numbers(tmp_path, folders):
    """A folder that several classes share names none of them."""
    assert [files.class_names for files in open_parts(SMALL, image_shards(tmp_path / "plain", folders))] == [(), ()]
    shared = [("all", 0), ("all", 1), ("other", 2)]
    found = open_parts(TINY, shards_of(tmp_path / "shared", {"train": shared, "val": IN_ORDER}, in_folders))
    assert found[0].class_names == ()


@pytest.mark.parametrize("shards", [False, True])
def test_missing_and_surplus_images_are_counted_and_refused(opened, tmp_path, folders, shards):
    root = image_shards(tmp_path / "shards", folders, 3) if shards else shutil.copytree(folders, tmp_path / "folders")
    first = root / "train" / ("train-0000.tar" if shards else "n00000000/n00000000_0.JPEG")
    shutil.copy(first, first.with_name(f"again-{first.name}"))
    surplus = 3 if shards else 1
    words = f"imagenet in {root} has {18 + surplus} training images instead of 18"
    with pytest.raises(DataError, match=words):
        opened(root)
    with pytest.raises(DataError, match=words):
        opened(root, val_split=1 / 3)
    for part in ("train", "val"):
        (root / part / (f"{part}-0001.tar" if shards else "n00000001/n00000001_1.JPEG")).unlink()
    first.with_name(f"again-{first.name}").unlink()
    with pytest.raises(DataError) as caught:
        opened(root)
    lost = 3 if shards else 1
    assert str(caught.value) == (
        f"imagenet in {root} has {18 - lost} training images instead of 18 and {12 - lost} test images instead of 12; "
        "correct the files, or register a subset as a data set of its own"
    )


def test_an_incomplete_set_is_named_by_its_own_folder_not_by_its_copy(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    root = image_folders(tmp_path / "imagenet", train=5)
    with pytest.raises(DataError, match=f"imagenet in {root} has 15 training images instead of 18;"):
        opened(root, stage=True)


def test_half_a_data_root_is_named(tmp_path, make_spec):
    spec = make_spec("imagenet", augment="imagenet")
    (tmp_path / "imagenet" / "train").mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"imagenet is not whole in .*: missing val, train \(empty\); set root or image"
    ):
        open_data(spec, DataRoots(root=tmp_path), CPU)
    with pytest.raises(DataError, match=r"no folder is set for imagenet; set root or imagenet under \[data\]"):
        open_data(spec, DataRoots(), CPU)


def test_an_augmentation_of_sets_in_memory_is_an_error(opened):
    with pytest.raises(DataError, match="augment crop-flip is for data sets in memory; image files take none, imagen"):
        opened(augment="crop-flip")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a.jpg": b"x"}, "a lacks its image or its .cls"),
        ({"a.cls": b"0"}, "a lacks its image or its .cls"),
        ({"a.jpg": b"x", "a.cls": b"zebra"}, "is not a plain tar"),
        ({"a.jpg": b"x", "a.cls": b"3"}, "hold 1 class from 3 to 3; there should be all of 0..2"),
        ({"readme.txt": b"x"}, "without any image"),
    ],
)
def test_faulty_shards_are_named(tmp_path, members, words):
    write_tar(tmp_path / "train-0.tar", members)
    with pytest.raises(DataError, match=words) as caught:
        index(tmp_path, 3)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("keep", [100, 1500, 12000])
def test_a_truncated_shard_is_named(tmp_path, keep):
    pairs = {f"{n}.{kind}": value for n in range(6) for kind, value in (("jpg", jpeg(n)), ("cls", b"%d" % (n % 3)))}
    shard = write_tar(tmp_path / "train-0.tar", pairs)
    shard.write_bytes(shard.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"train-0.tar"):
        index(tmp_path, 3)
