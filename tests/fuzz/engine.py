"""Runs a parser on many inputs in a process of its own, which has a limited memory and a limited time per input.

What crashes the process, hangs, takes too much memory or raises anything but the promised errors is a finding. The
process writes each input down before it is parsed, so that also one that kills the process is known.
"""

from __future__ import annotations

import faulthandler
import functools
import math
import mmap
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky

from tests.fuzz import inputs
from tests.fuzz.parsers import Parser

CPU_SECONDS = 10.0
"""For one input; the slowest valid one takes about a tenth of a second."""
SECONDS = 120.0
"""For one input, so that one that waits for ever is noticed."""
MEMORY = 1 << 30
"""Bytes of address space beyond what the process had before the first input."""
GROWTH = 256 << 20
"""Bytes of memory that one input may add to the most that the process has had."""
_BATCH = 100
_LONGEST = 1 << 24
_CRASHES = 5


@dataclass(frozen=True)
class Finding:
    """An input that a parser should not have met so. problem: one line."""

    data: bytes
    problem: str


@dataclass
class Result:
    """inputs: how many were parsed."""

    inputs: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What a process does: first valid inputs, then given ones, then random ones for some seconds or up to a number."""

    valid: Sequence[bytes] = ()
    given: Sequence[bytes] = ()
    seconds: float = 0.0
    examples: int = 0
    seed: int = 0


def run(parser: Parser, plan: Plan) -> Result:
    """Run a parser as planned; after a crash it goes on in a new process, without the input that caused it."""
    result = Result()
    first, end, seed = [*plan.valid, *plan.given], time.monotonic() + plan.seconds, plan.seed
    _import_lazily()
    for _ in range(_CRASHES):
        with tempfile.TemporaryDirectory(prefix="attnctl-fuzz-") as folder:
            journal = _Journal(Path(folder, "journal"))
            seconds = end - time.monotonic() if plan.seconds else 0.0
            valid = first[: max(0, len(plan.valid) - result.inputs)]
            left = Plan(valid, first[len(valid) :], seconds, plan.examples - result.inputs, seed)
            ended = _in_process(parser, left, journal, Path(folder))
            result.inputs += journal.count
            result.findings += journal.findings()
            if ended is None:
                return result
            result.findings.append(Finding(journal.current, ended))
            first = first[journal.count :]
            seed += 1
    return result


def _in_process(parser: Parser, plan: Plan, journal: _Journal, folder: Path) -> str | None:
    """Work in a child process; None if it came to its end, else how it died."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 0
        try:
            os.chdir(folder)
            _work(parser, plan, journal)
        except BaseException:
            (folder / "traceback").write_text(traceback.format_exc())
            code = 70
        os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        return None
    if (folder / "traceback").exists():
        raise RuntimeError(f"the fuzzing of {parser.name} failed: {(folder / 'traceback').read_text()}")
    if status in {-signal.SIGPROF, -signal.SIGALRM}:
        return f"takes more than {CPU_SECONDS:g} s of computing, or {SECONDS:g} s of waiting"
    return f"ends the process with {signal.Signals(-status).name if status < 0 else f'exit code {status}'}"


class _Journal:
    """A file that both processes see: a count, the input that is being parsed, and the findings."""

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as stream:
            stream.truncate(16 + _LONGEST)
            self._map = mmap.mmap(stream.fileno(), 16 + _LONGEST)
        self._findings = path.with_name("findings")

    @property
    def count(self) -> int:
        """How many inputs were begun."""
        return int.from_bytes(self._map[:8], "little")

    @property
    def current(self) -> bytes:
        """The input that was begun last."""
        return self._map[16 : 16 + int.from_bytes(self._map[8:16], "little")]

    def begin(self, data: bytes) -> None:
        """Note an input."""
        kept = data[:_LONGEST]
        self._map[16 : 16 + len(kept)] = kept
        self._map[8:16] = len(kept).to_bytes(8, "little")
        self._map[:8] = (self.count + 1).to_bytes(8, "little")

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        with self._findings.open("ab") as stream:
            for part in (finding.data, finding.problem.encode(errors="replace")):
                stream.write(len(part).to_bytes(8, "little") + part)

    def findings(self) -> Iterator[Finding]:
        """What was noted."""
        rest = self._findings.read_bytes() if self._findings.exists() else b""
        parts = []
        while rest:
            length = int.from_bytes(rest[:8], "little")
            parts.append(rest[8 : 8 + length])
            rest = rest[8 + length :]
        for data, problem in zip(parts[::2], parts[1::2], strict=True):
            yield Finding(data, problem.decode())


class UnpromisedError(Exception):
    """A parser did what it must not do. problem: one line; key: equal for the same fault."""

    def __init__(self, problem: str, key: object) -> None:
        super().__init__(problem)
        self.problem, self.key = problem, key


def _work(parser: Parser, plan: Plan, journal: _Journal) -> None:
    """The child process."""
    faulthandler.disable()
    tempfile.tempdir = str(Path.cwd())
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 (descriptors, not paths)
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    for number, data in enumerate([*plan.valid, *plan.given]):
        try:
            attempt(parser, data, journal, valid=number < len(plan.valid))
        except UnpromisedError as error:
            journal.add(Finding(data, error.problem))
    known: set[object] = set()
    end, seed, left = time.monotonic() + plan.seconds, plan.seed, plan.examples
    while time.monotonic() < end if plan.seconds else left > 0:
        batch = _Batch(seed, _BATCH, end) if plan.seconds else _Batch(seed, min(_BATCH, left))
        finding = _search(parser, journal, batch, known)
        if finding is not None:
            journal.add(finding)
        seed, left = seed + 1, left - _BATCH


@dataclass(frozen=True)
class _Batch:
    """Random inputs. end: the monotonic time after which no more are parsed."""

    seed: int
    examples: int
    end: float = math.inf


def _search(parser: Parser, journal: _Journal, batch: _Batch, known: set[object]) -> Finding | None:
    """Parse random inputs; the smallest that shows a fault that was not known, if there is one."""
    smallest: list[tuple[bytes, UnpromisedError]] = []

    @hypothesis.seed(batch.seed)
    @hypothesis.settings(
        max_examples=batch.examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @hypothesis.given(inputs.strategy(parser.form, parser.seeds()))
    def parse(data: bytes) -> None:
        if time.monotonic() > batch.end:
            return
        try:
            attempt(parser, data, journal)
        except UnpromisedError as error:
            if error.key in known or (smallest and error.key != smallest[0][1].key):
                return
            if not smallest or len(data) <= len(smallest[-1][0]):
                smallest.append((data, error))
            raise

    with suppress(UnpromisedError, Flaky):
        parse()
    if not smallest:
        return None
    data, error = smallest[-1]
    known.add(error.key)
    return Finding(data, error.problem)


def attempt(parser: Parser, data: bytes, journal: _Journal, *, valid: bool = False) -> None:
    """Parse one input. Raises UnpromisedError if that raises another error than promised, or takes much memory.

    valid: no error is promised.
    """
    journal.begin(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    raised: BaseException | None = None
    try:
        parser.parse(data)
    except BaseException as error:
        raised = error
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    promised = () if valid else parser.promised
    if raised is not None and (not isinstance(raised, promised) or _causes(raised, MemoryError)):
        frames = [frame for frame in traceback.extract_tb(raised.__traceback__) if "/tests/" not in frame.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        message = " ".join(str(raised).split())[:200]
        raise UnpromisedError(
            f"{type(raised).__name__} at {where}: {message}", (type(raised), where, "" if frames else message[:60])
        )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    if grown > GROWTH:
        raise UnpromisedError(f"takes {grown >> 20} MiB for {len(data)} bytes", "growth")


def _causes(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


@functools.cache
def _import_lazily() -> None:
    """Let hypothesis import what it imports at its first use, here and not in each child."""

    @hypothesis.settings(max_examples=1, database=None)
    @hypothesis.given(inputs.strategy("json", [b"{}"]))
    def use(data: bytes) -> None:
        assert isinstance(data, bytes)

    use()


def random_seed() -> int:
    """A seed of its own for each call of `make fuzz`."""
    return random.SystemRandom().randrange(1 << 40)
