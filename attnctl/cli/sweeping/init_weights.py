"""`--init`: the weights that runs start from, of a run, a file, a row of a paper's table, or published ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from attnctl.cli import run_selection
from attnctl.files import made_aside, sync_folder
from attnctl.papers import starts
from attnctl.papers.runs import Near, Overrides, started
from attnctl.spec import RunSpec, Start
from attnctl.values import SpecError, comma_join, split_list
from attnctl.workspace.layout import Workspace

_BLOCK = 1 << 24
_DEFAULT = ":default"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What `--init` asks for, as in `RunSpec.init` or as `attnctl.papers.starts` names it.

    words: for all runs; several are an axis of the sweep. patterns: glob of rows or modules -> the weights of these.
    partial: weights that fit only partly are accepted. files: SHA-256 -> the user's file.
    """

    words: tuple[str, ...] = ()
    patterns: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)

    def of(self, name: str) -> tuple[str, ...]:
        """The weights of a module's runs, each an own run."""
        found = next((word for pattern, word in self.patterns.items() if fnmatchcase(name, pattern)), None)
        return (found,) if found is not None else self.words or ("",)

    def overrides(self) -> Overrides:
        """As overrides of a paper's table; raises SpecError for several weights of one row."""
        if len(self.words) > 1:
            raise SpecError(
                f"--init takes one value for each row of a paper's table, not {comma_join(self.words)}; "
                "run one sweep for each"
            )
        return Overrides(init="".join(self.words), inits=self.patterns, partial=self.partial)


@dataclass(frozen=True, kw_only=True)
class Located:
    """Weights that were found by their names. digests: `starts.published_key` -> SHA-256. files: SHA-256 -> path."""

    digests: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


def find(workspace: Workspace, texts: Sequence[str] | None, *, partial: bool = False) -> Weights:
    """The weights that the values of `--init` name; raises SpecError. partial: of `--init-partial`."""
    if partial and texts is None:
        raise SpecError("--init-partial needs --init")
    files: dict[str, Path] = {}
    patterns: dict[str, str] = {}
    words: list[str] = []
    for text in texts or ():
        pattern, equals, word = text.partition("=")
        if equals and not Path(text).expanduser().is_file():
            if not pattern or pattern in patterns:
                raise SpecError(f"--init {text!r} must be PATTERN=WEIGHTS, with each pattern once")
            patterns[pattern] = _identity(workspace, word, files)
        else:
            words += [_identity(workspace, one, files) for one in _listed(text)]
    if len(set(words)) < len(words):
        raise SpecError("--init has the same weights twice")
    return Weights(words=tuple(words), patterns=patterns, partial=partial, files=files)


def _listed(text: str) -> tuple[str, ...]:
    return (text,) if not text or Path(text).expanduser().is_file() else split_list(text, "--init")


def _identity(workspace: Workspace, word: str, files: dict[str, Path]) -> str:
    """What one word means: of a run and a file what `RunSpec.init` holds, else the word. files: receives the file."""
    from attnctl.workspace import weight_files  # imports pickletools

    path = Path(word).expanduser()
    if path.is_file():
        weight_files.check(path)
        digest = _sha256(path)
        files[digest] = path
        return str(Start(file=digest))
    if word == starts.RANDOM or starts.is_published(word) or starts.RowName.of(word) is not None:
        return word
    found = run_selection.beginning(word.removeprefix("run:"), workspace.run_ids())
    if len(found) != 1:
        words = (
            f"matches {len(found)} runs; type more digits"
            if found
            else "is neither a file nor a run's id, nor weights like torchvision:default, nor a row like ean:3/SE-R50"
        )
        raise SpecError(f"--init {word!r} {words}")
    return str(Start(run=found[0]))


def of_modules(specs: Sequence[RunSpec], weights: Weights, overrides: Overrides) -> tuple[list[RunSpec], Located]:
    """The runs of a grid with their weights, each once, and what was found of these. Raises SpecError."""
    check_patterns(weights, [spec.module for spec in specs])
    settings = replace(overrides, partial=weights.partial)

    def expand(located: Located) -> list[RunSpec]:
        known = replace(settings, weights=located.digests)
        made = (started(spec, word, known, Near()) for spec in specs for word in weights.of(spec.module))
        return list({spec.id: spec for spec in made}.values())

    return _with_located(expand, lambda found: found)


def check_patterns(weights: Weights, names: Collection[str]) -> None:
    """Raise SpecError for a pattern that fits no row or module. names: of these."""
    unused = [pattern for pattern in weights.patterns if not any(fnmatchcase(name, pattern) for name in names)]
    if unused:
        raise SpecError(
            f"--init: nothing in this sweep fits {comma_join(unused)}; it has {comma_join(dict.fromkeys(names))}"
        )


def _with_located(expand: Callable[[Located], T], specs: Callable[[T], Iterable[RunSpec]]) -> tuple[T, Located]:
    """What `expand` makes, again once the weights that it names are located."""
    made = expand(Located())
    located = locate(specs(made))
    return (expand(located) if located.digests else made), located


def with_located(
    overrides: Overrides, specs: Callable[[Overrides], Iterable[RunSpec]]
) -> tuple[Overrides, Mapping[str, Path]]:
    """The overrides with the content of the weights that rows name, and their files. specs: of some overrides."""
    located = locate(specs(overrides))
    return replace(overrides, weights={**overrides.weights, **located.digests}), located.files


def named(specs: Iterable[RunSpec]) -> dict[str, tuple[str, str]]:
    """Key -> word and backbone, of the weights of runs and their bases that are known only by name."""
    found: dict[str, tuple[str, str]] = {}
    for spec in specs:
        one: RunSpec | None = spec
        while one is not None:
            if one.init and Start.of(one.init) == Start():
                found[starts.published_key(one.init, one.backbone)] = (one.init, one.backbone)
            one = one.origin
    return found


def locate(specs: Iterable[RunSpec]) -> Located:
    """The weights that are known by name and lie in the user's caches, or at a path. Raises SpecError."""
    words = named(specs)
    if not words:
        return Located()
    from attnctl.networks.weights import published

    known = published.describe({key: item for key, item in words.items() if starts.is_published(item[0])})
    paths = {key: known[key].path if key in known else Path(word).expanduser() for key, (word, _) in words.items()}
    digests = {key: _sha256(path) for key, path in paths.items() if path is not None and path.is_file()}
    files = {digest: path for key, digest in digests.items() if (path := paths[key]) is not None}
    return Located(digests=digests, files=files)


def missing(specs: Iterable[RunSpec]) -> str:
    """The weights that the runs name but that are not here, in one line; empty if there are none."""
    words = list(dict.fromkeys(word.replace(_DEFAULT, f":{backbone}") for word, backbone in named(specs).values()))
    if not words:
        return ""
    published = [word for word in words if starts.is_published(word)]
    advice = f"on a machine with a network: attnctl weights fetch {' '.join(published)}; " if published else ""
    return f"missing weights: {comma_join(words)}; {advice}--init random trains without"


def keep(workspace: Workspace, specs: Iterable[RunSpec], files: Mapping[str, Path]) -> None:
    """Copy the files that runs start from into the workspace, by content, so that later changes do not matter."""
    for digest in dict.fromkeys(Start.of(spec.init).file for spec in specs):
        if digest in files and not workspace.weights(digest).exists():
            _copy(files[digest], workspace.weights(digest), digest)


def _copy(source: Path, target: Path, digest: str) -> None:
    """Copy a file durably, in little memory. Raises SpecError if its SHA-256 is no longer the digest."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with made_aside(target) as aside:
        with source.open("rb") as stream, aside.open("wb") as copy:
            shutil.copyfileobj(stream, copy, _BLOCK)
            copy.flush()
            os.fsync(copy.fileno())
        if _sha256(aside) != digest:
            raise SpecError(f"--init: {source} was changed while it was being copied; sweep again")
    sync_folder(target.parent)


def _sha256(path: Path) -> str:
    from attnctl.networks.weights.published import sha256

    return sha256(path)
