"""Modules read from their source."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Literal, get_type_hints

import pytest

from attnctl import attention
from attnctl.sources.signature import ModuleSource, read_modules
from attnctl.values import SpecError


@pytest.mark.parametrize("name", attention.names())
def test_the_source_declares_the_constructors_parameters(name: str) -> None:
    """The reading by ast equals inspect's, so that `--help` without torch tells the truth."""
    source = attention.describe(name)
    cls = getattr(import_module(source.import_name), source.class_name)
    parameters = list(inspect.signature(cls).parameters.values())
    hints = get_type_hints(cls.__init__)
    assert [p.name for p in parameters[: 1 + source.needs_map]] == ["channels", "map_size"][: 1 + source.needs_map]
    assert source.replaces == getattr(cls, "replaces", False)
    assert [(p.name, p.default, hints[p.name]) for p in parameters[1 + source.needs_map :]] == [
        (item.name, item.default, item.declared) for item in source.hyperparameters
    ]
    assert source.summary
    assert all(item.help for item in source.hyperparameters), "each hyperparameter is described in the docstring"


def write(tmp_path: Path, body: str) -> list[ModuleSource]:
    path = tmp_path / "mine.py"
    path.write_text(body)
    return read_modules(path, "mine")


def test_a_module_with_every_simple_annotation_is_read(tmp_path: Path) -> None:
    (source,) = write(
        tmp_path,
        """
WIDTH = 4
class Mine:
    \"\"\"Mine.

    r: reduction
    \"\"\"
    version = 3
    rules = {"divides(r, C)": "r must divide the channels"}
    def __init__(
        self, channels, *, r: int = WIDTH, mode: Literal["a", "b"] | None = None, flag=True, x: float = 1.5
    ): ...
class Helper:
    def __init__(self, size): ...
class _Private:
    def __init__(self, channels): ...
""",
    )
    assert (source.class_name, source.version, source.summary) == ("Mine", "3", "Mine")
    assert [(item.name, item.declared, item.default) for item in source.hyperparameters] == [
        ("r", int, 4),
        ("mode", Literal["a", "b"] | None, None),
        ("flag", bool, True),
        ("x", float, 1.5),
    ]
    assert source.hyperparameters[0].help == "reduction"
    source.check({"r": 8}, 64)
    with pytest.raises(SpecError, match="mine r=7 does not work at 64 channels: r must divide the channels"):
        source.check({"r": 7}, 64)


def test_map_size_and_replaces_are_read(tmp_path: Path) -> None:
    (source,) = write(
        tmp_path,
        "class Mine:\n    replaces = True\n    def __init__(self, channels, map_size=None, r=4, *, k=3): ...\n",
    )
    assert (source.needs_map, source.replaces) == (True, True)
    assert [(item.name, item.default) for item in source.hyperparameters] == [("r", 4), ("k", 3)]
    (source,) = write(tmp_path, "class Mine:\n    def __init__(self, channels, /, *, k=3): ...\n")
    assert (source.needs_map, source.replaces) == (False, False)


@pytest.mark.parametrize(
    ("declared", "gates", "works"),
    [
        ("", "any", False),
        ("one_size = \"gates != 'any'\"", "any", True),
        ("one_size = \"gates != 'any'\"", "all", False),
    ],
)
def test_a_module_declares_when_its_maps_must_have_one_size(
    tmp_path: Path, declared: str, gates: str, works: bool
) -> None:
    (source,) = write(
        tmp_path, f"class Mine:\n    {declared}\n    def __init__(self, channels, map_size, gates='any'): ...\n"
    )
    if works:
        source.check_any_size({"gates": gates}, "yolof")
        return
    with pytest.raises(SpecError, match="works for maps of one size; yolof has images of many sizes"):
        source.check_any_size({"gates": gates}, "yolof")


def test_a_wrong_one_size_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"mine\.py:1: Mine's one_size: .*gate, which is not a hyperparameter"):
        write(tmp_path, "class Mine:\n    one_size = 'gate'\n    def __init__(self, channels, map_size): ...\n")


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("r: int", "needs a default value"),
        ("r: int = f()", "must be a plain value"),
        ("r: list[int] = None", "use int, float"),
        ("r: Union[int, list] = 1", "is annotated list; use int, float"),
    ],
)
def test_a_hyperparameter_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, parameter: str, words: str
) -> None:
    with pytest.raises(SpecError, match=rf"mine\.py:3: Mine's hyperparameter r.*{words}"):
        write(tmp_path, f"class Mine:\n    def __init__(self, channels, *,\n        {parameter}): ...\n")


@pytest.mark.parametrize("union", ["Union[int, None]", "Optional[int]", "int | None", "typing.Union[None, int]"])
def test_each_way_to_write_a_union_is_read(tmp_path: Path, union: str) -> None:
    (found,) = write(tmp_path, f"class Mine:\n    def __init__(self, channels, r: {union} = 4): ...\n")
    assert [found.resolve({"r": value})["r"] for value in ("none", "7")] == [None, 7]


def test_a_hyperparameter_that_has_no_name_in_calls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"mine\.py:1: Mine's hyperparameter r can only be given by its place; remove"):
        write(tmp_path, "class Mine:\n    def __init__(self, channels, r=4, /): ...\n")


def test_a_file_that_is_not_python_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"mine\.py:2 is not Python"):
        write(tmp_path, "x = 1\nclass :\n")


def test_a_variant_with_contradicting_settings_is_refused() -> None:
    ela = attention.describe("ela")
    assert ela.resolve({"variant": "t"}) == {"kernel": 5, "groups": "c", "num_groups": 32, "shared": True}
    assert ela.resolve({"variant": "t", "kernel": 5}) == ela.resolve({"variant": "t"})
    with pytest.raises(SpecError, match="variant=t means kernel=5"):
        ela.resolve({"variant": "t", "kernel": 7})


def test_the_effective_value_of_a_hyperparameter_needs_no_module() -> None:
    ela, eca = attention.describe("ela"), attention.describe("eca")
    assert ela.effective_hyperparameters({"num_groups": 16}, 64) == {}
    assert (
        ela.effective_hyperparameters({"num_groups": 16}, 24)
        == {"num_groups": attention.create("ela", 24).num_groups}
        == {"num_groups": 8}
    )
    for channels in (1, 16, 64, 128, 960, 2048):
        expected = attention.create("eca", channels).get_parameter("conv.weight").shape[-1]
        assert eca.effective_hyperparameters(eca.resolve({"kernel": "none"}), channels) == {"kernel": expected}
    assert eca.effective_hyperparameters({"kernel": 7}, 64) == {}


def test_an_unknown_module_or_hyperparameter_offers_the_nearest() -> None:
    with pytest.raises(SpecError, match="unknown module 'elaa'; did you mean 'ela'"):
        attention.describe("elaa")
    with pytest.raises(SpecError, match="ela has no hyperparameter 'kernle'; did you mean 'kernel'"):
        attention.describe("ela").resolve({"kernle": 3})
