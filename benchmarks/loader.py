"""Reading image files beside torchvision's reference: ImageFolder, its transforms of Pillow's images, and a DataLoader.

Each reads the same JPEG files (375 x 500 pixels, about 80 kB, which it makes itself) to batches, in one process without
worker processes. The reference normalises on the CPU; attnctl's batches are bytes, and the device normalises them.
Where DALI is installed (`pip install nvidia-dali-cuda130`; this needs no GPU), its pipeline on the CPU reads them too,
with one thread. Seconds of the processor, in interleaved rounds; medians of the ratios.

Goal: 1.7 times the reference, packed (`attnctl data pack --side 256`) 4 times.

    python benchmarks/loader.py [--quick] [--images N] [--rounds N]
"""

from __future__ import annotations

import importlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from arguments import Arguments
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from attnctl.datasets import describe, packed
from attnctl.jobs.data import shards
from attnctl.jobs.data.files import ImageFiles
from attnctl.jobs.data.images import Images, collate, transforms
from attnctl.jobs.data.loader import SampleRequest
from attnctl.jobs.data.own_files import open_own
from attnctl.jobs.data.packed_files import open_packed
from attnctl.settings.config import DataRoots

SIDE, BATCH = 224, 50
HEIGHT, WIDTH, BYTES = 375, 500, 80_000
DISTINCT = 40
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Read = Callable[[], Iterable[object]]


def photo(seed: int) -> Image.Image:
    """Noise whose amplitude falls with the frequency, as that of photos does."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.fftfreq(WIDTH)[None])
    frequency[0, 0] = 1
    grey = rng.normal(size=(HEIGHT, WIDTH))
    channels = []
    for _ in range(3):
        noise = np.fft.ifft2(np.fft.fft2(0.8 * grey + 0.2 * rng.normal(size=grey.shape)) / frequency).real
        channels.append(120 + 55 * (noise - noise.mean()) / noise.std())
    return Image.fromarray(np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8))


def encoded(image: Image.Image, quality: int) -> bytes:
    """A JPEG file."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def make(folder: Path, images: int) -> int:
    """Write class folders of two classes; gives the mean size of a file in bytes."""
    made = [photo(seed) for seed in range(min(DISTINCT, images))]
    quality = min(range(60, 96), key=lambda number: abs(len(encoded(made[0], number)) - BYTES))
    contents = [encoded(image, quality) for image in made]
    for part, count in (("train", images), ("val", images)):
        for number in range(count):
            path = folder / part / f"class{number % 2}" / f"{number:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[number % len(contents)])
    return sum(map(len, contents)) // len(contents)


def reference(folder: Path, training: bool) -> Read:
    """torchvision's references/classification, with Pillow's images."""
    crops: list[v2.Transform] = [v2.Resize(256), v2.CenterCrop(SIDE)]
    if training:
        crops = [v2.RandomResizedCrop(SIDE), v2.RandomHorizontalFlip()]
    last = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    loader = DataLoader(ImageFolder(folder, v2.Compose([*crops, *last])), BATCH, shuffle=training)
    return lambda: loader


def ours(files: ImageFiles, training: bool) -> Read:
    """attnctl's reading of the same."""
    images = Images(files, transforms("imagenet", SIDE)[0 if training else 1], 0)
    numbers = torch.randperm(len(files.labels)).tolist() if training else list(range(len(files.labels)))
    requests = [SampleRequest(number, (0, 0, place)) for place, number in enumerate(numbers)]
    batches = [requests[begin : begin + BATCH] for begin in range(0, len(requests), BATCH)]
    loader: DataLoader[object] = DataLoader(images, batch_sampler=batches, collate_fn=collate)
    return lambda: loader


def dali(folder: Path, training: bool, images: int) -> Read | None:
    """The reference's pipeline in DALI, on the CPU; None where it is not installed."""
    try:
        pipeline, fn, types = (importlib.import_module(f"nvidia.dali.{name}") for name in ("pipeline", "fn", "types"))
    except ImportError:
        return None
    one = pipeline.Pipeline(BATCH, 1, None, seed=0, exec_async=False, exec_pipelined=False)
    with one:
        coded, labels = fn.readers.file(file_root=str(folder), random_shuffle=training)
        if training:
            decoded = fn.decoders.image_random_crop(coded, random_area=[0.08, 1.0])
            decoded = fn.resize(decoded, size=[SIDE, SIDE])
        else:
            decoded = fn.resize(fn.decoders.image(coded), resize_shorter=256)
        mirror = fn.random.coin_flip() if training else 0
        mean, std = ([255 * value for value in values] for values in (MEAN, STD))
        normal = fn.crop_mirror_normalize(
            decoded, crop=(SIDE, SIDE), mirror=mirror, mean=mean, std=std, dtype=types.FLOAT
        )
        one.set_outputs(normal, labels)
    one.build()
    return lambda: (one.run()[0].as_array() for _ in range(-(-images // BATCH)))


def seconds(read: Read) -> float:
    """The processor's seconds for all batches."""
    begun = time.process_time()
    for _ in read():
        pass
    return time.process_time() - begun


def main() -> None:
    """Print the tables."""
    arguments = Arguments(__doc__)
    arguments.size("images", 400, 8, "images of each part")
    arguments.size("rounds", 5, 1, "measured rounds")
    options = arguments.read()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="attnctl-bench-") as name:
        folder = Path(name) / "photos"
        size = make(folder, options.images)
        dataset = describe(str(folder))
        whole = open_own(dataset, folder)
        packings: dict[str, list[ImageFiles]] = {}
        for words, quality in (("packed, 256 pixels", 90), ("packed, 256 pixels, --raw", 0)):
            target = Path(name) / f"packed{quality}"
            shards.pack_dataset(
                dataset, DataRoots(), target, side=256, quality=quality, through=lambda numbers, _: numbers
            )
            packings[words] = [*open_packed(packed.scan(target))]
        print(
            f"{options.images} JPEG files of {WIDTH}x{HEIGHT} pixels, {size / 1000:.0f} kB; images per second, one core"
        )
        for part, title in enumerate(("training", "evaluation")):
            ways = {"torchvision's reference": reference(folder / ("train", "val")[part], part == 0)}
            ways["attnctl"] = ours(whole[part], part == 0)
            ways |= {f"attnctl, {words}": ours(parts[part], part == 0) for words, parts in packings.items()}
            others = dali(folder / ("train", "val")[part], part == 0, options.images)
            if others is not None:
                ways["DALI, CPU"] = others
            for read in ways.values():
                next(iter(read()))
            times = [{way: seconds(read) for way, read in ways.items()} for _ in range(options.rounds)]
            print(f"\n| {title} | images/s | of the reference |\n|---|---|---|")
            for way in ways:
                rate = options.images / statistics.median(round_[way] for round_ in times)
                ratio = statistics.median(round_["torchvision's reference"] / round_[way] for round_ in times)
                print(f"| {way} | {rate:.0f} | {ratio:.2f} |")
        print("\ngoal: 1.7 of the reference, packed 4")


if __name__ == "__main__":
    main()
