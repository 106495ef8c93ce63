from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from attnctl.datasets import describe
from attnctl.jobs.data import voc
from attnctl.jobs.data.errors import DataError, FaultyFilesError, MissingDataError
from attnctl.jobs.data.pictures import Reader
from attnctl.jobs.data.scene_data import open_parts
from attnctl.jobs.data.scenes import Scenes, trainable
from attnctl.jobs.data.sizes import ImageSizeError
from tests.jobs.data.scene_files import VOC, class_map, voc_folder, voc_image, voc_object

NUMBERS = {"dog": 1, "person": 2}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voc_folder(tmp_path_factory.mktemp("voc"))


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(once, tmp_path / "VOCdevkit")


def test_boxes_are_half_open_and_count_from_zero(once: Path) -> None:
    train, test = open_parts(VOC, once, "detect")
    objects = train.table.of(0)
    assert objects.boxes.tolist() == [[0, 0, 60, 48], [10, 4, 20, 14]]
    assert objects.area.tolist() == [60 * 48, 100]
    assert [train.names[label - 1] for label in objects.labels] == ["dog", "cat"]
    assert objects.difficult.tolist() == [False, True]
    assert train.table.of(2).boxes[0].tolist() == [1.5, 2.5, 30, 40]  # VOC2012 has some that are not whole
    assert (len(train), len(test), len(test.table.of(1).labels)) == (3, 2, 0)
    assert train.image(1).size == (64, 48)
    assert train.categories == tuple(range(1, 21))


def test_difficult_objects_are_left_out_only_of_the_training(once: Path) -> None:
    train, _ = open_parts(VOC, once, "detect")
    assert len(Reader(train, training=True)(0).objects.labels) == 1
    assert len(Reader(train, training=False)(0).objects.labels) == 2
    learned, left = trainable(train, masks=False)
    assert (learned.tolist(), left.summary()) == ([0, 1, 2], "1 difficult object")


def test_the_boxes_of_an_objects_parts_are_ignored(tmp_path: Path) -> None:
    head = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    first = voc_object("person", 8, 12, 31, 40, more=head)
    second = first.replace("<bndbox><xmin>8", f"{head}<bndbox><xmin>8").replace(f"{head}</object>", "</object>")
    voc_image(tmp_path, "x", [first, second])
    objects, size = voc.read_objects(tmp_path / "Annotations" / "x.xml", NUMBERS)
    assert objects.boxes.tolist() == [[7, 11, 31, 40]] * 2
    assert size == (48, 60)


def test_several_parts_are_concatenated(folder: Path) -> None:
    shutil.copytree(folder / "VOC2007", folder / "VOC2012")
    for name in ("trainval", "test"):
        shutil.copy(folder / f"VOC2007/ImageSets/Main/{name}.txt", folder / f"VOC2012/ImageSets/Main/{name}.txt")
    both = dataclasses.replace(
        VOC, train_parts=("VOC2007/trainval", "VOC2012/test"), train_size=5, name="voc0712", files=()
    )
    train, _ = open_parts(both, folder, "detect")
    assert [train.name(n).rsplit("VOC20")[1] for n in range(5)] == [
        *(f"07/JPEGImages/00000{n}.jpg" for n in (1, 2, 3)),
        *(f"12/JPEGImages/00000{n}.jpg" for n in (4, 5)),
    ]
    assert [len(train.table.of(n).labels) for n in range(5)] == [2, 1, 2, 2, 0]
    assert [train.number(n) for n in range(5)] == [0, 1, 2, 3, 4]  # ids of the two years may be the same


def test_all_annotated_images_need_no_list(folder: Path) -> None:
    shutil.copytree(folder / "VOC2007", folder / "VOC2012")
    shutil.rmtree(folder / "VOC2012" / "ImageSets")
    every = dataclasses.replace(
        describe("voc0712-all"), train_parts=("VOC2007/trainval", "VOC2012/annotated"), train_size=3 + 5, test_size=2
    )
    train, test = open_parts(every, folder, "detect")
    assert [train.name(n).rsplit("VOC20")[1] for n in range(8)] == [
        *(f"07/JPEGImages/00000{n}.jpg" for n in (1, 2, 3)),
        *(f"12/JPEGImages/00000{n}.jpg" for n in (1, 2, 3, 4, 5)),
    ]
    assert len(test) == 2
    with pytest.raises(DataError, match="has 8 training images instead of 22136"):
        open_parts(dataclasses.replace(every, train_size=22_136), folder, "detect")
    for file in (folder / "VOC2012" / "Annotations").iterdir():
        file.rename(file.with_suffix(".txt"))
    with pytest.raises(DataError, match="VOC2012/Annotations has no annotations"):
        open_parts(every, folder, "detect")


def test_the_22k_images_of_eans_text_are_all_annotated_ones() -> None:
    every = describe("voc0712-all")
    assert (every.train_size, every.test_size) == (22_136, 4_952)
    assert "VOC2012/Annotations" in [item.name for item in every.files]
    assert not any("annotated" in item.name for item in every.files)
    assert [item.name for item in every.archives] == [item.name for item in describe("voc0712").archives]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<annotation><object>", "is not XML: no element found"),
        ("", "is not XML"),
        ("<annotation><object><name>zebra</name></object></annotation>", "unknown class 'zebra'"),
        ("<annotation><object><name>dgo</name></object></annotation>", "unknown class 'dgo'; did you mean 'dog'"),
        ("<annotation><object><name>dog</name></object></annotation>", "a dog without a bndbox"),
        (
            f"<annotation>{voc_object('dog', 1, 2, 3, 4).replace('<ymax>4</ymax>', '')}</annotation>",
            "an invalid bndbox",
        ),
        (f"<annotation>{voc_object('dog', 1, 2, 3, float('inf'))}</annotation>", "an invalid bndbox"),
        (
            f"<annotation>{voc_object('dog', 1, 2, 3, 4).replace('4', 'four')}</annotation>",
            "ymax is 'four' instead of a",
        ),
        (
            f"<annotation>{voc_object('dog', 1, 2, 3, 4, difficult='often')}</annotation>",
            "difficult is 'often' instead",
        ),
        ("<annotation><size><width>60</width><height>tall</height></size></annotation>", "size/height is 'tall'"),
        ("<annotation><size><width>60</width><height>40.5</height></size></annotation>", "size/height is '40.5'"),
    ],
)
def test_a_faulty_annotation_is_a_one_line_error_naming_the_file(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        voc.read_objects(path, NUMBERS)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "VOC2007" / "Annotations" / "000002.xml").unlink()
    with pytest.raises(MissingDataError, match=r"Annotations/000002.xml cannot be read: .*No such file"):
        open_parts(VOC, folder, "detect")
    (folder / "VOC2007" / "JPEGImages" / "000001.jpg").unlink()
    with pytest.raises(MissingDataError, match=r"JPEGImages lacks 1 image: 000001$"):
        open_parts(VOC, folder, "detect")
    (folder / "VOC2007" / "ImageSets" / "Main" / "trainval.txt").unlink()
    with pytest.raises(DataError, match=r"missing VOC2007/ImageSets/Main/trainval.txt; run `attnctl data fetch voc07`"):
        open_parts(VOC, folder, "detect")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; it must list images"),
        ("000001\n000002\n000001\n", "lists 000001 2 times"),
        ("000001\n", "has 1 training image instead of 3"),
    ],
)
def test_a_list_that_differs_from_the_published_one_is_named(folder: Path, text: str, words: str) -> None:
    (folder / "VOC2007" / "ImageSets" / "Main" / "trainval.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        open_parts(VOC, folder, "detect")


def test_lists_with_flags_or_paths_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("2007_000032 -1\n\n/JPEGImages/2007_000039.jpg /SegmentationClassAug/2007_000039.png\n")
    assert voc.read_list(path) == ["2007_000032", "2007_000039"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"\xef\xbb\xbf000001\r\n000002\r\n", ["000001", "000002"]),
        ("photo (1)\nphoto (2) -1\n".encode("utf-16"), ["photo (1)", "photo (2)"]),
        (b"photo 1\nphoto 1 1\n", ["photo 1", "photo 1 1"]),
        (b"photo 0  1\n", ["photo 0"]),
        (b"a b.jpg\n", ["a b"]),
    ],
)
def test_names_with_blanks_and_lists_of_other_programs_are_read(
    tmp_path: Path, content: bytes, names: list[str]
) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    assert voc.read_list(path, {"photo 1 1", "photo (1)", "photo 0", "photo 1", "a b"}) == names


@pytest.mark.parametrize(
    ("difficult", "is_difficult"),
    [("Unspecified", False), ("0.0", False), ("", False), ("1.0", True), ("True", True), ("1", True)],
)
def test_numbers_and_flags_are_read_as_programs_write_them(tmp_path: Path, difficult: str, is_difficult: bool) -> None:
    path = tmp_path / "x.xml"
    size = "<size><width>60.0</width><height> 48 </height></size>"
    path.write_text(f"<annotation>{size}{voc_object('dog', 1, 2, 3, 4, difficult=difficult)}</annotation>")
    objects, read_size = voc.read_objects(path, NUMBERS)
    assert (objects.difficult.tolist(), read_size) == ([is_difficult], (48, 60))


def test_two_images_of_one_name_are_refused_and_hidden_files_passed_by(folder: Path) -> None:
    year = folder / "VOC2007"
    for hidden in (year / "JPEGImages" / "._000001.jpg", year / "Annotations" / "._000001.xml"):
        hidden.write_bytes(b"\0")
    assert len(voc.index_boxes(folder, ["VOC2007/annotated"], VOC.names)) == 5
    shutil.copy(year / "JPEGImages" / "000001.jpg", year / "JPEGImages" / "000001.png")
    with pytest.raises(DataError, match=r"JPEGImages has both 000001.jpg and 000001.png; the list names only 000001"):
        open_parts(VOC, folder, "detect")


def test_all_faulty_annotations_are_named(folder: Path) -> None:
    for number in (1, 3):
        (folder / "VOC2007" / "Annotations" / f"00000{number}.xml").write_text("<annotation>")
    with pytest.raises(FaultyFilesError, match="1 other file is also wrong") as caught:
        open_parts(VOC, folder, "detect")
    assert [problem.partition(" ")[0][-10:] for problem in caught.value.problems] == ["000001.xml", "000003.xml"]


def test_an_image_without_its_annotated_size_is_refused(folder: Path) -> None:
    voc_image(folder / "VOC2007", "000002", [voc_object("person", 8, 12, 31, 40)], width=20, height=30)
    text = (folder / "VOC2007" / "Annotations" / "000002.xml").read_text()
    (folder / "VOC2007" / "Annotations" / "000002.xml").write_text(text.replace("<width>20", "<width>64"))
    train, _ = open_parts(VOC, folder, "detect")
    for learning in (True, False):
        with pytest.raises(ImageSizeError, match=r"000002\.jpg is 20x30 pixels, but its annotation says 64x30"):
            Reader(train, training=learning)(1)


# ---------------------------------------------------------------------------------------------------------- class maps

SEGMENTED = dataclasses.replace(describe("voc12-seg"), train_size=3, test_size=1)


@pytest.fixture
def segmented(tmp_path: Path) -> Path:
    """VOC2012 with one training and one validation image; SBD adds three, of which one is of the validation."""
    year = tmp_path / "VOC2012"
    for number, stem in enumerate(("v_train", "v_val", "s_one", "s_two")):
        voc_image(year, stem, [], width=20 + number, height=16)
    lists = year / "ImageSets" / "Segmentation"
    lists.mkdir()
    (lists / "train.txt").write_text("v_train\n")
    (lists / "val.txt").write_text("v_val\n")
    class_map(year / "SegmentationClass" / "v_train.png", np.full((16, 20), 20))
    class_map(year / "SegmentationClass" / "v_val.png", np.tile([0, 255, 3], (16, 7)))
    sbd = tmp_path / "benchmark_RELEASE" / "dataset"
    (sbd / "cls").mkdir(parents=True)
    (sbd / "train.txt").write_text("s_one\nv_train\n")
    (sbd / "val.txt").write_text("s_two\nv_val\n")
    for number, stem in ((2, "s_one"), (3, "s_two"), (9, "v_train")):
        classes = np.full((16, 20 + number), number, np.uint8)
        savemat(sbd / "cls" / f"{stem}.mat", {"GTcls": {"Segmentation": classes}})
    return tmp_path


def values(scenes: Scenes) -> dict[str, list[int]]:
    read = Reader(scenes, training=True, classes=True, limit=21)
    found = {}
    for n in range(len(scenes)):
        classes = read(n).classes
        assert classes is not None
        found[scenes.name(n).rsplit("/")[-1]] = sorted(np.unique(classes).tolist())
    return found


def test_train_aug_combines_vocs_training_list_with_sbd_without_the_validation(segmented: Path) -> None:
    train, test = open_parts(SEGMENTED, segmented, "segment")
    assert values(train) == {"s_one.jpg": [2], "s_two.jpg": [3], "v_train.jpg": [20]}
    assert values(test) == {"v_val.jpg": [0, 3, 255]}


def test_train_aug_can_also_be_read_from_a_list_with_palette_images(segmented: Path) -> None:
    year = segmented / "VOC2012"
    (year / "ImageSets" / "Segmentation" / "trainaug.txt").write_text("s_one\ns_two\nv_train\n")
    for number, stem in ((2, "s_one"), (3, "s_two")):
        class_map(year / "SegmentationClassAug" / f"{stem}.png", np.full((16, 20 + number), number))
    shutil.rmtree(segmented / "benchmark_RELEASE")
    train, _ = open_parts(SEGMENTED, segmented, "segment")
    assert values(train) == {"s_one.jpg": [2], "s_two.jpg": [3], "v_train.jpg": [20]}


def test_without_sbd_the_error_says_what_to_do(segmented: Path) -> None:
    shutil.rmtree(segmented / "benchmark_RELEASE")
    with pytest.raises(DataError, match=r"train_aug needs SBD, but .*; run `attnctl data fetch voc12-seg`"):
        open_parts(SEGMENTED, segmented, "segment")


def test_faulty_class_maps_are_named(segmented: Path) -> None:
    maps = segmented / "VOC2012" / "SegmentationClass"
    train, test = open_parts(SEGMENTED, segmented, "segment")
    read = Reader(test, training=False, classes=True, limit=21)
    class_map(maps / "v_val.png", np.full((16, 21), 21))
    with pytest.raises(DataError, match=r"v_val.jpg contains 21; its values must be 0 to 20, or 255"):
        read(0)
    class_map(maps / "v_val.png", np.zeros((16, 22)))
    with pytest.raises(DataError, match=r"v_val.png is 22x16 pixels, but its image is 21x16"):
        read(0)
    test.image(0).save(maps / "v_val.png")
    with pytest.raises(DataError, match=r"v_val.png is a colour image \(RGB\)"):
        read(0)
    (maps / "v_val.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"v_val.png cannot be read: damaged or not an image"):
        read(0)
    (segmented / "benchmark_RELEASE" / "dataset" / "cls" / "s_one.mat").write_bytes(b"x" * 200)
    with pytest.raises(DataError, match=r"s_one.mat is damaged or does not contain a class map of SBD"):
        Reader(train, training=True, classes=True)(0)
    (maps / "v_train.png").unlink()
    (segmented / "benchmark_RELEASE" / "dataset" / "cls" / "v_train.mat").unlink()
    with pytest.raises(DataError, match=r"VOC2012 lacks the class maps of 1 image: v_train"):
        open_parts(SEGMENTED, segmented, "segment")
