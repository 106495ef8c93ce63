"""Reads the weights in a file of torch.save or safetensors, as many tools write them, without running code of it."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import safe_globals

from attnctl.files import open_regular
from attnctl.networks.weights.stand_ins import StandIn, stand_ins
from attnctl.values import SpecError, comma_join, first_of
from attnctl.workspace import weight_files
from attnctl.workspace.weight_files import Entry

WRAPPERS = (
    "network",
    "model",
    "state_dict",
    "model_state_dict",
    "net",
    "state_dict_ema",
    "model_ema",
)
"""Keys under which a file may hold its weights; the first one counts, so that an average is used only alone."""

PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "network.")
"""What wrappers put before all names: DataParallel, Lightning, torch.compile, and classes that hold the network."""

_AVERAGES = "n_averaged"
"""A count that torch's AveragedModel adds to the weights."""

_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)")
"""Names in torchvision's files of DenseNets, from when a name could contain a dot."""

_OLD_VIT = re.compile(r"((?:.*\.)?encoder\.layers\..+\.mlp)\.linear_([12])\.(weight|bias)")
"""Names in torchvision's files of vision transformers, from before its MLP became a sequence."""

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""The types of numbers by their names in safetensors files."""

_SHOWN = 8
"""Keys of a file that a message lists."""


def read(path: Path, *, shapes_only: bool = False) -> dict[str, Tensor]:
    """The weights in a file, by names without wrappers. Raises SpecError, which names the file.

    shapes_only: on the meta device, without numbers.
    """
    content = weight_files.check(path)
    if content.entries is not None:
        weights: Mapping[str, Any] = _safetensors(path, content.entries, shapes_only=shapes_only)
    else:
        weights = _state_dict(path, _load(path, content.classes, shapes_only=shapes_only))
    return {_modern(name): value for name, value in unwrapped(weights).items()}


def unwrapped(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without the prefixes that all of their names have."""
    named = {str(name): value for name, value in weights.items() if name != _AVERAGES}
    while (
        prefix := next((text for text in PREFIXES if all(name.startswith(text) for name in named)), "") if named else ""
    ):
        named = {name.removeprefix(prefix): value for name, value in named.items()}
    return {name.removeprefix("module."): value for name, value in named.items()}


def _modern(name: str) -> str:
    if match := _OLD_DENSENET.fullmatch(name):
        return match[1] + match[2]
    if match := _OLD_VIT.fullmatch(name):
        return f"{match[1]}.{0 if match[2] == '1' else 3}.{match[3]}"
    return name


def _load(path: Path, classes: frozenset[str], *, shapes_only: bool) -> Any:
    """The objects of a file of torch.save; those that are no tensors or containers are stand-ins."""
    try:
        try:
            return _unpickled(path, stand_ins(classes, items=False), shapes_only=shapes_only)
        except pickle.UnpicklingError as error:
            if "SETITEM" not in str(error):
                raise
            return _unpickled(path, stand_ins(classes, items=True), shapes_only=shapes_only)
    except Exception as error:  # for an invalid pickle, torch.load raises many different types
        raise SpecError(f"torch cannot load weights from {path}: {_reason(error)}") from error


def _unpickled(path: Path, permitted: list[Any], *, shapes_only: bool) -> Any:
    with open_regular(path) as stream, safe_globals(permitted):
        return torch.load(stream, map_location="meta" if shapes_only else "cpu", weights_only=True)


def _reason(error: Exception) -> str:
    """The line of torch's message that names the cause, without its advice to run the file's code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = next((line.partition("WeightsUnpickler error: ")[2] for line in lines if "WeightsUnpickler" in line), "")
    text = cause or next((line for line in reversed(lines) if "documentation" not in line), type(error).__name__)
    return "".join(letter for letter in text if letter.isprintable())


def _state_dict(path: Path, content: Any) -> Mapping[str, Tensor]:
    """The mapping of names to tensors in what a file holds; raises SpecError."""
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if isinstance(content, Mapping) and content and all(isinstance(value, Tensor) for value in content.values()):
        return content
    raise SpecError(f"{path} does not contain a state_dict (a mapping of names to tensors): {_described(content)}")


def _described(content: Any) -> str:
    """What there is instead of weights."""
    if isinstance(content, Mapping):
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), StandIn)), content)
    if isinstance(content, StandIn):
        return (
            f"it holds an object of {content.stands_for}, which needs that class's code; where this is installed, save "
            "model.state_dict()"
        )
    if not isinstance(content, Mapping):
        return f"it holds a {type(content).__name__}"
    if not content:
        return "it is empty"
    return f"its keys are {first_of([f'{key!r:.80}' for key in content], _SHOWN)}"


def _safetensors(path: Path, entries: Mapping[str, Entry], *, shapes_only: bool) -> dict[str, Tensor]:
    unknown = sorted({entry.dtype for entry in entries.values()} - set(DTYPES))
    if unknown or not entries:
        raise SpecError(f"{path} has {f'tensors of type {comma_join(unknown)}' if unknown else 'no tensors'}")
    if shapes_only:
        return {
            name: torch.empty(entry.shape, dtype=DTYPES[entry.dtype], device="meta") for name, entry in entries.items()
        }
    weights = {}
    with open_regular(path) as stream:
        for name, entry in entries.items():
            stream.seek(entry.first)
            data = bytearray(stream.read(entry.last - entry.first))
            flat = torch.frombuffer(data, dtype=DTYPES[entry.dtype]) if data else torch.empty(0)
            weights[name] = flat.to(DTYPES[entry.dtype]).reshape(entry.shape)
    return weights
