"""A trained network as a file for other tools, with what they must know to use it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from attnctl import datasets, models
from attnctl.jobs.inspect.load import Trained
from attnctl.networks.weights import write
from attnctl.networks.weights.formats import Format
from attnctl.networks.weights.onnx_file import Agreement

_NAMED = ("classify", "segment")
"""The tasks whose networks map a batch of images to one tensor."""


@dataclass(frozen=True)
class Exported:
    """The content of a file. agreement: of an ONNX file, how far its outputs are from the network's."""

    content: bytes
    agreement: Agreement | None = None


def export(trained: Trained, kind: Format) -> Exported:
    """The network in one of the formats; raises SpecError."""
    if kind == "onnx":
        return _onnx(trained)
    weights = trained.network.state_dict()
    if kind == "pt":
        return Exported(write.state_dict(weights))
    return Exported(write.safetensors(weights, metadata(trained)))


def metadata(trained: Trained) -> dict[str, str]:
    """What a user of the weights must know, as texts by name: the network, its classes and its preprocessing."""
    spec, dataset = trained.spec, datasets.describe(trained.spec.dataset)
    texts = {
        "run": trained.run,
        "network": spec.label(),
        "step": str(trained.step),
        "dataset": spec.dataset,
        "classes": json.dumps(list(dataset.names) or dataset.classes),
        "input_size": str(trained.size),
        "mean": json.dumps(dataset.mean),
        "std": json.dumps(dataset.std),
    }
    return {f"attnctl.{name}": text for name, text in texts.items()}


def _onnx(trained: Trained) -> Exported:
    from attnctl.networks.weights import onnx_file

    model = trained.spec.model
    dataset = datasets.describe(trained.spec.dataset)
    shape = (dataset.channels, trained.size, trained.size)
    if models.task(model) not in _NAMED:
        content = onnx_file.convert_detector(trained.network, shape, metadata(trained), run=trained.run)
        return Exported(content, onnx_file.compare_detector(content, trained.network, shape))
    content = onnx_file.convert(trained.network, shape, metadata(trained), run=trained.run)
    return Exported(content, onnx_file.compare(content, trained.network, shape))
