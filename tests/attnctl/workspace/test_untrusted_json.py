"""JSON and TOML that another process wrote: every file of the packages reads it through one reader, at any depth."""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from attnctl import lines, user_cache
from attnctl.db.rows import Details, RunRow
from attnctl.files import write_atomic
from attnctl.jobs.data import coco
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.submission import code_snapshot
from attnctl.jobs.training import environment
from attnctl.merge import records as merged_records
from attnctl.merge import runs as merged_runs
from attnctl.reports import lock
from attnctl.reports.exchange import archive, run_files
from attnctl.sources.store import MANIFEST, read_manifest
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import Request, Resources
from attnctl.workspace.untrusted_json import RecordError

ROOT = Path(__file__).parents[3]

ALLOWED = {
    "attnctl/workspace/untrusted_json.py": "the reader of JSON",
    "attnctl/lines.py": "the reader of TOML",
    "attnctl/own_data.py": "below the reader; a text that cannot be parsed has no code, and its use says what is wrong",
    "attnctl/backbones/__init__.py": "files of the package itself",
    "attnctl/backbones/table.py": "files of the package itself",
    "attnctl/models/__init__.py": "files of the package itself",
    "attnctl/papers/counts.py": "a file of the package itself",
    "attnctl/papers/traits.py": "a file of the package itself",
    "attnctl/networks/plain_counts.py": "files of the package itself",
    "attnctl/recipes/__init__.py": "files of the package itself",
}
"""File -> why it may parse a text without the reader."""


def bare_parsers(source: str) -> Iterator[str]:
    """The calls and imports of a parser in a Python file that let its errors through."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in {"json", "tomllib"} and node.attr in {"load", "loads", "JSONDecoder"}:
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in {"json", "tomllib"}:
            yield f"from {node.module} import"


def test_only_the_reader_parses_files_of_other_processes() -> None:
    packages = ("attnctl", "jobs", "db", "reports")
    found = {
        path.relative_to(ROOT).as_posix(): parsers
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if (parsers := sorted(set(bare_parsers(path.read_text(encoding="utf-8")))))
    }
    assert set(found) == set(ALLOWED), found


def test_the_search_sees_every_form_of_a_bare_parser() -> None:
    source = "import json, tomllib\njson.loads(x)\nwith f: json.load(f)\nread = tomllib.load\n"
    assert set(bare_parsers(source)) == {"json.loads", "json.load", "tomllib.load"}
    assert list(bare_parsers("from json import loads\n")) == ["from json import"]
    assert not list(bare_parsers("import json\njson.dumps({})\ndocuments.loads(x)\n"))


# ------------------------------------------------------------------------------------------------------- the reader


def nested(levels: int) -> str:
    """A JSON object with so many objects in each other."""
    return '{"a": ' * levels + "1" + "}" * levels


def test_an_object_of_the_deepest_permitted_level_is_read_and_one_level_more_is_not() -> None:
    assert untrusted_json.loads_object(nested(untrusted_json.DEEPEST))
    with pytest.raises(ValueError, match="nested too deep"):
        untrusted_json.loads_object(nested(untrusted_json.DEEPEST + 1))


@pytest.mark.parametrize(
    "text", ["[1]", "null", "1", '"x"', "", "{", '{"a": 1} 2', "\x00", '{"a": ' + "9" * 5000 + "}"]
)
def test_anything_but_one_object_is_a_value_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"."):
        untrusted_json.loads_object(text)
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"x\.json cannot be read as JSON"):
        untrusted_json.read_object(path)


def test_a_missing_file_is_none_and_an_unreadable_one_is_an_error(tmp_path: Path) -> None:
    assert untrusted_json.read_object(tmp_path / "missing.json") is None
    with pytest.raises(RecordError, match=str(tmp_path)):
        untrusted_json.read_object(tmp_path)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{b=" * 5_000, "a = " + "9" * 5_000])
def test_toml_that_cannot_be_parsed_is_one_line_that_names_the_file(text: str) -> None:
    with pytest.raises(ValueError, match=r"^mine\.toml:") as raised:
        lines.parsed(text, "mine.toml")
    assert len(str(raised.value)) < 300


# --------------------------------------------------------------------------------------------- each reader of a file


def _run(folder: Path) -> RunDir:
    return Workspace(folder).run("0" * 16)


def _environment(folder: Path, text: str) -> object:
    incarnation = _run(folder).attempt(1).incarnation(0)
    write_atomic(incarnation.env, text.encode())
    return incarnation.machine()


def _threads(folder: Path, text: str) -> object:
    with pytest.raises(RecordError):
        _environment(folder, text)
    assert environment.first_threads(_run(folder), Resources(cpus_per_task=1)) == 1
    raise RecordError("as when the file is missing")


def _software(folder: Path, text: str) -> object:
    with pytest.raises(RecordError):
        _environment(folder, text)
    _, used = run_files.software(Workspace(folder), ["0" * 16])
    assert used["0" * 16]["1.0"]["torch"] is None
    raise RecordError("as when the file is missing")


def _file(read: Callable[[Path], object], name: str) -> Callable[[Path, str], object]:
    def written(folder: Path, text: str) -> object:
        write_atomic(folder / name, text.encode())
        return read(folder / name)

    return written


def _merged(folder: Path, text: str) -> object:
    run = _run(folder)
    write_atomic(run.path / "attempts" / merged_runs.JOURNAL, text.encode())
    merged_runs.recover(run)
    return None


def _submission(folder: Path, text: str) -> object:
    path = Workspace(folder).submission("tag")
    write_atomic(path, text.encode())
    assert merged_records._newest(path) is None
    raise RecordError("as when the file is missing")


def _cached(_: Path, text: str) -> object:
    write_atomic(user_cache.folder() / "kind" / "key.json", text.encode())
    assert user_cache.read("kind", "key") is None
    raise RecordError("as when the file is missing")


def _code(folder: Path, text: str) -> object:
    write_atomic(code_snapshot.folder(Workspace(folder), "0" * 64).with_suffix(".json"), text.encode())
    found = code_snapshot.describe(Workspace(folder), {code_snapshot.VARIABLE: "0" * 64})
    assert set(found) == {"digest", "version"}
    raise RecordError("as when the file is missing")


def _archive(folder: Path, text: str) -> object:
    with tarfile.open(folder / "x.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(f"x/{archive.MANIFEST}")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return archive.check(folder / "x.tar.gz")


def _coco(folder: Path, text: str) -> object:
    write_atomic(folder / "annotations" / "instances_x.json", text.encode())
    return coco.index(folder, "x", None, masks=False)


def _row(_: Path, text: str) -> object:
    details = Details(lambda _: {"0": text})
    row = RunRow("0", "", "", "", "", "", "", 0, "new", "", 0.0, details=details)
    return row.spec


def _spec(folder: Path, text: str) -> object:
    write_atomic(_run(folder).spec, text.encode())
    return _run(folder).read_spec()


def _kept_source(folder: Path, text: str) -> object:
    write_atomic(folder / MANIFEST, text.encode())
    return read_manifest(folder)


READERS: dict[str, Callable[[Path, str], object]] = {
    "env.json": _environment,
    "the threads in env.json": _threads,
    "the software in env.json": _software,
    "a record": _file(Request.read, "request.json"),
    "spec.json": _spec,
    "a kept source": _kept_source,
    "the journal of a merge": _merged,
    "a submission that is merged": _submission,
    "an answer in the cache": _cached,
    "a snapshot of the code": _code,
    "a locked report": _file(lock.read, "report.lock"),
    "an archive": _archive,
    "annotations of COCO": _coco,
    "a spec in the index": _row,
}


@pytest.mark.parametrize("levels", [100, 500, 100_000])
@pytest.mark.parametrize("reader", READERS)
def test_json_nested_too_deeply_is_refused_with_a_message(
    reader: str, levels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises((ValueError, DataError)):
        READERS[reader](tmp_path, nested(levels))


@pytest.mark.parametrize("text", [json.dumps({"checkpoints": "x"}), "{}", "[]", "{"])
def test_a_damaged_merge_journal_is_an_error_with_advice(text: str, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"\.merged\.json"):
        _merged(tmp_path, text)


@dataclass(frozen=True, order=True)
class Point:
    x: int
    y: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Shape:
    name: str
    points: tuple[Point, ...]
    corner: tuple[int, str] | None = None
    weights: dict[Point, int] = field(default_factory=dict)
    by_name: Mapping[str, Point] = field(default_factory=dict)
    kind: Literal["open", "closed"] = "open"
    rest: list[dict[str, Any]] = field(default_factory=list)


WHOLE = {
    "name": "a",
    "points": [{"x": 1}, {"x": 2, "y": 3}],
    "corner": [4, "b"],
    "weights": [[{"x": 1}, 10], [{"x": 2}, 20]],
    "by_name": {"first": {"x": 1}},
    "kind": "closed",
    "rest": [{"any": [1, None]}],
    "colour": "red",
}


def test_a_document_is_decoded_into_nested_dataclasses_tuples_and_dicts() -> None:
    shape = untrusted_json.decode(Shape, json.loads(json.dumps(WHOLE)))
    assert shape == Shape(
        name="a",
        points=(Point(1), Point(2, 3.0)),
        corner=(4, "b"),
        weights={Point(1): 10, Point(2): 20},
        by_name={"first": Point(1)},
        kind="closed",
        rest=[{"any": [1, None]}],
    )
    assert untrusted_json.decode(Shape, {"name": "a", "points": [], "corner": None}) == Shape(name="a", points=())
    assert untrusted_json.decode(list[Point], [{"x": 1}]) == [Point(1)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": 5}, "name is 5"),
        ({"points": {"x": 1}}, "points is {'x': 1}"),
        ({"points": [{"x": "1"}]}, "x is '1'"),
        ({"points": [{"x": 1, "y": 1e300}]}, "y is 1e+300"),
        ({"points": [{"y": 1.0}]}, "missing 1 required"),
        ({"points": [1]}, "points is 1"),
        ({"corner": [4]}, "corner is [4]"),
        ({"corner": [4, 5]}, "corner is [4, 5]"),
        ({"weights": {"x": 1}}, "weights is {'x': 1}"),
        ({"weights": [[{"x": 1}]]}, "weights is [{'x': 1}]"),
        ({"by_name": [1]}, "by_name is [1]"),
        ({"kind": "round"}, "kind is 'round'"),
        ({"rest": [1]}, "rest is [1]"),
    ],
)
def test_a_document_of_another_form_is_refused_by_the_name_of_its_field(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        untrusted_json.decode(Shape, WHOLE | changed)


@pytest.mark.parametrize("value", [None, [], 5, "Shape"])
def test_only_json_objects_decode_to_dataclasses(value: object) -> None:
    with pytest.raises(ValueError, match="it is "):
        untrusted_json.decode(Shape, value)


def test_a_caller_can_allow_larger_floats() -> None:
    assert untrusted_json.decode(Point, {"x": 1, "y": 1e300}, largest=math.inf) == Point(1, 1e300)
    with pytest.raises(ValueError, match="y is inf"):
        untrusted_json.decode(Point, {"x": 1, "y": math.inf}, largest=math.inf)
