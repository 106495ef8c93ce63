"""Every parser of files that others can write is fuzzed, for a moment here and as long as wanted by `make fuzz`."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command_line
from tests.fuzz import engine, inputs
from tests.fuzz.engine import Plan
from tests.fuzz.parsers import CASES, HERE, PARSERS, Parser

ROOT = HERE.parents[1]
EXAMPLES = 10
pytestmark = pytest.mark.timeout(1800)  # twenty seconds of computing, which take long on a busy machine

OWN_FILES = {
    "attnctl.api.commands": "what a command of ours has printed in this process",
    "attnctl.backbones": "JSON of the package",
    "attnctl.backbones.table": "TOML of the package",
    "attnctl.models": "TOML and JSON of the package",
    "attnctl.networks.plain_counts": "JSON of the package",
    "attnctl.papers.counts": "JSON of the package",
    "attnctl.papers.traits": "JSON of the package",
    "attnctl.recipes": "TOML of the package",
    "attnctl.sources.importing": "code that attnctl.sources.closure has read",
    "attnctl.sources.isolated": "the answer of a process of ours, in a folder of its own",
    "attnctl.jobs.doctor.checks": "the output of a process of ours",
    "attnctl.jobs.trial": "a request of ours to a process of ours",
    "attnctl.jobs.worker": "fields of a record that was read; any error is the end of an attempt",
    "attnctl.reports.figures.page": "a drawing that matplotlib has just written",
}
"""Modules that parse only what attnctl itself has made, in places that others cannot write."""

READERS = {
    "csv",
    "tomllib",
    "zipfile",
    "tarfile",
    "zlib",
    "pickle",
    "pickletools",
    "gzip",
    "bz2",
    "lzma",
    "marshal",
    "shelve",
}
CALLS = {
    *("json.loads", "json.load", "untrusted_json.loads", "untrusted_json.loads_object", "untrusted_json.read_object"),
    *("untrusted_json.decode", "ast.parse", "ElementTree.fromstring", "ElementTree.parse", "torch.load", "np.load"),
    *("np.frombuffer", "torch.frombuffer", "tomllib.loads", "lines.parsed", "Image.open", "parse_table", "loadmat"),
    *("csv.reader", "read_events", "pickle.loads", "pickle.load", "yaml.safe_load", "struct.unpack"),
}
WRITERS = ("csv.writer", "tarfile.TarInfo")


@pytest.fixture(scope="module")
def output() -> subprocess.CompletedProcess[str]:
    """All parsers, with their valid inputs, the kept cases, and the same few random inputs each time."""
    command = [sys.executable, "-m", "tests.fuzz", "--examples", str(EXAMPLES), "--seed", "0"]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def test_no_parser_does_what_it_must_not_do(output: subprocess.CompletedProcess[str]) -> None:
    assert output.returncode == 0, output.stdout + output.stderr
    assert output.stdout.count(" 0 found\n") == len(PARSERS)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_each_parser_meets_its_valid_inputs_its_cases_and_random_ones(
    parser: Parser, output: subprocess.CompletedProcess[str]
) -> None:
    counted = re.search(rf"^{re.escape(parser.name)} +(\d+) inputs ", output.stdout, re.MULTILINE)
    assert counted is not None, output.stdout + output.stderr
    given = len(list((CASES / parser.name).glob("*")))
    assert int(counted[1]) >= given + EXAMPLES // (10 if parser.slow else 1)


def test_each_parser_has_a_name_of_its_own_and_each_case_belongs_to_one() -> None:
    names = [parser.name for parser in PARSERS]
    assert len(set(names)) == len(names)
    assert {path.name for path in CASES.iterdir()} <= set(names)


def test_make_fuzz_runs_all_parsers_or_the_named_one() -> None:
    command = ["make", "--dry-run", "fuzz", "SECONDS=7", "PARSER=lock", "SEED=3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "python -m tests.fuzz --seconds 7 --keep tests/fuzz/cases --parser lock --seed 3" in done.stdout
    assert "make fuzz SECONDS=1 SEED=1" in (ROOT / ".ci" / "run").read_text(), "CI runs it too, with inputs of its own"


def test_what_was_found_is_listed_once_more_at_the_end_with_the_seed_that_finds_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse(_: bytes) -> None:
        raise ZeroDivisionError("no such number")

    faulty = Parser("faulty", parse, lambda: [b"{}"], "json", (ValueError,), ())
    quiet = Parser("quiet", lambda _: None, lambda: [b"{}"], "json", (ValueError,), ())
    monkeypatch.setattr(command_line, "PARSERS", (faulty, quiet))
    assert command_line.main(["--examples", "1", "--seed", "5", "--keep", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    found = lines[lines.index("2 found in all:") + 1 :]
    assert len(found) == 2
    assert set(found) <= set(lines[: -len(found)])
    for line in found:
        assert re.fullmatch(rf"faulty, seed 5: ZeroDivisionError at .*: no such number: b'.*' in {tmp_path}/.*", line)


def test_each_attack_in_the_page_on_security_has_tests_that_exist() -> None:
    table = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("## The attacks and their tests")[2]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 18
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)", sources, re.MULTILINE))
    for attack, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, attack
        assert set(named) <= known, attack


# ------------------------------------------------------------------------------------------------ the list is complete


def modules() -> Iterator[tuple[str, ast.Module]]:
    for part in ("attnctl", "jobs", "db", "reports"):
        for path in sorted((ROOT / part).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if not any((ROOT / parent).is_symlink() for parent in inside.parents):
                dotted = ".".join(inside.with_suffix("").parts).removesuffix(".__init__")
                name = dotted if part == "attnctl" else f"attnctl.{dotted}"
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def reading(tree: ast.Module) -> set[str]:
    """The calls in a module that parse bytes or text."""
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    known = {call for call in calls if call in CALLS}
    return known | {
        call for call in calls if call.partition(".")[0] in READERS and "." in call and not call.startswith(WRITERS)
    }


def test_every_module_that_parses_what_others_wrote_is_covered_by_a_parser() -> None:
    covered = {f"attnctl.{module}" for parser in PARSERS for module in parser.modules}
    found = {name: calls for name, tree in modules() if (calls := reading(tree))}
    missing = {name: calls for name, calls in found.items() if name not in covered | OWN_FILES.keys()}
    assert missing == {}, "add a parser to tests/fuzz/parsers.py, or say in OWN_FILES why nobody else writes it"
    assert OWN_FILES.keys() <= found.keys(), "no longer needed"
    assert covered <= {name for name, _ in modules()}


def test_the_search_for_parsers_sees_each_way_to_read() -> None:
    code = "csv.reader(x)\nuntrusted_json.loads_object(y)\ncsv.writer(z).writerow([])\ntarfile.open(a)\n"
    assert reading(ast.parse(code)) == {"csv.reader", "untrusted_json.loads_object", "tarfile.open"}


# ---------------------------------------------------------------------------------- the engine sees what it must see


def hang(data: bytes) -> None:
    while data == b"hang":
        pass


def crash(data: bytes) -> None:
    if data == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)


def grow(data: bytes) -> None:
    if data == b"grow":
        bytearray(engine.GROWTH + (64 << 20))
    elif data == b"more":
        try:
            bytearray(8 * engine.MEMORY)
        except MemoryError as error:
            raise ValueError("too large") from error


def fail(data: bytes) -> None:
    if b"\xff" in data:
        raise KeyError("not promised")
    raise ValueError("promised")


FAULTS = [
    (hang, b"hang", "takes more than 1 s of computing"),
    (crash, b"crash", "ends the process with SIGSEGV"),
    (grow, b"grow", "takes 3"),
    (grow, b"more", "ValueError at"),
    (fail, b"a\xff", "KeyError at"),
]


@pytest.mark.parametrize(("parse", "data", "problem"), FAULTS, ids=[f"{data!r}" for _, data, _ in FAULTS])
def test_the_engine_notices_each_kind_of_fault_and_goes_on(
    parse: object, data: bytes, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CPU_SECONDS", 1.0)
    parser = Parser("x", parse, lambda: [b"a"], "bytes", (ValueError,), ())  # type: ignore[arg-type]
    result = engine.run(parser, Plan(given=[b"a", data, b"b"]))
    assert result.inputs == 3
    (finding,) = result.findings
    assert (finding.data, finding.problem[: len(problem)]) == (data, problem)


def test_a_random_search_finds_a_fault_and_makes_its_input_small() -> None:
    parser = Parser("x", fail, lambda: [b"abc" * 30], "bytes", (ValueError,), ())
    result = engine.run(parser, Plan(examples=500, seed=1))
    (finding,) = result.findings
    assert finding.problem.startswith("KeyError at")
    assert len(finding.data) < 90
    assert result.inputs >= 400


def test_a_valid_input_must_be_accepted() -> None:
    result = engine.run(Parser("x", fail, lambda: [b"a"], "bytes", (ValueError,), ()), Plan(valid=[b"a"]))
    assert [finding.problem[:10] for finding in result.findings] == ["ValueError"]


@pytest.mark.parametrize("form", sorted(inputs.FORMS))
def test_each_form_is_used(form: str) -> None:
    assert any(parser.form == form for parser in PARSERS)
