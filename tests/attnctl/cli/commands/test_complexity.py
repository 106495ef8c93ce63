"""`attnctl complexity`, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.papers import audit
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.test_registry import imported


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    audit._counts.cache_clear()


def test_complexity_shows_the_overhead_over_the_plain_backbone(attnctl: Run) -> None:
    result = attnctl("complexity", "se", "ela", "--backbone", "resnet20", "--dataset", "cifar10", "--kernel", "5,7")
    assert result.code == 0, result.err
    exact, tables = result.out.split("\n\n")
    tools, note = tables.split("Networks for ")
    assert note.split(";")[0] == "cifar10: images of 32 x 32 pixels, 10 classes"
    labels = [line.split("  ")[0] for line in exact.splitlines()]
    assert labels[1:] == [
        "none",
        "se bias=false r=16",
        "ela groups=c kernel=5 num_groups=16 shared=true",
        "ela groups=c kernel=7 num_groups=16 shared=true",
    ]
    assert "272,474" in exact.splitlines()[1]
    assert "+0.74%" in exact.splitlines()[2]
    assert "thop-0.1" in tools.splitlines()[0]
    assert len(tools.splitlines()) == len(labels)


def test_complexity_as_json_adds_up(attnctl: Run) -> None:
    result = attnctl(
        "complexity", "se", "--backbone", "resnet20,resnet56", "--dataset", "cifar10", "--r", "4", "--json"
    )
    networks = json.loads(result.out)["networks"]
    assert [(row["module"], row["backbone"]) for row in networks] == [
        ("none", "resnet20"),
        ("se", "resnet20"),
        ("none", "resnet56"),
        ("se", "resnet56"),
    ]
    plain, se = networks[:2]
    assert se["parameters"] == plain["parameters"] + se["overhead"]["parameters"]
    assert se["macs"] == plain["macs"] + se["overhead"]["macs"]
    # two layers without biases at three places of each width, hidden a quarter
    assert se["overhead"]["parameters"] == se["overhead"]["macs"] == 3 * sum(2 * c * c // 4 for c in (16, 32, 64))
    assert se["conventions"]["conv+fc"] == {"parameters": se["parameters"], "flops": se["macs"]}
    assert plain["overhead"] == {"parameters": 0, "macs": 0, "activation_bytes": 0}


def test_complexity_counts_several_modules_in_one_network(attnctl: Run) -> None:
    texts = ("se", "ean", "ean+se", "se@stage+ean@block")
    result = attnctl("complexity", *texts, "--backbone", "resnet20", "--dataset", "cifar10", "--json")
    assert result.code == 0, result.err
    counted = {row["module"]: row["overhead"]["parameters"] for row in json.loads(result.out)["networks"]}
    assert counted["ean+se"] == counted["ean"] + counted["se"]
    stages = sum(2 * c * (c // 16) for c in (16, 32, 64))
    assert counted["se@stage+ean@block"] == counted["ean"] + stages


def test_complexity_counts_a_users_module(attnctl: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\n\n\nclass Mine(nn.Module):\n"
        "    def __init__(self, channels: int, *, k: int = 3) -> None:\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(channels, channels, k, padding=k // 2, groups=channels, bias=False)\n\n"
        "    def forward(self, x):\n        return x * self.conv(x).sigmoid()\n"
    )
    result = attnctl(
        "complexity", f"{file}:Mine", "--backbone", "resnet20", "--dataset", "cifar10", "--k", "5", "--json"
    )
    assert result.code == 0, result.err
    _, mine = json.loads(result.out)["networks"]
    assert mine["overhead"]["parameters"] == 25 * 3 * (16 + 32 + 64)


def test_what_a_users_module_prints_is_not_in_the_json_document(attnctl: Run, folder: Path) -> None:
    file = folder / "talking.py"
    file.write_text(
        "from torch import nn\n\nprint('loaded')\n\n\nclass Talking(nn.Module):\n"
        "    def __init__(self, channels: int, name: str = 'x') -> None:\n        super().__init__()\n"
        "        print('built', name)\n\n    def forward(self, x):\n        print('run')\n        return x\n"
    )
    for words in (("complexity",), ("bench", "--batch", "1", "--quick")):
        result = attnctl(*words, f"{file}:Talking", "--backbone", "resnet20", "--dataset", "digits", "--json")
        assert result.code == 0, result.err
        assert json.loads(result.out)
        assert "built x" in result.err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["complexity", "elaa"], "unknown module 'elaa'; did you mean 'ela'?"),
        (["complexity", "se", "--backbone", "resnet19"], "unknown backbone 'resnet19'"),
        (["complexity", "se", "--backbone", "resnet20", "--placement", "norms"], "se cannot replace norm layers"),
        (["complexity", "sa", "--backbone", "resnet20", "--G", "64"], "2 * G must divide the channels"),
        (["audit", "--paper", "nams"], "unknown paper 'nams'; did you mean 'nam'?"),
        (
            ["audit", "--paper", "nam", "--table", "7"],
            "NAM has no table '7' with parameters or FLOPs; it has 1, 2, 3, 4",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_uncountable_network_is_a_one_line_error(attnctl: Run, words: list[str], error: str) -> None:
    result = attnctl(*words)
    assert (result.code, result.out) == (2, "")
    assert error in result.err
    assert len(result.err.splitlines()) == 1


def test_detectors_are_counted_in_the_way_of_their_table(attnctl: Run) -> None:
    result = attnctl(
        "complexity", "se", "--r", "16", "--model", "yolox_nano", "--dataset", "voc07", "--placement", "neck"
    )
    assert result.code == 0, result.err
    assert "yolox_nano cspdarknet_nano" in result.out
    assert "931,691" in result.out
    assert "3.55 MiB" in result.out


def test_cached_counts_need_no_torch(attnctl: Run, tmp_path: Path) -> None:
    for words in (
        ["audit", "--paper", "nam", "--table", "4"],
        ["complexity", "se", "--backbone", "resnet20", "--dataset", "cifar10"],
    ):
        assert attnctl(*words).code == 0
        assert "torch" not in imported(words, tmp_path)
