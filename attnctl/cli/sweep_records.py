"""The records of sweeps: a name, and its requested runs."""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from attnctl.files import create_exclusive, read_regular, write_atomic
from attnctl.spec import recipe_fields
from attnctl.values import SpecError, did_you_mean
from attnctl.workspace import user_notes, waiting_searches
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Search, Sweep

if TYPE_CHECKING:
    from attnctl.papers.runs import Overrides

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class OfPaper:
    """The paper's table or figure that a sweep trains; empty for a grid of modules."""

    paper: str = ""
    table: str = ""
    figure: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)


def check_name(name: str) -> str:
    """The name, if it can be one of a sweep; raises SpecError."""
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"invalid sweep name {name!r}: use up to 100 letters, digits, '.', '_', '-', '+'; "
            "the first must be a letter or digit"
        )
    return name


def record(
    workspace: Workspace,
    name: str | None,
    what: str,
    runs: Sequence[str],
    command: Sequence[str],
    of: OfPaper | None = None,
    search: Search | None = None,
) -> str:
    """Write the sweep down, or add to the one of that name; its name. what: the beginning of a name that it is given.

    Raises SpecError when the one of that name is of another table, trains it with other settings, or searches
    otherwise.
    """
    part = of if of is not None else OfPaper()
    if name is not None:
        return _under(workspace, check_name(name), runs, command, part, search)
    base = f"{re.sub(r'[^A-Za-z0-9._+-]+', '-', what)[:60].strip('-.')}-{time.strftime('%Y%m%d-%H%M%S')}"
    unique = base
    while not _create(workspace, unique, runs, command, part, search):
        import secrets  # takes 5 ms, and few commands name a sweep

        unique = f"{base}-{secrets.token_hex(2)}"
    return unique


@contextlib.contextmanager
def recorded(
    workspace: Workspace,
    name: str | None,
    what: str,
    runs: Sequence[str],
    command: Sequence[str],
    of: OfPaper,
    search: Search | None = None,
) -> Iterator[str]:
    """The sweep is written down before its runs are submitted, so that no kill leaves runs without it; its name.

    When the submission is refused before anything is reserved, all is as it was before.
    """
    before = read_regular(workspace.sweep(name)) if name is not None and workspace.sweep(name).is_file() else None
    written = record(workspace, name, what, runs, command, of, search)
    try:
        yield written
    except SpecError as error:
        if getattr(error, "written", False):
            raise
        if before is not None:
            write_atomic(workspace.sweep(written), before)
        else:
            workspace.sweep(written).unlink()
            with contextlib.suppress(OSError):  # others' sweeps, or files, are in there
                workspace.sweeps.rmdir()
                workspace.root.rmdir()
        raise


def read(workspace: Workspace, name: str) -> Sweep:
    """The sweep of that name; raises SpecError with the nearest one."""
    found = Sweep.read(workspace.sweep(name)) if _NAME.fullmatch(name) else None
    if found is None:
        known = workspace.sweep_names()
        nearest = did_you_mean(name, known) if known else "; this workspace has no sweeps yet"
        runs = [run for run in workspace.run_ids() if name and run.startswith(name)]
        if len(runs) == 1:
            nearest = f"; {runs[0]} is a run: attnctl show {runs[0]}"
        raise SpecError(f"no sweep is called {name[:100]!r}{nearest}")
    return found


def runs_of(workspace: Workspace, names: Sequence[str]) -> list[str]:
    """The runs of these sweeps, each once. Raises SpecError."""
    return list(dict.fromkeys(run for name in names for run in read(workspace, name).runs))


def members(workspace: Workspace) -> dict[str, list[str]]:
    """Sweep -> its runs, each once; damaged records are left out."""
    found: dict[str, list[str]] = {}
    for name in workspace.sweep_names():
        with skip_unreadable():
            found[name] = list(dict.fromkeys(read(workspace, name).runs))
    return found


def rename(workspace: Workspace, name: str, new: str) -> None:
    """Give a sweep another name. Raises SpecError if another sweep has it."""
    record = read(workspace, name)
    if not create_exclusive(workspace.sweep(check_name(new)), replace(record, name=new).encode()):
        raise SpecError(f"another sweep is called {new!r}; choose another name")
    annotation = user_notes.read(user_notes.of_sweep(workspace, name))
    user_notes.write(user_notes.of_sweep(workspace, new), annotation)
    user_notes.of_sweep(workspace, name).unlink(missing_ok=True)
    waiting_searches.rename(workspace, name, new)
    workspace.sweep(name).unlink()


def _under(
    workspace: Workspace,
    name: str,
    runs: Sequence[str],
    command: Sequence[str],
    of: OfPaper,
    search: Search | None = None,
) -> str:
    if not _create(workspace, name, runs, command, of, search):
        before = read(workspace, name)
        together = _searched(name, before.search, search)
        was = _of(before)
        if was.paper and of.paper and replace(was, overrides={}) != replace(of, overrides={}):
            part = f"table {was.table}" if was.table else f"figure {was.figure}"
            raise SpecError(f"sweep {name!r} belongs to {was.paper} {part}; choose another --name")
        if not _same_settings(was, of):
            raise SpecError(
                f"sweep {name!r} has {_settings(was)}, not {_settings(of)}, and reports would no longer find its runs; "
                "choose another --name"
            )
        members = list(dict.fromkeys([*before.runs, *runs]))
        kept = vars(_with_seeds(of, was) if of.paper else was)
        sweep = Sweep(name=name, created=before.created, command=list(command), runs=members, search=together, **kept)
        write_atomic(workspace.sweep(name), sweep.encode())
    return name


def _searched(name: str, was: Search | None, now: Search | None) -> Search | None:
    """What a sweep searches with what is added to it. Raises SpecError if that is another search.

    Modules may be added, with ranges of their own, and samples.
    """
    if was is None or now is None:
        if was is not now:
            kinds = "a search, and this is not one" if now is None else "not a search, and this is one"
            raise SpecError(f"sweep {name!r} is {kinds}; choose another --name")
        return None
    if _way(was) != _way(now) or (was.halving and was.samples != now.samples):
        before = f"--search {was.method} --search-seed {was.seed}"
        before += f" --halving {was.halving} --samples {was.samples}" if was.halving else ""
        before += " --asha" if was.asynchronous else ""
        raise SpecError(f"sweep {name!r} has {before}; type the same, or choose another --name")
    for key in {**was.ranges, **now.ranges}:
        both = [search.ranges.get(key, "") for search in (was, now)]
        if both[0] != both[1] and (all(both) or key in recipe_fields()):
            texts = [f"{key} {text}" if text else f"no {key}" for text in both]
            raise SpecError(f"sweep {name!r} searches {texts[0]}, and this {texts[1]}; choose another --name")
    return was.united(now)


def _way(search: Search) -> tuple[str, int, int, bool]:
    """How samples are chosen and stay."""
    return search.method, search.seed, search.halving, search.asynchronous


def _of(sweep: Sweep) -> OfPaper:
    return OfPaper(paper=sweep.paper, table=sweep.table, figure=sweep.figure, overrides=sweep.overrides)


def _same_settings(was: OfPaper, of: OfPaper) -> bool:
    """Whether two requests for one table train its rows alike. Seeds may be added; what bases are trained with, and the
    digests of weights, come from the workspace."""
    if not (was.paper and of.paper):
        return True
    keys = [replace(_overrides(item), weights={}, bases={}, partial=False).key for item in (was, of)]
    return keys[0] == keys[1]


def _settings(of: OfPaper) -> str:
    overrides = _overrides(of)
    words = [overrides.summary(), f"select={overrides.select}" if overrides.select else ""]
    return " ".join(filter(None, words)) or "the paper's values"


def _overrides(of: OfPaper) -> Overrides:
    from attnctl.papers.runs import Overrides  # the papers and their models: not for every command that reads sweeps

    return Overrides.from_json(of.overrides)


def _with_seeds(of: OfPaper, was: OfPaper) -> OfPaper:
    """With the seeds of both."""
    seeds = dict.fromkeys(str(seed) for item in (was, of) for seed in item.overrides.get("seeds", ()))
    return replace(of, overrides={**of.overrides, "seeds": list(seeds)}) if was.paper and seeds else of


def fitting_name(workspace: Workspace, name: str, of: OfPaper) -> str:
    """The name, or NAME-2, NAME-3 ...: the first that no sweep has, or one of the same part with the same settings."""
    for number in itertools.count(1):
        candidate = name if number == 1 else f"{name}-{number}"
        path = workspace.sweep(candidate)
        if not path.exists():
            return candidate
        before = read(workspace, candidate)
        was = _of(before)
        if replace(was, overrides={}) == replace(of, overrides={}) and _same_settings(was, of):
            return candidate
    raise AssertionError("unreachable: names do not run out")


def _create(
    workspace: Workspace,
    name: str,
    runs: Sequence[str],
    command: Sequence[str],
    of: OfPaper,
    search: Search | None = None,
) -> bool:
    path = workspace.sweep(name)
    if path.exists():
        return False
    sweep = Sweep(name=name, created=time.time(), command=list(command), runs=list(runs), search=search, **vars(of))
    return create_exclusive(path, sweep.encode())
