"""Networks as ONNX files, and how far the outputs of such a file are from those of the network.

The packages onnx and onnxscript are needed; with onnxruntime its outputs are compared, else those of onnx's own
reference evaluator.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from attnctl.sources import blame
from attnctl.values import SpecError, comma_join

INPUT, OUTPUT = "images", "scores"
"""The names of the file's input, (batch, channels, height, width), and of its output."""

IMAGE, OBJECTS, MASKS = "image", ("boxes", "labels", "scores"), "masks"
"""The names of a detector's input, one image (channels, height, width) in 0..1, and of its outputs; masks are those of
instance segmentation, (objects, 1, height, width)."""

_OPSET = 18

_NEEDED = ("onnx", "onnxscript")
_BATCH = 3
"""Images that are compared; another number than the network is exported with."""


@dataclass(frozen=True)
class Agreement:
    """The largest difference between the outputs of a file and of the network, for random images.

    largest: the largest output. by: the program that ran the file.
    """

    difference: float
    largest: float
    by: str

    @property
    def close(self) -> bool:
        """Whether the outputs are equal but for rounding."""
        return self.difference <= 1e-3 * max(self.largest, 1e-6)


class _OneOutput(nn.Module):
    """A network whose output is a mapping, as that of segmentation networks, reduced to its main output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        output = self.network(images)
        scores: Tensor = output["out"] if isinstance(output, Mapping) else output
        return scores


def convert(network: nn.Module, shape: tuple[int, int, int], metadata: Mapping[str, str], *, run: str) -> bytes:
    """The network as the content of an ONNX file, for batches of any size of images of one shape.

    Raises SpecError if the packages are missing or the network cannot be converted.
    """
    _check_packages()
    example = torch.zeros(2, *shape)
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                _OneOutput(network).eval().cpu(),
                (example,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # any error of a user's own module, and many of torch's
            raise SpecError(f"cannot convert the network of run {run} to ONNX: {blame.describe(error)}") from error
    assert program is not None
    model = program.model_proto
    for name, text in metadata.items():
        model.metadata_props.add(key=name, value=text)
    content: bytes = model.SerializeToString()
    return content


@torch.no_grad()
def compare(content: bytes, network: nn.Module, shape: tuple[int, int, int]) -> Agreement:
    """Compare the outputs of an ONNX file with those of the network."""
    images = torch.randn(_BATCH, *shape, generator=torch.Generator().manual_seed(0))
    expected = _OneOutput(network).eval().cpu()(images).double().numpy()
    run, by = _runner(content, (OUTPUT,))
    output = run({INPUT: images.numpy()})[0].astype(np.float64)
    return Agreement(float(np.abs(output - expected).max()), float(np.abs(expected).max()), by)


class _Detections(nn.Module):
    """A detector of torchvision's kind for one image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        found = self.network([image])[0]
        return tuple(found[name] for name in (*OBJECTS, MASKS) if name in found)


def convert_detector(
    network: nn.Module, shape: tuple[int, int, int], metadata: Mapping[str, str], *, run: str
) -> bytes:
    """A detector as the content of an ONNX file, for one image of any size at a time.

    By tracing, which torchvision's detectors support; torch.export does not support their changing shapes. Raises
    SpecError as `convert`.
    """
    _check_packages()
    import onnx

    detector = _Detections(network).eval().cpu()
    example = _image(shape, 0)
    with _quiet(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "detector.onnx"
        try:
            names = (*OBJECTS, MASKS)[: len(detector(example))]
            sides = {1: "height", 2: "width"}
            axes = {name: {0: "objects"} for name in names} | {IMAGE: sides}
            if MASKS in names:
                axes[MASKS] |= {2: "height", 3: "width"}
            torch.onnx.export(
                detector,
                (example,),
                file,
                input_names=[IMAGE],
                output_names=list(names),
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,
            )
        except Exception as error:  # any error of a user's own module, and many of torch's
            message = f"cannot convert the {type(network).__name__} of run {run} to ONNX: {blame.describe(error)}"
            raise SpecError(f"{message}; export it as safetensors or .pt") from error
        model = onnx.load_model(file)
    for name, text in metadata.items():
        model.metadata_props.add(key=name, value=text)
    content: bytes = model.SerializeToString()
    return content


@torch.no_grad()
def compare_detector(content: bytes, network: nn.Module, shape: tuple[int, int, int]) -> Agreement:
    """Compare the scores of the detections of an ONNX file, and the means of their masks, in descending order, with
    those of the network."""
    detector = _Detections(network).eval().cpu()
    names = (OUTPUT, MASKS)[: len(detector(_image(shape, 0))) - 2]
    run, by = _runner(content, names)
    differences, largest = [0.0], [0.0]
    for seed in range(1, 1 + _BATCH):
        image = _image(shape, seed)
        theirs = [tensor.double().numpy() for tensor in detector(image)[2:]]
        for output, expected in zip(run({IMAGE: image.numpy()}), theirs, strict=True):
            if output.shape != expected.shape:
                return Agreement(float("inf"), float(expected.max(initial=0)), by)
            differences.append(float(np.abs(_ordered(output) - _ordered(expected)).max(initial=0)))
            largest.append(float(expected.max(initial=0)))
    return Agreement(max(differences), max(largest), by)


def _ordered(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A number for each object, in order: objects of equal scores may be in another one."""
    means: npt.NDArray[Any] = np.sort(values.astype(np.float64).reshape(len(values), -1).mean(axis=1))
    return means


def _image(shape: tuple[int, int, int], seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def _check_packages() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SpecError(f"ONNX files need {comma_join(missing)}: pip install {' '.join((*_NEEDED, 'onnxruntime'))}")


def _runner(content: bytes, names: Sequence[str]) -> tuple[Callable[[Mapping[str, Any]], list[npt.NDArray[Any]]], str]:
    """A function from inputs by name to these outputs, and its program's name."""
    if importlib.util.find_spec("onnxruntime") is not None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        version = f"onnxruntime {onnxruntime.__version__}"
        return lambda inputs: [np.asarray(item) for item in session.run(list(names), inputs)], version
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(onnx.load_model_from_string(content))
    version = f"onnx {onnx.__version__}"
    return lambda inputs: [np.asarray(item) for item in evaluator.run(list(names), inputs)], version


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own messages, the graphs that it prints, and the deprecation warnings of what it calls."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), _no_standard_output():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _no_standard_output() -> Iterator[None]:
    """Without what C++ prints: torch prints the whole graph when it knows no operator of ONNX for a part of it."""
    sys.stdout.flush()
    kept, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(sink)
