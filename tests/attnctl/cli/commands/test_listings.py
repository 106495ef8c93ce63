"""`attnctl backbones`: what there is, and where attention can go in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl import attention, backbones, datasets, models, recipes
from tests.attnctl.cli.cli_run import Run


def test_placements_of_named_backbones_are_described(attnctl: Run, folder: Path) -> None:
    result = attnctl("backbones", "resnet18", "mobilenext")
    lines = result.out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [name, place] for name in ("resnet18", "mobilenext") for place in backbones.describe(name).placements
    ]
    (line,) = (line for line in lines if "resnet18" in line and "block+stage" in line)
    assert line.split()[2] == "12"
    assert "stage 1's module on the stem too (ELA, tables 2 to 5: ResNet-18)" in line
    assert line.endswith("64 128 256 512")
    assert all("in place of" in line for line in lines if "norm2" in line)


def test_all_backbones_hint_at_more(attnctl: Run, folder: Path) -> None:
    result = attnctl("backbones")
    assert "timm:NAME" in result.err
    assert "timm" not in result.out


def test_backbones_as_json(attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    document = json.loads(attnctl("backbones", "resnet20", "mobilenet_v3_small", "--json").out)
    resnet, mobilenet = document["backbones"]
    norm2 = next(row for row in resnet["placements"] if row["placement"] == "norm2")
    assert (norm2["replaces"], norm2["channels"]) == (True, [16, 16, 16, 32, 32, 32, 64, 64, 64])
    assert "own-se" in [row["placement"] for row in mobilenet["placements"]]


def test_an_invalid_network_is_refused(attnctl: Run, folder: Path) -> None:
    result = attnctl("backbones", "resnet33")
    assert (result.code, result.out) == (2, "")
    assert "unknown backbone 'resnet33'; did you mean 'resnet34'?" in result.err


def test_listings_show_every_choice(attnctl: Run, folder: Path) -> None:
    for command, names in (
        ("modules", ("none", *attention.names())),
        ("backbones", backbones.names()),
        ("datasets", datasets.names()),
        ("recipes", recipes.names()),
    ):
        lines = attnctl(command).out.splitlines()
        assert [line.split()[0] for line in lines[1:]] == list(names), command
        assert not any(char in "│─┃━" or char == "\x1b" for line in lines for char in line)


def test_data_sets_and_recipes_as_json(attnctl: Run, folder: Path) -> None:
    found = {row["name"]: row for row in json.loads(attnctl("datasets", "--json").out)["datasets"]}
    assert list(found) == list(datasets.names())
    assert (found["digits-det"]["folder"], found["digits-det"]["missing"]) == (None, [])
    assert found["coco"]["missing"]
    listed = json.loads(attnctl("recipes", "--json").out)["recipes"]
    assert [row["name"] for row in listed] == list(recipes.names())
    assert {row["name"]: row.get("no_aug_epochs") for row in listed}["ela-yolox"] == 15


LISTINGS = {
    "modules": attention.names(),
    "backbones": backbones.names(),
    "models": models.names(),
    "datasets": datasets.names(),
    "recipes": recipes.names(),
}


@pytest.mark.parametrize("command", LISTINGS)
def test_each_listing_accepts_names_one_by_one_or_as_a_comma_list(command: str, folder: Path, attnctl: Run) -> None:
    first, *_, last = LISTINGS[command]
    for words in ([first, last], [f"{first},{last}"]):
        result = attnctl(command, *words)
        assert (result.code, result.err) == (0, "")
        heading, *rows = (line.split() for line in result.out.splitlines())
        assert heading[0] == command.removesuffix("s")
        assert list(dict.fromkeys(row[0] for row in rows)) == [first, last]
    (named,) = json.loads(attnctl(command, last, "--json").out)[command]
    (listed,) = (row for row in json.loads(attnctl(command, "--json").out)[command] if row["name"] == last)
    assert named == listed


@pytest.mark.parametrize("command", LISTINGS)
def test_each_listing_refuses_unknown_names(command: str, folder: Path, attnctl: Run) -> None:
    first = LISTINGS[command][0]
    for name, message in ((f"{first}x", f"unknown {command.removesuffix('s')} "), ("", "NAME is ''")):
        result = attnctl(command, name)
        assert (result.code, result.out) == (2, "")
        assert message.replace("dataset", "data set") in result.err.replace("dataset", "data set")
        assert result.err.count("\n") == 1


def test_a_named_data_set_shows_missing_files_and_how_to_get_them(folder: Path, attnctl: Run) -> None:
    lines = [line.split(maxsplit=1)[1] for line in attnctl("datasets", "cifar10").out.splitlines()]
    assert "default recipe    cifar" in lines
    assert "missing           data_batch_1" in lines
    assert "and 1 more" in lines
    assert lines[-1] == "to get it         attnctl data fetch cifar10"
    assert "fetch" not in attnctl("datasets", "imagenet", "digits").out


def test_a_data_set_of_random_bytes_and_one_with_other_classes_in_val_are_faulty(folder: Path, attnctl: Run) -> None:
    batches = folder / "data" / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        (batches / name).write_bytes(b"\x07random" * 99)
    for part in ("train/n01440764", "val/n01443537"):
        (folder / "data" / "imagenet" / part).mkdir(parents=True)
    rows = {line.split()[0]: line for line in attnctl("datasets").out.splitlines()}
    assert rows["cifar10"].endswith(f"faulty in {batches}")
    assert rows["imagenet"].endswith(f"faulty in {folder / 'data' / 'imagenet'}")
    problems = {item["name"]: item["problem"] for item in json.loads(attnctl("datasets", "--json").out)["datasets"]}
    assert problems["cifar10"] == f"{batches / 'data_batch_1'} is not a pickle"
    assert "train/ has n01440764, val/ has n01443537" in problems["imagenet"]
    assert problems["cifar100"] == problems["digits"] == ""
    assert "problem" in attnctl("datasets", "imagenet").out


def test_a_recipe_of_ones_own_is_explained_field_by_field(folder: Path, attnctl: Run) -> None:
    Path("mine.toml").write_text('base = "cifar"\nlr = 0.3\n')
    rows = [line.split(maxsplit=3) for line in attnctl("recipes", "./mine.toml").out.splitlines()]
    assert ["./mine.toml", "lr", "0.3", "peak learning rate for the global batch"] in rows
    assert ["./mine.toml", "epochs", "200", "passes over the training set; 0 if steps is set"] in rows
