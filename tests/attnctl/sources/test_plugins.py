"""What a user's file must hold, and what is said when it does not: read by its source, nothing of it is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attnctl import attention, recipes
from attnctl.sources import plugins
from attnctl.spec import recipe_fields
from attnctl.values import SpecError

SOURCE = '''
import nothing_that_is_installed

raise SystemExit("a user's file is not run to be read")


class Base:
    def __init__(self, channels, kernel=3, *, sharp: bool = False, name=None, late: int = None):
        """kernel: not here"""


class Gate(Base):
    """A gate.

    kernel: size of it
    """

    rules = {"kernel % 2 == 1": "kernel must be odd"}


class Map:
    def __init__(self, channels, map_size, r=4):
        pass


class NoChannels:
    def __init__(self, dim, r=4):
        pass


class NoDefault:
    def __init__(self, channels, r):
        pass


class Default:
    def __init__(self, channels, r=[1]):
        pass


class Nothing:
    pass


def build(classes, width=4):
    pass


def wide(classes, *, width):
    pass
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)
    return tmp_path


def test_a_users_class_is_read_without_running_it(mine: Path) -> None:
    source = attention.describe("./mine.py:Gate")
    assert source.name == "mine:Gate"
    assert source.version.startswith("ast:")
    assert source.resolve({"kernel": "5"}) == {"kernel": 5, "sharp": False, "name": None, "late": None}
    assert source.resolve({"name": "x"})["name"] == "x"
    assert source.resolve({"name": "1", "late": "2"}) == {"kernel": 3, "sharp": False, "name": 1, "late": 2}
    assert {item.name: item.help for item in source.hyperparameters}["kernel"] == "size of it"
    with pytest.raises(SpecError, match="kernel must be odd"):
        source.check({"kernel": 4})
    assert attention.describe("mine.py:Map").needs_map


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("./nine.py:Gate", r"there is no file ./nine.py"),
        ("./mine.py:Gat", r"./mine.py has no class 'Gat'; did you mean 'Gate'\?|mine.py has no class 'Gat'"),
        ("./mine.py", r"mine.py has .*Gate?.*name one, such as mine.py:"),
        (
            "./mine.py:NoChannels",
            r"mine.py:\d+: NoChannels does not take `channels` first: its first parameter is 'dim'",
        ),
        ("./mine.py:NoDefault", r"mine.py:\d+: NoDefault's hyperparameter r needs a default value"),
        ("./mine.py:Default", r"mine.py:\d+: .* is \[1\]; it must be a plain value"),
        ("./mine.py:Nothing", r"mine.py:\d+: Nothing has no __init__"),
        ("./mine:Gate", r"must be a Python file and a name in it"),
        (".", "unknown module"),
    ],
)
def test_an_invalid_class_is_a_one_line_error_with_its_location(name: str, words: str, mine: Path) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        attention.describe(name)
    assert "\n" not in str(caught.value)
    assert "nothing_that_is_installed" not in sys.modules


def test_a_users_backbone_has_only_the_parameter_classes(mine: Path) -> None:
    assert plugins.backbone("./mine.py:build").name == "mine:build"
    assert plugins.backbone("./mine.py:build").version != attention.describe("./mine.py:Gate").version
    for name, words in {
        "./mine.py:wide": r"mine.py:\d+: wide does not take `classes` alone: .* are classes, width",
        "./mine.py:bild": r"no function 'bild'; did you mean 'build'",
        "./mine.py:Gate": r"does not take `classes` alone",
    }.items():
        with pytest.raises(SpecError, match=words):
            plugins.backbone(name)


def test_an_edit_of_what_a_module_does_not_use_is_no_new_version(mine: Path) -> None:
    names = ("Gate", "Map")
    before = [attention.describe(f"./mine.py:{name}").version for name in names]
    file = mine / "mine.py"
    file.write_text(file.read_text().replace("map_size, r=4", "map_size, r=8"))
    after = [attention.describe(f"./mine.py:{name}").version for name in names]
    assert after[0] == before[0]
    assert after[1] != before[1]
    file.write_text(file.read_text().replace("kernel=3", "kernel=5"))
    assert attention.describe("./mine.py:Gate").version != before[0]


# -------------------------------------------------------------------------------------------------------- recipes


def test_a_users_recipe_can_be_based_on_a_built_in_one(mine: Path) -> None:
    (mine / "mine.toml").write_text('base = "digits"\nlr = 0.3\nbatch = 16\n')
    recipe = recipes.resolve("./mine.toml", {"epochs": "2"})
    assert (recipe.lr, recipe.epochs, recipe.batch, recipe.norm_batch) == (0.3, 2, 16, 16)
    assert recipes.resolve("./mine.toml", {}).momentum == recipes.resolve("digits", {}).momentum
    (mine / "whole.toml").write_text("\n".join(f"{k} = {_toml(v)}" for k, v in vars(recipe).items()))
    assert recipes.resolve("whole.toml", {}) == recipe
    assert set(vars(recipe)) == set(recipe_fields())


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('base = "digits"\n\nlearning = 1\n', r"mine.toml:3: unknown recipe field 'learning'"),
        ('base = "digits"\nlrr = 1\n', r"mine.toml:2: unknown recipe field 'lrr'; did you mean 'lr'\?"),
        ('base = "digits"\nlr = -1\n', r"mine.toml:2: lr is -1; it must be above 0"),
        ('base = "digits"\nlr = [1]\n', r"mine.toml:2: lr must be a text, a number"),
        ("lr = \n", r"mine.toml:1: this is not TOML"),
        ("lr = 1\n[more]\nx = 1\n", r"mine.toml:2: more must be"),
        ("lr = 1\n", r"mine.toml: recipe lacks epochs"),
        ('base = "digit"\n', r"mine.toml: base: unknown recipe 'digit'; did you mean 'digits'"),
        ('base = "./other.toml"\n', r"mine.toml: base is './other.toml'"),
    ],
)
def test_a_recipes_fault_names_its_line(text: str, words: str, mine: Path) -> None:
    (mine / "mine.toml").write_text(text)
    with pytest.raises(SpecError, match=words):
        recipes.resolve("./mine.toml", {})
    with pytest.raises(SpecError, match="there is no file"):
        recipes.load("./nine.toml")
