"""Published weights are found in the user's caches by their names, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.networks.weights.published import Published, describe, hub_cache, sha256, torch_cache
from attnctl.values import SpecError

V1 = "torchvision:ResNet50_Weights.IMAGENET1K_V1"


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def test_names_lead_to_files_in_the_caches(tmp_path: Path) -> None:
    found = describe({"a": (V1, "resnet18"), "b": ("torchvision:default", "resnet50"), "c": ("yolox:nano", "")})
    assert found["a"].target == tmp_path / "torch" / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    assert found["b"].target.name == "resnet50-11ad3fa6.pth"
    assert found["c"].target.name == "yolox_nano.pth"
    assert not found["a"].path
    found["a"].target.parent.mkdir(parents=True)
    found["a"].target.write_bytes(b"weights")
    assert found["a"].path == found["a"].target
    assert sha256(found["a"].target).startswith("9a129038d9a00aed")


def test_a_repository_of_the_hub_is_read_from_its_newest_snapshot(tmp_path: Path) -> None:
    weights = Published(name="timm:x", repository="timm/x", file="model.safetensors")
    assert weights.path is None
    snapshot = hub_cache() / "models--timm--x" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"1")
    assert weights.path == snapshot / "model.safetensors"


def test_names_that_do_not_exist_are_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"did you mean 'ResNet50_Weights\.IMAGENET1K_V2'"):
        describe({"a": ("torchvision:ResNet50_Weights.IMAGENET1K_V3", "resnet50")})
    with pytest.raises(SpecError, match="backbone resnet20 is not a network of torchvision"):
        describe({"a": ("torchvision:default", "resnet20")})


def test_the_caches_are_those_of_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCH_HOME", "HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert (torch_cache(), hub_cache()) == (Path("/cache/torch/hub/checkpoints"), Path("/cache/huggingface/hub"))
