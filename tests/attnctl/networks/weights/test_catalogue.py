"""The process that looks published weights up."""

from __future__ import annotations

from pathlib import Path

from attnctl.networks.weights.catalogue import answer


def test_each_name_is_answered_by_itself(tmp_path: Path) -> None:
    asked = {
        "a": {"library": "torchvision", "name": "resnet18"},
        "b": {"library": "torchvision", "name": "ResNet18_Weights.IMAGENET1K_V1"},
        "c": {"library": "torchvision", "name": "resnet20"},
        "d": {"library": "timm", "name": "resnet50.a1_in1k"},
        "e": {"library": "timm", "name": "resnet50.a1_in1"},
        "f": {"library": "yolox", "name": "nan"},
    }
    found = answer(asked, tmp_path)
    assert found["a"] == found["b"]
    assert found["a"]["url"].endswith("/resnet18-f37072fd.pth")
    assert found["c"] == {"error": "torchvision has no weights for resnet20"}
    assert found["d"] == {"repository": "timm/resnet50.a1_in1k", "file": "model.safetensors"}
    assert "did you mean 'resnet50.a1_in1k'" in found["e"]["error"]
    assert found["f"] == {"error": "YOLOX has no weights 'nan'; did you mean 'nano'?"}
