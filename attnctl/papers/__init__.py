"""The papers' tables and figures as data: the printed numbers, and how each cell is built, counted and trained.

Each TOML file here is a paper; `attnctl paper new my.toml` creates one of your own in the same format:

    name, title, address, cite  of the paper; cite: its key in a bibliography
    [written.MODULE]         how the code that the figures were counted on wrote a module: see `Written`
    [tables.N]               caption, header (of the rows' column), note, and what all rows have in common
    [[tables.N.columns]]     the columns, in their order
    [tables.N.on.X]          a group of rows: title, and what its rows have in common
    [[tables.N.rows]]        the rows, in their order
    [figures.N]              a figure

A column:

    key                      its name in the rows
    title, unit              as printed; unit: %, M, G, MB ...
    metric                   params, flops; fps; a metric of a training: top1, top5 ...; keeps_channels, long_range,
                             lightweight: properties of the module; words: text that is not compared
    error                    printed as an error rate, 100 minus the accuracy
    better                   higher or lower; only if the metric does not define it
    decimals                 of our numbers
    changes                  keys that its cells override in their rows: a data set, a module ...

A row:

    row                      its name, unique in the table
    printed                  as printed, if the group's first row has the rest of the name: +SE
    on                       its group
    KEY OF A COLUMN          what is printed there, in quotes
    explained                by column: why the printed number differs from ours: a misprint, a wrong label
    note, weak               what a reader must know; why a match proves little
    cite                     the module's key in a bibliography

What a cell is made with stands in the row, its group or the table; the nearest wins:

    model, backbone, placement, dataset, module, hyperparameters      what is built; the module is none, the placement
                             block, and there is no model around the backbone, unless it is said
    recipe                   how it is trained; the data set's own unless it is said
    train                    fields of the recipe that differ. A list is several runs, of which the one with the
                             highest mean of the table's first trained column counts
    maps                     instead of a backbone: the module alone, once for each of these maps, [channels, side]
    params_as, flops_as      the way of counting: exact, one of attnctl.networks.complexity's, or the parameters of one
                             kind of layer, such as linear.weight
    params_unit, flops_unit  K, M, G, or MiB of float32, where the column's unit is not, or not truly, one of them
    head                     whether the counted code had a layer for the mean before the classifier, where ours
                             has a function
    written                  how the counted code wrote the module, where it differs from [written.MODULE]
    task                     detection or segmentation, of rows whose network is none of attnctl's: they wait

A figure:

    caption, note
    kind                     sweep: a hyperparameter against a metric. curves: a metric over the epochs. scatter: a
                             metric against the cost. cam: class activation maps. histogram: an attention's responses
    table, rows              the table whose rows are drawn; the rows' names or globs, all of them unless said
    x, y                     what is drawn against what; y is top1 unless it is said
    settings                 what the kind needs besides, all of it optional but a sweep's series:
                             sweep: series, each with title, table, row, column, and the values that x takes in it
                             curves: also, more metrics; reach, accuracies whose first epoch is shown
                             scatter: panels, each with table, rows, x, y
                             cam: layers, images (how many), method
                             histogram: layers, classes
    published                numbers that the paper prints of it; of a sweep: by series and value of x
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attnctl import lines
from attnctl.papers.model import CLASSIFICATION, Column, Figure, Paper, Row, Setup, Table
from attnctl.papers.read import read
from attnctl.values import SpecError, did_you_mean

__all__ = [
    "CLASSIFICATION",
    "Column",
    "Figure",
    "Paper",
    "Row",
    "Setup",
    "Table",
    "is_file",
    "load",
    "names",
]

FOLDER = Path(__file__).parent
SKELETON = FOLDER / "skeleton" / "paper.toml"
"""What `attnctl paper new` writes."""


@cache
def names() -> tuple[str, ...]:
    """The papers, by the names of their files."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def is_file(name: str) -> bool:
    """Whether a paper's name means a user's file."""
    return "/" in name or name.endswith(".toml")


def load(name: str) -> Paper:
    """The paper of that name, in whatever case, or of a user's file; raises SpecError with the nearest, or the line."""
    return _read_file(Path(name).expanduser()) if is_file(name) else _built_in(name.lower())


@cache
def _built_in(name: str) -> Paper:
    if name not in names():
        raise SpecError(f"unknown paper {name!r}{did_you_mean(name, names())}")
    file = FOLDER / f"{name}.toml"
    return read(file.read_text(encoding="utf-8"), str(file))


def _read_file(file: Path) -> Paper:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise SpecError(f"there is no file {file}; create one with `attnctl paper new {file}`") from None
    except OSError as error:
        raise SpecError(f"cannot read paper {file}: {error.strerror}") from error
    paper = read(lines.decoded(data, str(file)), str(file), file)
    if paper.name.lower() in names():
        raise SpecError(f"{file}: {paper.name} is a built-in paper; choose another name")
    return paper
