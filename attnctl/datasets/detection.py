"""The data sets for detection and segmentation."""

from __future__ import annotations

from attnctl.datasets.descriptor import Archive, DataFile, Dataset
from attnctl.spec import Task

VOC_ANNOTATED = "annotated"
"""A part of VOC for which there is no list: every image that has an annotation."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's mean and deviation, with which backbones are pre-trained."""

_VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_COCO_CLASSES = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)
_DIGITS = tuple("0123456789")

_VOC2007, _VOC2012 = (
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc2007",
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012",
)
_TRAINVAL07 = Archive(
    name="VOCtrainval_06-Nov-2007.tar",
    url=f"{_VOC2007}/VOCtrainval_06-Nov-2007.tar",
    gives="VOC2007/ImageSets/Main/trainval.txt",
    inside="VOCdevkit",
    md5="c52e279531787c972589f7e41ab4ae64",
    size=460_032_000,
)
_TEST07 = Archive(
    name="VOCtest_06-Nov-2007.tar",
    url=f"{_VOC2007}/VOCtest_06-Nov-2007.tar",
    gives="VOC2007/ImageSets/Main/test.txt",
    inside="VOCdevkit",
    md5="b6e924de25625d8de591ea690078ad9f",
    size=451_020_800,
)
_TRAINVAL12 = Archive(
    name="VOCtrainval_11-May-2012.tar",
    url=f"{_VOC2012}/VOCtrainval_11-May-2012.tar",
    gives="VOC2012/ImageSets/Main/trainval.txt",
    inside="VOCdevkit",
    md5="6cd6e144f989b92b3379bac3b3de84fd",
    size=1_999_639_040,
)
_SBD = Archive(
    name="benchmark.tgz",
    url="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
    gives="benchmark_RELEASE/dataset/cls",
    md5="82b4d87ceb2ed10f6038a1cba92111cb",
    size=1_419_539_633,
)
_COCO = "http://images.cocodataset.org"
_COCO_ARCHIVES = (
    Archive(
        name="annotations_trainval2017.zip",
        url=f"{_COCO}/annotations/annotations_trainval2017.zip",
        gives="annotations/instances_train2017.json",
        md5="f4bbac642086de4f52a3fdda2de5fa2c",
        size=252_907_541,
    ),
    Archive(
        name="val2017.zip",
        url=f"{_COCO}/zips/val2017.zip",
        gives="val2017",
        md5="442b8da7639aecaf257c1dceb8ba8c80",
        size=815_585_330,
    ),
    Archive(
        name="train2017.zip",
        url=f"{_COCO}/zips/train2017.zip",
        gives="train2017",
        md5="cced6f7f71b7629ddf16f17bbcfab6b2",
        size=19_336_861_798,
    ),
)
_STUFF = Archive(
    name="stuffthingmaps_trainval2017.zip",
    url="http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/stuffthingmaps_trainval2017.zip",
    gives="stuffthingmaps/train2017",
    into="stuffthingmaps",
    md5="",
    size=659 << 20,  # as its authors say
)
_EVERINGHAM = "Everingham et al., The PASCAL Visual Object Classes challenge, IJCV 2010"


def _voc(
    name: str, train_size: int, test_size: int, train: tuple[str, ...], test: str, archives: tuple[Archive, ...]
) -> Dataset:
    """A VOC detection data set; the sizes are those of the published lists."""
    return Dataset(
        name=name,
        version=1,
        classes=len(_VOC_CLASSES),
        train_size=train_size,
        test_size=test_size,
        height=0,
        width=0,
        mean=_MEAN,
        std=_STD,
        layout="voc",
        tasks=("detect",),
        names=_VOC_CLASSES,
        folder="VOCdevkit",
        files=_voc_files(train, test),
        archives=archives,
        train_parts=train,
        test_parts=(test,),
        source=_EVERINGHAM,
    )


def _voc_files(train: tuple[str, ...], test: str) -> tuple[DataFile, ...]:
    parts = [part.split("/") for part in (*train, test)]
    lists = [f"{year}/ImageSets/Main/{name}.txt" for year, name in parts if name != VOC_ANNOTATED]
    folders = [f"{year}/{folder}" for year, _ in parts for folder in ("JPEGImages", "Annotations")]
    return tuple(DataFile(name) for name in dict.fromkeys([*lists, *folders]))


def _embedded(name: str, tasks: tuple[Task, ...], names: tuple[str, ...]) -> Dataset:
    """Digits on a canvas, generated by `attnctl.jobs.data.canvases`."""
    return Dataset(
        name=name,
        version=1,
        classes=len(names),
        train_size=600,
        test_size=150,
        height=128,
        width=128,
        mean=(0.169, 0.169, 0.169),
        std=(0.159, 0.159, 0.159),
        layout="embedded",
        tasks=tasks,
        names=names,
        source="scikit-learn's scans of handwritten digits, one to five on a noisy canvas",
    )


SCENES = (
    _embedded("digits-det", ("detect", "instance"), _DIGITS),
    _embedded("digits-seg", ("segment",), ("background", *_DIGITS)),
    _voc("voc07", 5_011, 4_952, ("VOC2007/trainval",), "VOC2007/test", (_TRAINVAL07, _TEST07)),
    _voc("voc12", 5_717, 5_823, ("VOC2012/train",), "VOC2012/val", (_TRAINVAL12,)),
    _voc(
        "voc0712",
        16_551,
        4_952,
        ("VOC2007/trainval", "VOC2012/trainval"),
        "VOC2007/test",
        (_TRAINVAL07, _TEST07, _TRAINVAL12),
    ),
    _voc(
        "voc0712-all",
        5_011 + 17_125,
        4_952,
        ("VOC2007/trainval", f"VOC2012/{VOC_ANNOTATED}"),
        "VOC2007/test",
        (_TRAINVAL07, _TEST07, _TRAINVAL12),
    ),
    Dataset(
        name="voc12-seg",
        version=1,
        classes=1 + len(_VOC_CLASSES),
        train_size=10_582,
        test_size=1_449,
        height=0,
        width=0,
        mean=_MEAN,
        std=_STD,
        layout="voc",
        tasks=("segment",),
        names=("background", *_VOC_CLASSES),
        folder="VOCdevkit",
        files=tuple(
            DataFile(f"VOC2012/{name}")
            for name in (
                "JPEGImages",
                "SegmentationClass",
                "ImageSets/Segmentation/train.txt",
                "ImageSets/Segmentation/val.txt",
            )
        ),
        archives=(_TRAINVAL12, _SBD),
        train_parts=("VOC2012/train_aug",),
        test_parts=("VOC2012/val",),
        source=f"{_EVERINGHAM}; train_aug with the maps of Hariharan et al., Semantic contours, ICCV 2011",
    ),
    Dataset(
        name="coco",
        version=1,
        classes=len(_COCO_CLASSES),
        train_size=118_287,
        test_size=5_000,
        height=0,
        width=0,
        mean=_MEAN,
        std=_STD,
        layout="coco",
        tasks=("detect", "instance"),
        names=_COCO_CLASSES,
        folder="coco",
        files=tuple(
            DataFile(name)
            for name in (
                "annotations/instances_train2017.json",
                "annotations/instances_val2017.json",
                "train2017",
                "val2017",
            )
        ),
        archives=_COCO_ARCHIVES,
        map_archives=(_STUFF,),
        train_parts=("train2017",),
        test_parts=("val2017",),
        source="Lin et al., Microsoft COCO: common objects in context, ECCV 2014; the 2017 split",
    ),
)
