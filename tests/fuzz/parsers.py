"""The parsers of all files and outputs that others can write: for each a function, valid inputs, the promised errors.

Valid inputs that attnctl has written are in tests/fuzz/seeds; those of other programs are written out here.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as rle

from attnctl import own_data, papers
from attnctl.backbones.places import TracedNetwork
from attnctl.cli import main
from attnctl.cli.reporting import paper_tables
from attnctl.datasets import arrow_images, describe, hub, image_statistics, object_scan, own
from attnctl.datasets import packed as packed_images
from attnctl.jobs import trial_array
from attnctl.jobs.data import archive as data_archive
from attnctl.jobs.data import cifar, coco, files, images, maps, sizes, voc
from attnctl.jobs.data.crops import CentreCrop
from attnctl.jobs.doctor import compute_node
from attnctl.jobs.metrics import detections
from attnctl.jobs.runtime import group
from attnctl.jobs.slurm import accounting, configuration, nodes, queries, release, sbatch, start_times
from attnctl.jobs.slurm.commands import CommandError
from attnctl.jobs.slurm.job import Job
from attnctl.jobs.training import checkpoint
from attnctl.lifecycle import packing, step_history
from attnctl.networks.complexity.work import Counts
from attnctl.networks.weights.read import read as read_weights
from attnctl.papers import check as paper_check
from attnctl.papers.runs import Overrides
from attnctl.recipes import file as recipe_file
from attnctl.recipes import parts as recipe_parts
from attnctl.reports import csv_cells, lock
from attnctl.reports.exchange import archive, results, secrets
from attnctl.settings import config
from attnctl.sources import plugins, rules, store
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace import (
    checkpoints,
    events,
    file_systems,
    records,
    submissions,
    untrusted_json,
    version,
    waiting_searches,
    weight_files,
)
from attnctl.workspace.evaluations import Evaluation
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.predictions import Predictions
from attnctl.workspace.records import RecordError
from attnctl.workspace.user_notes import Annotation
from tests.fixtures import hub_data, image_folder
from tests.jobs.data import published, scene_files

HERE = Path(__file__).parent
SEEDS = HERE / "seeds"
CASES = HERE / "cases"

Parse = Callable[[bytes], object]
Errors = tuple[type[Exception], ...]


@dataclass(frozen=True)
class Parser:
    """name: also that of its folder in `cases`. parse: reads the whole content of one file or output.

    seeds: valid inputs. form: how they are changed, a key of `inputs.FORMS`. promised: the errors, each printed as one
    line. modules: those whose reading this covers, without `attnctl.`.
    """

    name: str
    parse: Parse
    seeds: Callable[[], list[bytes]]
    form: str
    promised: Errors
    modules: tuple[str, ...]
    slow: bool = False
    """It takes a tenth of a second, so `make test` tries few inputs."""


def stored(*names: str) -> Callable[[], list[bytes]]:
    """The seeds in folders of `seeds`."""
    return functools.cache(
        lambda: [path.read_bytes() for name in names for path in sorted((SEEDS / name).iterdir()) if path.is_file()]
    )


def written(*texts: str | bytes) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() if isinstance(text, str) else text for text in texts]


def in_file(read: Callable[[Path], object], name: str = "file") -> Parse:
    """A parser of a path, called with a file of the current folder."""

    def parse(data: bytes) -> object:
        path = Path(name).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return read(path)

    return parse


@contextlib.contextmanager
def new_folder(inside: str | None = ".") -> Iterator[Path]:
    """An empty folder; inside None: among the temporary ones of the system, for valid inputs."""
    with tempfile.TemporaryDirectory(dir=inside) as name:
        yield Path(name).absolute()


# ---------------------------------------------------------------------------------------------- records of a workspace


def of_record(name: str, kind: type[records.Record], *modules: str) -> Parser:
    return Parser(name, in_file(kind.read), stored(name), "json", (RecordError,), ("workspace.records", *modules))


def read_spec(path: Path) -> object:
    spec = RunDir(path.parent, path.parent / "checkpoints").read_spec()
    return spec.label(), spec.family, spec.base, spec.components


def read_steps(path: Path) -> object:
    run = path.parents[3]
    return step_history.steps(RunDir(run, run / "checkpoints"))


def decode_spec(data: bytes) -> object:
    spec = RunSpec.from_json(untrusted_json.loads_object(data))
    return spec.id, spec.label(), spec.family, spec.base, spec.components


def read_head(path: Path) -> object:
    submissions.without_script(path)
    return submissions.head(path)


def read_events(path: Path) -> object:
    log = events.Log()
    return list(events.read(path, log)), log.columns(), events.read_ends(path)


def read_imported(path: Path) -> object:
    record = records.ImportedFile.read(path)
    return record and (record.id, record.imported())


def read_speed(path: Path) -> object:
    return Workspace(path.parent.parent).speeds(), records.Speed.read(path)


def read_packing(path: Path) -> object:
    found = packing.read(Workspace(path.parents[1]), path.stem)
    return found and (found.next_room, found.words())


def check_version(path: Path) -> None:
    version.check(path.parent)


def read_machine(path: Path) -> object:
    workspace = Workspace(path.parents[5])
    return workspace.run("a" * 16).attempt(1).incarnation(0).machine()


RUN = "37fe8470ec445c87"
FILES_OF_RUN = {
    "spec": "spec.json",
    "request": "attempts/1/request.json",
    "observed": "attempts/1/observed/1.json",
    "exit": "attempts/1/0/exit.0.json",
    "environment": "attempts/1/0/env.json",
    "events": "attempts/1/0/events.jsonl",
    "owner": "attempts/1/owner",
}
FILES = {"submission": "submissions/attnctl-20261129-221139-77bdaa36.json", "sweep": "sweeps/ela-20261129-221139.json"}
FILES |= {"import-record": "imports/6b3df997bf479086.json", "speed": "bench/9d52d91a08676269.json"}
FILES |= {name: f"runs/{RUN}/{file}" for name, file in FILES_OF_RUN.items()}
COMMANDS = (["status"], ["report"], ["show", RUN], ["why", RUN], ["resume", "--dry-run"], ["gc", "--dry-run"])


READ_BY_COMMANDS = ("db.index", "db.rows", "cli.commands.show")


def with_commands(name: str) -> Parser:
    """Commands in a workspace with one run, one file of which is hostile."""

    def parse(data: bytes) -> None:
        with new_folder() as folder:
            for other, file in FILES.items():
                path = folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data if other == name else stored(other)()[0])
            (folder / "attnctl.toml").touch()
            for words in COMMANDS:
                run_command(folder, *words)

    form = "json lines" if name == "events" else "bytes" if name == "owner" else "json"
    return Parser(
        f"commands-{name}",
        parse,
        lambda: stored(name)()[:1],
        form,
        (),
        ("db.index", "db.rows", "cli.commands.show"),
        slow=True,
    )


def run_command(folder: Path, *words: str) -> None:
    """Raise AssertionError if a command meets an error that it does not expect."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        code = main(["--workspace", str(folder), *words])
    text = stream.getvalue()
    assert "internal error" not in text, f"{words[0]}: {text[text.index('internal error') :][:150]}"
    assert code in {0, 1, 2}, f"{words[0]}: exit code {code}"


def merge(name: str) -> Parser:
    """`attnctl merge` of a workspace, one file of which is hostile."""

    def parse(data: bytes) -> None:
        with new_folder() as folder:
            for other, file in FILES.items():
                path = folder / "theirs" / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data if other == name else stored(other)()[0])
            (folder / "ours").mkdir()
            for _ in range(2):
                run_command(folder / "ours", "merge", str(folder / "theirs"))
            strays = {path.name for path in folder.iterdir()} - {"ours", "theirs"}
            assert not strays, f"merge wrote {strays} outside the workspace"

    return Parser(
        f"merge-{name}", parse, lambda: stored(name)()[:1], "json", (), ("merge.records", "merge.runs"), slow=True
    )


def read_code_origin(path: Path) -> object:
    from attnctl.jobs.submission import code_snapshot

    return code_snapshot.describe(Workspace(path.parent.parent), {code_snapshot.VARIABLE: path.stem})


def read_trial(path: Path) -> object:
    return trial_array._read(Workspace(path.parents[2]), path.parent.name, 0)


def collect_answers(path: Path) -> object:
    return compute_node._collect(Workspace(path.parents[2]), path.parent.name, 1, "COMPLETED")


# --------------------------------------------------------------------------------------------- users' and others' files

RECIPE = (
    'base = "cifar"\nepochs = 3\nlr = 0.05\nschedule = "multistep"\nmilestones = "1+2"\nmixup = 0.2\nnesterov = true\n'
)
PAPER = papers.SKELETON.read_text(encoding="utf-8")
SETTINGS = """\
[slurm]
partition = "gpu"
time = "1:00:00"
mem = "16G"
gpus_per_node = "a100:1"
setup = ["module load cuda", "source .venv/bin/activate"]
cpus_per_gpu = 4
parallel = 20
[slurm.extra]
comment = "ib"
nice = 10
[slurm.profiles.big]
time = "2-00"
[[slurm.profiles.big.rules]]
module = "se"
nodes = 2
[[slurm.rules]]
backbone = "resnet*,vgg16"
dataset = "digits"
mem = "4G"
[slurm.rules.extra]
comment = "x"
[paths]
runs = "elsewhere/runs"
group = false
[data]
root = "data"
cifar10 = "/data/cifar"
stage = true
[defaults]
epochs = 3
lr = 0.1
[resume]
attempts = 5
[resume.actions]
timeout = "always"
[checkpoints]
finished = 1
[notify]
command = "mail -s done ada"
"""
TABLE_CSV = "table,row,column,value,source\nela:2,ResNet18,top1,78.5,Table 5\n"
RESULTS_CSV = 'label,backbone,dataset,placement,seed,top1,params,source\nSE,resnet20,digits,block,0,93.1,0.3M,"a, b"\n'
MODULE = '''\
"""A user's module."""
import math

import torch

SIZES = (3, 5)


class Gate(torch.nn.Module):
    """A gate."""

    title = "Gate"
    choices = {"kernel": SIZES, "mode": ("a", "b")}
    rules = {"kernel % 2 == 1": "kernel must be odd", "divides(groups, C)": "groups must divide C"}
    effective = {"groups": "min(groups, C)"}

    def __init__(self, channels: int, kernel: int = 3, groups: int = 4, mode: str = "a", scale: float = -1.5) -> None:
        super().__init__()


def build(classes, width=8):
    return None
'''
PART = '''\
"""A user's optimizer and loss."""
import torch

BETAS = (0.9, 0.99)


class Own(torch.optim.SGD):
    def __init__(self, params, lr: float, momentum: float = 0.9, betas=(0.9, 0.99), *, mode: str = "a", **others):
        super().__init__(params, lr)


def loss(outputs, labels, gamma: float = -2.0, steps: int = 3):
    return outputs.mean()
'''
RULES = (
    "kernel % 2 == 1",
    "divides(groups, C) and not mode == 'a'",
    "min(8, max(C // 2, 1)) if kernel > 1 else int('3')",
)


def read_settings(path: Path) -> object:
    path.parent.mkdir(exist_ok=True)
    settings = config.read(path)
    return settings.profile(None), settings.data.folder("cifar10"), settings.workspace.recorded_checkpoints


def read_paper(path: Path) -> object:
    paper = papers.load(str(path))
    return [table.rows for table in paper.tables.values()]


def check_paper(path: Path) -> object:
    return paper_check.check(str(path))


def import_results(data: bytes) -> object:
    workspace = Workspace(Path.cwd())
    return results.read(
        data, "results.csv", "somewhere", lambda text: paper_tables.find_table(None, text, workspace)[1]
    )


def read_own_module(path: Path) -> object:
    module = plugins.module(str(path))
    module.check(module.resolve({}), 64)
    return module


def read_own_backbone(path: Path) -> object:
    return plugins.backbone(f"{path}:build")


def read_recipe_part(path: Path) -> object:
    return [recipe_parts.described("optimizer", f"{path}:Own"), recipe_parts.described("loss", f"{path}:loss")]


def evaluate_rule(data: bytes) -> object:
    text = data.decode(errors="replace")
    rules.check(text, ("kernel", "groups", "mode"))
    return rules.evaluate(text, {"kernel": 3, "groups": 4, "mode": "a", "C": 64})


def load_source(data: bytes) -> object:
    """Load a stored source whose manifest is hostile."""
    shutil.rmtree("sources", ignore_errors=True)
    folder = Path("sources", "0" * 16)
    folder.mkdir(parents=True)
    (folder / "own.py").write_text(MODULE)
    (folder / store.MANIFEST).write_bytes(data)
    with contextlib.suppress(SpecError):
        return store.load(Path("sources"), f"ast:{'0' * 16}")
    return store.read_manifest(folder)


def find_secrets(data: bytes) -> object:
    return list(secrets.find({"log.0.txt": data}))


def restore_cell(data: bytes) -> object:
    text = data.decode(errors="replace")
    assert csv_cells.restored(str(csv_cells.protected(text))) == text
    return csv_cells.restored(text)


# ------------------------------------------------------------------------------------------------------------ data sets

CIFAR = describe("cifar10")


def read_cifar(data: bytes) -> object:
    return cifar._parse(data, CIFAR, "data_batch_1")


def cifar_batches() -> list[bytes]:
    batch = published.cifar_batch(2, 10, 0, fine=False)
    return [published.python2_pickle(batch), *(pickle.dumps(batch, protocol) for protocol in (2, 4, 5))]


@functools.cache
def cifar_archive() -> list[bytes]:
    with new_folder(None) as folder:
        members = {"c/data_batch_1": b"abc", "c/x": b""}
        return [published.write_tar(folder / "a.tar.gz", members, gz=True).read_bytes()]


def read_cifar_archive(path: Path) -> object:
    return data_archive.read_archive(path, ["data_batch_1"])


def unpack(path: Path) -> None:
    with new_folder() as folder:
        data_archive.unpack(path, "a", folder / "out", lambda done, total: None)
        assert {item.name for item in folder.iterdir()} <= {"out"}, "files outside the folder"


def packed(name: str) -> Callable[[], list[bytes]]:
    @functools.cache
    def make() -> list[bytes]:
        with new_folder(None) as folder:
            (folder / "in" / "a" / "b").mkdir(parents=True)
            (folder / "in" / "a" / "b" / "c.txt").write_bytes(b"c" * 2000)
            (folder / "in" / "a" / "d.txt").write_bytes(b"d")
            form = {"tar": "tar", "tgz": "gztar", "zip": "zip"}[name]
            return [Path(shutil.make_archive(str(folder / "x"), form, folder / "in")).read_bytes()]

    return make


def read_shard(path: Path) -> object:
    return files.index_shards([path], 2)


@functools.cache
def shards() -> list[bytes]:
    picture = published.jpeg(0, 8, 8)
    members = {"n01440764/1.jpg": picture, "n01440764/1.cls": b"0", "n01443537/2.jpg": picture, "n01443537/2.cls": b"1"}
    with new_folder(None) as folder:
        return [published.write_tar(folder / "a.tar", members).read_bytes()]


@functools.cache
def voc_root() -> Path:
    return scene_files.voc_folder(Path("voc").absolute())


VOC_NAMES = describe("voc07").names


def read_voc_xml(data: bytes) -> object:
    path = voc_root() / "VOC2007" / "Annotations" / "000001.xml"
    path.write_bytes(data)
    scenes = voc.index_boxes(voc_root(), ["VOC2007/trainval"], VOC_NAMES)
    return scenes.table.of(0), scenes.table.size(0)


@functools.cache
def voc_xml() -> list[bytes]:
    with new_folder(None) as folder:
        scene_files.voc_folder(folder)
        return [path.read_bytes() for path in sorted(folder.glob("VOC2007/Annotations/*.xml"))]


def read_voc_list(path: Path) -> object:
    return voc.read_list(path)


@functools.cache
def coco_root() -> Path:
    root = Path("coco").absolute()
    return scene_files.coco_folder(root)


def read_coco(data: bytes) -> object:
    (coco_root() / "annotations" / "instances_train2017.json").write_bytes(data)
    scenes = coco.index(coco_root(), "train2017", 3, masks=True)
    for number in range(len(scenes)):
        with contextlib.suppress(SpecError):
            size = scenes.image(number).size
            scenes.masks(number, size[1], size[0])
    return scenes.table.objects


@functools.cache
def coco_json() -> list[bytes]:
    with new_folder(None) as folder:
        document = scene_files.coco_document()
        compressed = rle.encode(np.asfortranarray(np.eye(48, 60, dtype=np.uint8)))
        document["annotations"][7]["segmentation"] = {"size": [48, 60], "counts": compressed["counts"].decode()}
        scene_files.coco_folder(folder / "coco", document)
        return [path.read_bytes() for path in sorted(folder.glob("coco/annotations/*.json"))]


PACKED_IMAGES = (
    '{"format": 1, "source": "imagenet", "side": 256, "quality": 90, "height": 224, "mean": [0.5, 0.5, 0.5], '
    '"std": [0.2, 0.2, 0.2], "classes": ["cat", "dog"], "parts": {'
    '"train": {"index": "ab", "shards": [{"images": 3, "size": 10, "sha256": "cd"}]}, '
    '"val": {"index": "ef", "shards": [{"images": 2, "size": 10, "sha256": "01"}]}}}'
)
PACKING = ("datasets.packed", "jobs.data.packed_files", "jobs.data.shards")


def read_packed(path: Path) -> object:
    manifest = packed_images.read_manifest(path.parent)
    return manifest.content, packed_images.PackedFolder(path.parent, manifest).advice


OWN_DATA = (
    '{"classes":2,"content":"sha256:0","height":32,"layout":"imagefolder","mean":[0.5,0.5,0.5],"names":["a","b"],'
    '"split":0.2,"split_seed":0,"std":[0.2,0.2,0.2],"tasks":["classify"],"test_parts":["."],"test_size":4,'
    '"train_parts":["."],"train_size":16,"version":1,"width":32}'
)


def describe_own(data: bytes) -> object:
    text = data.decode(errors="replace")
    name = own_data.name_of("flowers", text)
    own_data.remember(name, text)
    return own_data.code_version(text), own.describe(name)


def read_own_record(path: Path) -> object:
    return own.recorded(path.parent), own.read_record(path.parent, path.stem)


def own_record() -> list[bytes]:
    return [json.dumps({"description": OWN_DATA, "folder": "/data/flowers", "signature": "0"}).encode()]


OWN_NAME = own_data.name_of("flowers", OWN_DATA)


@functools.cache
def own_coco_root() -> Path:
    return image_folder.coco_folder(Path("own-coco").absolute(), {"train": 2, "val": 1})


def scan_own_coco(data: bytes) -> object:
    (own_coco_root() / "annotations" / "instances_val.json").write_bytes(data)
    return object_scan.scan(own_coco_root())


HUB_STATE, HUB_LIST, HUB_INFO = "saved/train/state.json", "saved/dataset_dict.json", "cached/dataset_info.json"
HUB_DOCUMENTS = {
    HUB_LIST: '{"splits": ["train", "test"]}',
    HUB_STATE: '{"_data_files": [{"filename": "a.arrow"}], "_indices_files": null}',
    HUB_INFO: '{"dataset_name": "a", "splits": {"train": {"name": "train"}, "test": {"name": "test"}}}',
}


def scan_hub(name: str) -> Parse:
    """A parser of one of the documents of a data set of Hugging Face, whose other files are right."""

    def parse(data: bytes) -> object:
        for other, text in HUB_DOCUMENTS.items():
            in_file(lambda path: path, other)(data if other == name else text.encode())
        in_file(lambda path: path, "saved/test/state.json")(HUB_DOCUMENTS[HUB_STATE].encode())
        for path in ("saved/train/a.arrow", "saved/test/a.arrow", "cached/a-train.arrow", "cached/a-test.arrow"):
            in_file(lambda path: path, path)(b"")
        return hub.scan(Path(Path(name).parts[0]).absolute()).files

    return parse


def read_arrow(path: Path) -> object:
    if not hub_data.HAS_PYARROW:
        return None
    (part,) = arrow_images.open_parts(hub.HubFolder(path.parent, {"train": (path,)}))
    return [(part.read(number), part.name(number)) for number in range(len(part.labels))]


def arrow() -> list[bytes]:
    if not hub_data.HAS_PYARROW:
        return [b""]
    with new_folder(None) as folder:
        content = [(b"image of one", 0), (b"image of two", 1), (b"image of three", 0)] * 3
        return [hub_data.write_arrow(folder / "a.arrow", content).read_bytes()]


HUB = [
    Parser("hub-list", scan_hub(HUB_LIST), written(HUB_DOCUMENTS[HUB_LIST]), "json", (SpecError,), ("datasets.hub",)),
    Parser(
        "hub-state", scan_hub(HUB_STATE), written(HUB_DOCUMENTS[HUB_STATE]), "json", (SpecError,), ("datasets.hub",)
    ),
    Parser("hub-info", scan_hub(HUB_INFO), written(HUB_DOCUMENTS[HUB_INFO]), "json", (SpecError,), ("datasets.hub",)),
    Parser("arrow", in_file(read_arrow), arrow, "bytes", (SpecError,), ("datasets.arrow_images",)),
]


def own_coco() -> list[bytes]:
    with new_folder(None) as folder:
        root = image_folder.coco_folder(folder, {"train": 2, "val": 1})
        return [(root / "annotations" / "instances_val.json").read_bytes()]


@functools.cache
def own_voc_root() -> Path:
    return image_folder.voc_folder(Path("own-voc").absolute(), {"train": 2, "val": 1})


def scan_own_voc(name: str) -> Parse:
    def scan(data: bytes) -> object:
        path = own_voc_root() / name
        before = path.read_bytes()
        path.write_bytes(data)
        try:
            return object_scan.scan(own_voc_root())
        finally:
            path.write_bytes(before)

    return scan


def own_voc(name: str) -> Callable[[], list[bytes]]:
    def read() -> list[bytes]:
        with new_folder(None) as folder:
            return [(image_folder.voc_folder(folder, {"train": 2, "val": 1}) / name).read_bytes()]

    return read


OWN_LIST, OWN_XML = "ImageSets/Main/val.txt", "Annotations/val0.xml"


def measure_image(path: Path) -> object:
    return image_statistics.measure([path])


def encoded(form: str) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    exif = Image.Exif()
    exif[274] = 6
    picture.save(stream, form, exif=exif)
    return stream.getvalue()


def read_image(path: Path) -> object:
    with contextlib.suppress(SpecError):
        sizes.read_stored(path)
    try:
        pixels = images.read_pixels(path.read_bytes, "image")
    except SpecError:
        with contextlib.suppress(SpecError):
            images.decode(path.read_bytes, "image")
            raise AssertionError("Pillow decodes what torchvision refuses") from None
        raise
    return CentreCrop(8, "bilinear")(pixels)


@functools.cache
def palette_map() -> bytes:
    with new_folder(None) as folder:
        scene_files.class_map(folder / "a.png", np.arange(64).reshape(8, 8))
        return (folder / "a.png").read_bytes()


def mat_maps() -> list[bytes]:
    """A class map of SBD, uncompressed and compressed."""
    from scipy.io import savemat

    streams = io.BytesIO(), io.BytesIO()
    for stream in streams:
        variables = {"GTcls": {"Boundaries": np.zeros((2, 2)), "Segmentation": np.zeros((8, 8), np.uint8)}}
        savemat(stream, variables, do_compression=stream is streams[1])
    return [stream.getvalue() for stream in streams]


def read_map(path: Path) -> object:
    return maps.read_map(path, 8, 8)


# --------------------------------------------------------------------------------------------------- weights and states


def saved(*, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    state = {"format": 1, "spec": "a", "network": torch.nn.Linear(2, 2).state_dict(), "losses": [0.5, 1.0]}
    torch.save(state, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def load_weights(path: Path) -> object:
    return read_weights(path), read_weights(path, shapes_only=True)


def weights() -> list[bytes]:
    stream = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2).state_dict(), stream)
    return [stream.getvalue()]


def old_weights() -> list[bytes]:
    """The format before PyTorch 1.6, whose storages stand behind the pickles."""
    stream = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2).state_dict(), stream, _use_new_zipfile_serialization=False)
    return [stream.getvalue()]


def safetensors() -> list[bytes]:
    header = b'{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, '
    header += b'"b": {"dtype": "I64", "shape": [], "data_offsets": [16, 24]}}'
    return [len(header).to_bytes(8, "little") + header + bytes(24)]


def load_checkpoint(data: bytes) -> object:
    """Decode a checkpoint whose checksum is right, as that of a hostile one would be."""
    end = data[:-2] + checkpoints.COMMENT.to_bytes(2, "little") + checkpoints.MARK
    digest = hashlib.sha256(data[:-2] + b"\0\0").hexdigest().encode()
    return checkpoint.decode(end + digest, "1-1.0.pt")


def decode_message(data: bytes) -> object:
    return group._decoded(torch.frombuffer(bytearray(data or b" "), dtype=torch.uint8))


def unpack_detections(data: bytes) -> object:
    return [detections._unpacked(image) for image in untrusted_json.loads(data)]


# ---------------------------------------------------------------------------------------------------------------- SLURM

JOBS = [Job(id=f"7_{number}", tag="attnctl-20261129-221139-77bdaa36", owner="ada", created=90.0) for number in range(2)]
TAG = JOBS[0].tag
SQUEUE = f"7_0|RUNNING|node1|None|{TAG}\n7_1|PENDING||Priority|{TAG}\n"
DETAILS = f"7_0|RUNNING|node1|None|ada|100|{TAG}|/w\n7_1|PENDING|(null)|Priority|ada|2026-11-29T22:00:00|renamed|/w\n"
SACCT = f"7_0|FAILED|1:0|0:0|node1|{TAG}|ada|100|/w\n7_0.batch|FAILED|1:0||node1|batch||100|\n"
SACCT += f"7_1|CANCELLED by 0|0:0|0:125|None assigned|{TAG}|ada|100|/w\n7_1.0|OUT_OF_MEMORY|0:125||node1|python||100|\n"
USAGE = f"7_0|60|8000Mn||billing=2,cpu=2,gres/gpu=4,mem=16000M,node=2|01:00.500|2|{TAG}|ada|100|/w\n"
USAGE += (
    f"7_0.0|60||832M|cpu=2|00:59|2|python||100|\n7_1|30|16Gc||cpu=2,gres/gpu:a100=4|1-00:00:30|2|{TAG}|ada|160|/w\n"
)
SINFO = "4|1-00:00:00|gpu:a100:8(S:0-1)|gpu*\n2|infinite|(null)|cpu\n1|30:00|gpu:4,gpu:v100:2|gpu*\n"
NODES = """\
NodeName=big Arch=x86_64 CPUEfctv=126 CPUTot=128 ActiveFeatures=a100,ib Gres=gpu:a100:8(S:0-1) Partitions=gpu,all
NodeName=small Arch=x86_64 CPUTot=32 ActiveFeatures=v100 Gres=gpu:v100:4 OS=Linux 6.1 #1 SMP Partitions=gpu State=DOWN*
"""
PARTITIONS = "PartitionName=gpu Default=YES MaxCPUsPerNode=64 JobDefaults=DefCpuPerGPU=4 TotalCPUs=160\n"
CONFIG = """\
Configuration data as of 2026-11-29T22:00:00
ClusterName             = test
MaxArraySize            = 1001
JobRequeue              = 1
PreemptMode             = REQUEUE
AccountingStorageType   = accounting_storage/slurmdbd
PrivateData             = jobs,usage
SLURM_VERSION           = 24.11.0
"""


def from_command(program: str, read: Callable[[], object]) -> Parse:
    """A parser of what a program prints: the program is on PATH and prints the input."""

    def parse(data: bytes) -> object:
        folder = Path("bin").absolute()
        folder.mkdir(exist_ok=True)
        (folder / "output").write_bytes(data)
        script = folder / program
        if not script.exists():
            script.write_text(f'#!/bin/sh\nexec cat "{folder}/output"\n')
            script.chmod(0o755)
        os.environ["PATH"] = f"{folder}:/usr/bin:/bin"
        return read()

    return parse


def as_text(read: Callable[[str], object]) -> Parse:
    """A parser of a command's output."""
    return lambda data: read(os.fsdecode(data))


def all_of_sinfo(text: str) -> object:
    return [(row, row.minutes) for row in configuration.read_sinfo(text)]


def all_of_squeue(text: str) -> object:
    return queries.read_squeue(text, JOBS), queries._read_names(text, JOBS)


def all_of_scontrol(text: str) -> object:
    return nodes.read_nodes(text), nodes.read_partitions(text)


def slurm(name: str, read: Callable[[str], object], *seeds: str) -> Parser:
    covered = ("jobs.slurm.queries", "jobs.slurm.accounting", "jobs.slurm.configuration")
    return Parser(name, as_text(read), written(*seeds), "table", (CommandError,), covered)


MOUNTS = "23 28 0:21 / /proc rw,nosuid - proc proc rw\n30 28 0:26 / /scr\\040atch rw - nfs4 server:/x rw,soft,nolock\n"
TRACED = (
    '{"network": "ResNet", "input": 224, "parts": [{"path": "layer1", "kind": "Sequential", "parent": "", '
    '"shape": [64, 56, 56]}]}'
)
COUNTS = '{"parameters": 1, "macs": 2, "activation_bytes": null, "works": [], "roles": []}'
OVERRIDES = '{"dataset": "digits", "fields": {"epochs": "3"}, "seeds": ["0", "1"]}'
ANSWER = '{"checks": [{"name": "torch", "ok": true, "message": "2.6", "fix": ""}]}'
EVALUATION = (
    '{"at": 1.5, "dataset": "./digits-c", "split": "test", "content": "ab", "step": 5, "images": 4, '
    '"metrics": {"top1": 50.0}, "parts": [{"corruption": "shot", "severity": 1, "images": 4, '
    '"metrics": {"top1": 50.0}}], "classes": ["cat", "dog"], '
    '"by_class": [[1, 2], [1, 2]], "confused": [[0, 1, 1], [1, 0, 1]]}'
)
PACKED = (
    '[{"number": 1, "detected": {"boxes": "", "labels": "", "scores": "", "masks": [[1, 1, "01"]]}, '
    '"annotated": {"boxes": "", "labels": "", "area": "", "crowd": "", "difficult": "", "masks": null}}]'
)
JSON_ERRORS = (RecordError, ValueError)


PARSERS = (
    Parser(
        "spec",
        in_file(read_spec, f"{RUN}/spec.json"),
        lambda: stored("spec")()[:1],
        "json",
        (RecordError,),
        ("workspace.layout",),
    ),
    Parser("spec-in-database", decode_spec, stored("spec"), "json", (ValueError,), ("db.rows",)),
    of_record("request", records.Request),
    of_record("submission", records.Submission),
    Parser(
        "submission-head", in_file(read_head), stored("submission"), "json", (RecordError,), ("workspace.submissions",)
    ),
    of_record("sweep", records.Sweep),
    of_record("waiting-search", waiting_searches.WaitingSearch, "workspace.waiting_searches"),
    of_record("observed", records.Observed),
    of_record("exit", records.Exit),
    Parser(
        "steps",
        in_file(read_steps, f"runs/{'a' * 16}/attempts/1/0/events.jsonl"),
        stored("events"),
        "json lines",
        (),
        ("lifecycle.step_history",),
    ),
    Parser(
        "annotation",
        in_file(Annotation.read),
        written(b'{"at": 5.0, "name": "best", "note": "lr too high", "tags": ["baseline", "v2"], "user": "ada"}'),
        "json",
        (RecordError,),
        ("workspace.user_notes",),
    ),
    Parser("notice", in_file(records.Notice.read), stored("notice"), "json", (RecordError,), ("workspace.records",)),
    Parser("cancel", in_file(records.Cancel.read), stored("cancel"), "json", (RecordError,), ("workspace.records",)),
    Parser(
        "import-record", in_file(read_imported), stored("import-record"), "json", (RecordError,), ("workspace.records",)
    ),
    Parser(
        "speed", in_file(read_speed, "bench/1.json"), stored("speed"), "json", (RecordError,), ("workspace.records",)
    ),
    Parser(
        "packing",
        in_file(read_packing, "packing/a.json"),
        written(b'{"asked": 4, "at": 1.0, "device": "cpu", "gains": [1.8, 1.02], "number": 2, "reason": "full"}'),
        "json",
        (),
        ("lifecycle.packing",),
    ),
    Parser(
        "format", in_file(check_version, "format.json"), stored("format"), "json", (SpecError,), ("workspace.version",)
    ),
    Parser(
        "environment",
        in_file(read_machine, f"runs/{'a' * 16}/attempts/1/0/env.json"),
        stored("environment"),
        "json",
        (RecordError,),
        ("workspace.layout", "workspace.untrusted_json"),
    ),
    Parser(
        "events", in_file(read_events), stored("events"), "json lines", (), ("workspace.events", "workspace.records")
    ),
    *(with_commands(name) for name in FILES),
    *(merge(name) for name in ("spec", "request", "submission", "sweep", "import-record", "speed")),
    Parser(
        "code-origin",
        in_file(read_code_origin, "code/a.json"),
        stored("code-origin"),
        "json",
        (),
        ("jobs.submission.code_snapshot",),
    ),
    Parser(
        "doctor-answer",
        in_file(collect_answers, "doctor/a/0.json"),
        written(ANSWER),
        "json",
        (RecordError,),
        ("jobs.doctor.compute_node",),
    ),
    Parser(
        "trial-answer",
        in_file(read_trial, "trials/a/0.json"),
        written('{"answer": {"seconds": 1.5}}', '{"error": "out of memory"}'),
        "json",
        (RecordError,),
        ("jobs.trial_array",),
    ),
    Parser(
        "overrides",
        lambda data: Overrides.from_json(untrusted_json.loads_object(data)),
        written(OVERRIDES),
        "json",
        JSON_ERRORS,
        ("papers.runs",),
    ),
    Parser(
        "cached-network",
        lambda data: untrusted_json.decode(TracedNetwork, untrusted_json.loads_object(data)),
        written(TRACED),
        "json",
        JSON_ERRORS,
        ("backbones.library", "user_cache"),
    ),
    Parser(
        "cached-counts",
        lambda data: Counts.read(untrusted_json.loads_object(data)),
        written(COUNTS),
        "json",
        JSON_ERRORS,
        ("networks.complexity.work",),
    ),
    Parser(
        "settings",
        in_file(read_settings, "settings/attnctl.toml"),
        written(SETTINGS),
        "toml",
        (SpecError,),
        ("settings.config", "settings.sections", "lines"),
    ),
    Parser(
        "recipe",
        in_file(lambda path: recipe_file.read(str(path)), "own.toml"),
        written(RECIPE),
        "toml",
        (SpecError,),
        ("recipes.file",),
    ),
    Parser("paper", in_file(read_paper, "own.toml"), written(PAPER), "toml", (SpecError,), ("papers.document",)),
    Parser("paper-check", in_file(check_paper, "own.toml"), written(PAPER), "toml", (SpecError,), ("papers.document",)),
    Parser(
        "results", import_results, written(RESULTS_CSV, TABLE_CSV), "table", (SpecError,), ("reports.exchange.sheet",)
    ),
    Parser("csv-cell", restore_cell, written("'=1+1", "'' a", "-2"), "bytes", (), ()),
    Parser(
        "module",
        in_file(read_own_module, "own.py"),
        written(MODULE),
        "python",
        (SpecError,),
        ("sources.closure", "sources.signature"),
    ),
    Parser(
        "backbone", in_file(read_own_backbone, "own.py"), written(MODULE), "python", (SpecError,), ("sources.closure",)
    ),
    Parser(
        "recipe-part",
        in_file(read_recipe_part, "own.py"),
        written(PART),
        "python",
        (SpecError,),
        ("sources.callables",),
    ),
    Parser("rule", evaluate_rule, written(*RULES), "python", (rules.RuleError,), ("sources.rules",)),
    Parser(
        "stored-source",
        load_source,
        written('{"entry": "own.py", "origin": "/home/ada"}'),
        "json",
        (SpecError,),
        ("sources.store",),
    ),
    Parser("lock", in_file(lock.read), stored("lock"), "json", (SpecError,), ("reports.lock", "reports.table")),
    Parser(
        "archive",
        in_file(archive.check),
        stored("archive"),
        "tar.gz",
        (SpecError,),
        ("reports.exchange.archive", "reports.exchange.tar_reader"),
    ),
    Parser(
        "secrets",
        find_secrets,
        written("export WANDB_API_KEY=0123456789abcdef0123456789abcdef01234567\nhttps://a:b@c/\n"),
        "table",
        (),
        (),
    ),
    Parser("cifar", read_cifar, cifar_batches, "pickle", (SpecError,), ("jobs.data.unpickle", "jobs.data.cifar")),
    Parser(
        "cifar-archive",
        in_file(read_cifar_archive, "a.tar.gz"),
        cifar_archive,
        "tar.gz",
        (SpecError,),
        ("jobs.data.archive",),
    ),
    Parser("unpack-tar", in_file(unpack, "a.tar"), packed("tar"), "tar", (SpecError, OSError), ("jobs.data.archive",)),
    Parser(
        "unpack-tgz", in_file(unpack, "a.tgz"), packed("tgz"), "tar.gz", (SpecError, OSError), ("jobs.data.archive",)
    ),
    Parser("unpack-zip", in_file(unpack, "a.zip"), packed("zip"), "zip", (SpecError, OSError), ("jobs.data.archive",)),
    Parser("shard", in_file(read_shard, "a.tar"), shards, "tar", (SpecError,), ("jobs.data.files",)),
    Parser("voc-xml", read_voc_xml, voc_xml, "xml", (SpecError,), ("jobs.data.voc", "datasets.xml_files")),
    Parser(
        "voc-list",
        in_file(read_voc_list),
        written("000001\n000002 1\nimages/000003.jpg\n"),
        "table",
        (SpecError,),
        ("jobs.data.voc", "datasets.voc_lists"),
    ),
    Parser("coco", read_coco, coco_json, "json", (SpecError,), ("jobs.data.coco", "jobs.data.outlines")),
    Parser(
        "png",
        in_file(read_image),
        lambda: [encoded("PNG")],
        "png",
        (SpecError,),
        ("jobs.data.images", "jobs.data.sizes"),
    ),
    Parser(
        "predictions",
        Predictions.decode,
        lambda: [Predictions(*(np.arange(7) * k for k in (1, 50, 0))).encode()],
        "zip",
        (RecordError,),
        ("workspace.predictions",),
    ),
    Parser(
        "evaluation",
        Evaluation.decode,
        written(EVALUATION),
        "json",
        (RecordError,),
        ("workspace.evaluations",),
    ),
    Parser(
        "jpeg",
        in_file(read_image),
        lambda: [encoded("JPEG")],
        "bytes",
        (SpecError,),
        ("jobs.data.images", "jobs.data.jpeg", "jobs.data.sizes"),
    ),
    Parser(
        "packed", in_file(read_packed, packed_images.MANIFEST), written(PACKED_IMAGES), "json", (SpecError,), PACKING
    ),
    Parser("own-description", describe_own, written(OWN_DATA), "json", (SpecError,), ("datasets.own", "own_data")),
    Parser("own-record", in_file(read_own_record, f"{OWN_NAME}.json"), own_record, "json", (), ("datasets.own",)),
    *HUB,
    Parser("own-coco", scan_own_coco, own_coco, "json", (SpecError,), ("datasets.object_scan",)),
    Parser(
        "own-voc-list",
        scan_own_voc(OWN_LIST),
        own_voc(OWN_LIST),
        "table",
        (SpecError,),
        ("datasets.object_scan", "datasets.voc_lists"),
    ),
    Parser(
        "own-voc-xml",
        scan_own_voc(OWN_XML),
        own_voc(OWN_XML),
        "xml",
        (SpecError,),
        ("datasets.object_scan", "datasets.xml_files"),
    ),
    Parser(
        "own-image",
        in_file(measure_image, "a.png"),
        lambda: [encoded("PNG")],
        "png",
        (SpecError,),
        ("datasets.image_statistics",),
    ),
    Parser("map-png", in_file(read_map, "a.png"), lambda: [palette_map()], "png", (SpecError,), ("jobs.data.maps",)),
    Parser("map-mat", in_file(read_map, "a.mat"), mat_maps, "bytes", (SpecError,), ("jobs.data.mat_files",)),
    Parser(
        "weights-check",
        in_file(weight_files.check),
        lambda: [saved()],
        "zip",
        (SpecError,),
        ("workspace.weight_files",),
    ),
    Parser(
        "weights-check-old",
        in_file(weight_files.check),
        lambda: [saved(zipped=False)],
        "pickle",
        (SpecError,),
        ("workspace.weight_files",),
    ),
    Parser("weights", in_file(load_weights), weights, "zip", (SpecError,), ("networks.weights.read",)),
    Parser("weights-old", in_file(load_weights), old_weights, "pickle", (SpecError,), ("networks.weights.read",)),
    Parser(
        "safetensors",
        in_file(load_weights),
        safetensors,
        "safetensors",
        (SpecError,),
        ("networks.weights.read", "workspace.weight_files"),
    ),
    Parser(
        "checkpoint",
        load_checkpoint,
        lambda: [saved()],
        "zip",
        (checkpoint.CheckpointError,),
        ("jobs.training.checkpoint",),
    ),
    Parser(
        "rank-message",
        decode_message,
        written('{"a": [1, null, "x"]}  '),
        "json",
        (ValueError,),
        ("jobs.runtime.group",),
    ),
    Parser("rank-detections", unpack_detections, written(PACKED), "json", (Exception,), ("jobs.metrics.detections",)),
    slurm("squeue", all_of_squeue, SQUEUE),
    slurm("squeue-details", lambda text: queries.read_details(text, JOBS), DETAILS),
    slurm("sacct", lambda text: queries.read_sacct(text, JOBS), SACCT),
    slurm("sacct-usage", lambda text: accounting.parse(text, JOBS), USAGE),
    slurm("sinfo", all_of_sinfo, SINFO),
    slurm("scontrol-show", all_of_scontrol, NODES + PARTITIONS),
    slurm("sbatch", sbatch.read_answer, "77;test\n"),
    Parser(
        "scontrol-config",
        from_command("scontrol", configuration.limits),
        written(CONFIG),
        "table",
        (SpecError,),
        ("jobs.slurm.queries",),
    ),
    Parser(
        "partition-state",
        from_command("sinfo", lambda: configuration.partition_fault("gpu")),
        written("4|up|idle|gpu*\n2|down|drained*|gpu*\n"),
        "table",
        (SpecError,),
        ("jobs.slurm.queries",),
    ),
    Parser(
        "held-jobs",
        from_command("squeue", lambda: release.cancel_surplus(Workspace(Path("w")))),
        written("7_0|launch failed requeued held|attnctl-20261129-231509-57f16534\n7_1|JobHeldUser|attnctl-x\n"),
        "table",
        (),
        ("jobs.slurm.release",),
    ),
    Parser(
        "start-times",
        from_command("squeue", lambda: start_times.expected(["7_0"])),
        written("7_0|2026-11-29T22:00:00\n7_1|N/A\n"),
        "table",
        (),
        ("jobs.slurm.start_times",),
    ),
    Parser(
        "mounts",
        as_text(lambda text: file_systems.deepest(text.splitlines(), Path("/scr atch/a"))),
        written(MOUNTS),
        "table",
        (),
        ("workspace.file_systems",),
    ),
)
"""Every parser, in the order in which `make fuzz` takes them."""
