"""Networks as ONNX files, and how far the outputs of such a file are from those of the network.

The packages onnx and onnxscript are needed; with onnxruntime its outputs are compared, else those of onnx's own
reference evaluator.
"""

from __future__ import annotations

import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
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

IMAGE, OBJECTS = "image", ("boxes", "labels", "scores")
"""The names of a detector's input, one image (channels, height, width) in 0..1, and of its outputs."""

DETECTORS = ("ssdlite320", "fasterrcnn")
"""The models whose detections can be exported: those of torchvision's classes, without masks."""

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
    run, by = _runner(content)
    output = run({INPUT: images.numpy()}).astype(np.float64)
    return Agreement(float(np.abs(output - expected).max()), float(np.abs(expected).max()), by)


class _Detections(nn.Module):
    """A detector of torchvision's kind for one image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = self.network([image])[0]
        return found["boxes"], found["labels"], found["scores"]


def convert_detector(
    network: nn.Module, shape: tuple[int, int, int], metadata: Mapping[str, str], *, run: str
) -> bytes:
    """A detector as the content of an ONNX file, for one image of any size at a time.

    By tracing, which torchvision's detectors support; torch.export does not support their changing shapes. Raises
    SpecError as `convert`.
    """
    _check_packages()
    import onnx

    with _quiet(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "detector.onnx"
        try:
            torch.onnx.export(
                _Detections(network).eval().cpu(),
                (_image(shape, 0),),
                file,
                input_names=[IMAGE],
                output_names=list(OBJECTS),
                dynamic_axes={IMAGE: {1: "height", 2: "width"}, **{name: {0: "objects"} for name in OBJECTS}},
                opset_version=_OPSET,
                dynamo=False,
            )
        except Exception as error:  # any error of a user's own module, and many of torch's
            raise SpecError(f"cannot convert the network of run {run} to ONNX: {blame.describe(error)}") from error
        model = onnx.load_model(file)
    for name, text in metadata.items():
        model.metadata_props.add(key=name, value=text)
    content: bytes = model.SerializeToString()
    return content


@torch.no_grad()
def compare_detector(content: bytes, network: nn.Module, shape: tuple[int, int, int]) -> Agreement:
    """Compare the scores of the detections of an ONNX file, in descending order, with those of the network."""
    run, by = _runner(content)
    differences, largest = [0.0], [0.0]
    for seed in range(1, 1 + _BATCH):
        image = _image(shape, seed)
        expected = _Detections(network).eval().cpu()(image)[2].double().numpy()
        output = run({IMAGE: image.numpy()}).astype(np.float64)
        if output.shape != expected.shape:
            return Agreement(float("inf"), float(expected.max(initial=0)), by)
        differences.append(float(np.abs(np.sort(output) - np.sort(expected)).max(initial=0)))
        largest.append(float(expected.max(initial=0)))
    return Agreement(max(differences), max(largest), by)


def _image(shape: tuple[int, int, int], seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def _check_packages() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SpecError(f"ONNX files need {comma_join(missing)}: pip install {' '.join((*_NEEDED, 'onnxruntime'))}")


def _runner(content: bytes) -> tuple[Any, str]:
    """A function from inputs by name to the output, and its program's name."""
    if importlib.util.find_spec("onnxruntime") is not None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        return lambda inputs: _first(session.run([OUTPUT], inputs)), f"onnxruntime {onnxruntime.__version__}"
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(onnx.load_model_from_string(content))
    return lambda inputs: _first(evaluator.run([OUTPUT], inputs)), f"onnx {onnx.__version__}"


def _first(outputs: Any) -> npt.NDArray[Any]:
    return np.asarray(next(iter(outputs)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own messages and the deprecation warnings of what it calls."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
