"""Writes the weights of a network as safetensors or as a plain state_dict, which other tools can load."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import torch
from torch import Tensor

from attnctl.networks.weights.read import DTYPES
from attnctl.values import SpecError

_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ALIGNMENT = 8


def safetensors(weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The weights as the content of a safetensors file. Raises SpecError for a type that the format does not have.

    metadata: texts by name, which go into the file's `__metadata__`.
    """
    header: dict[str, object] = {"__metadata__": {**metadata, "format": "pt"}}
    blocks: list[bytes] = []
    end = 0
    # The widest types first, so that each tensor is aligned; the format allows no gaps between them.
    for name in sorted(weights, key=lambda name: (-weights[name].element_size(), name)):
        tensor = weights[name].detach().cpu().contiguous()
        if tensor.dtype not in _NAMES:
            raise SpecError(f"{name} has the type {tensor.dtype}, which safetensors cannot hold; write a .pt file")
        blocks.append(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [end, end + len(blocks[-1])],
        }
        end += len(blocks[-1])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join((len(text).to_bytes(8, "little"), text, *blocks))


def state_dict(weights: Mapping[str, Tensor]) -> bytes:
    """The weights as the content of a file that `torch.load(path, weights_only=True)` reads as a state_dict."""
    stream = io.BytesIO()
    torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, stream)
    return stream.getvalue()
