"""The process that looks published weights up in torchvision and timm; see `attnctl.networks.weights.published`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from attnctl.sources import isolated
from attnctl.values import SpecError, did_you_mean

_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_{name}.pth"
"""The weights of YOLOX's authors, trained on COCO."""

_YOLOX_NAMES = ("nano", "tiny", "s", "m", "l", "x")


def answer(request: dict[str, Any], _folder: Path) -> dict[str, dict[str, str]]:
    """Key -> url or repository and file, or an error, for the library and name of each key."""
    return {key: _one(item["library"], item["name"]) for key, item in request.items()}


def _one(library: str, name: str) -> dict[str, str]:
    try:
        found = {"torchvision": torchvision, "timm": timm, "yolox": yolox}[library](name)
    except SpecError as error:
        return {"error": str(error)}
    except ImportError:
        return {"error": f"{library} is not installed"}
    return found


def torchvision(name: str) -> dict[str, str]:
    """The address of weights, such as `ResNet50_Weights.IMAGENET1K_V1`, or of a network's default ones, `resnet50`."""
    models = import_module("torchvision.models")
    if "." not in name:
        try:
            return {"url": str(models.get_model_weights(name).DEFAULT.url)}
        except ValueError:
            raise SpecError(f"torchvision has no weights for {name}") from None
    try:
        return {"url": str(models.get_weight(name).url)}
    except (ValueError, KeyError, AttributeError):
        kinds = [kind for model in models.list_models() for kind in models.get_model_weights(model)]
        known = list(dict.fromkeys(str(kind) for kind in kinds))
        raise SpecError(f"torchvision has no weights {name!r}{did_you_mean(name, known)}") from None


def timm(name: str) -> dict[str, str]:
    """The repository and file of a model, such as `resnet50.a1_in1k`, or its address."""
    library = import_module("timm")
    known = library.list_pretrained()
    if not library.is_model_pretrained(name):
        raise SpecError(f"timm has no weights {name!r}{did_you_mean(name, known)}")
    config = library.get_pretrained_cfg(name)
    if config.hf_hub_id:
        return {"repository": str(config.hf_hub_id), "file": str(config.hf_hub_filename or "model.safetensors")}
    return {"url": str(config.url)}


def yolox(name: str) -> dict[str, str]:
    """The address of a YOLOX, such as `nano`."""
    if name not in _YOLOX_NAMES:
        raise SpecError(f"YOLOX has no weights {name!r}{did_you_mean(name, _YOLOX_NAMES)}")
    return {"url": _YOLOX.format(name=name)}


if __name__ == "__main__":
    isolated.serve(answer)
