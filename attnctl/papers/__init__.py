"""The papers' tables and figures as data: the printed numbers, and how each cell is built, counted and trained.

Each TOML file here is a paper; `attnctl paper new my.toml` creates one of your own in the same format:

    name, title, address, cite  of the paper; cite: its key in a bibliography
    [written.MODULE]         how the code behind the published counts implemented a module: see `Written`
    [tables.N]               caption, header (of the rows' column), note, and what all rows have in common
    training                 of a table: how its rows are trained: stated, assumed, or from which code
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

The setup of a cell is given in the row, its group or the table, in this order of precedence:

    model, backbone, placement, dataset, module, hyperparameters      the network. Defaults: module none, placement
                             block, no model around the backbone
    recipe                   of the training; default: that of the data set
    train                    fields that differ from the recipe. A list means several runs, of which the one with the
                             highest mean in the table's first trained column counts
    init                     the weights that it starts from: a row of a table, ean:3/SE-R50, whose run has the same
                             seed; published ones, torchvision:default or timm:NAME; a file, ./weights.pth; run:ID;
                             random (the default)
    maps                     without a backbone: maps [channels, side], for each of which the module alone is built
    params_as, flops_as      the counting convention: exact, a name in attnctl.networks.complexity, or the parameters
                             of one kind of layer, such as linear.weight
    params_unit, flops_unit  K, M, G, or MiB of float32, if the column's unit is another one or is wrong
    head                     whether the counted code had a layer for the mean before the classifier, where ours
                             has a function
    written                  how the counted code implemented the module, if it differs from [written.MODULE]
    task                     detection or segmentation, for rows whose network attnctl does not have: they wait

[[tables.N.bases]] are rows that the paper does not print, from whose weights others start; each has row (its name),
note, and the keys of a setup. Nothing that the table's rows have in common applies to them.

A figure:

    caption, note
    kind                     sweep: a hyperparameter against a metric. curves: a metric over the epochs. scatter: a
                             metric against the cost. cam: class activation maps. histogram: an attention's responses
    table, rows              the table whose rows are drawn; names or globs of the rows (default: all)
    x, y                     the quantities of the axes; y is top1 by default
    settings                 further settings of the kind; only a sweep's series are required:
                             sweep: series, each with title, table, row, column, and the values of x
                             curves: also (more metrics); reach (accuracies whose first epoch is shown)
                             scatter: panels, each with table, rows, x, y
                             cam: layers, images (how many), method
                             histogram: layers, classes
    published                numbers printed in the paper; for a sweep by series and value of x

A claim, [[claims]]: a comparison that the paper's text makes, for `attnctl verdict`:

    claim                    the sentence, or its part that compares
    section                  the section that contains it
    table                    the table that it is about
    rows                     the better rows: names or globs
    than                     the rows that they are compared with: names or globs; only rows of the same group are
                             compared with each other. Default: all other rows of the group
    pairs                    instead of rows and than: pairs of names, the better one first
    columns                  columns in which they are compared; trained or counted. Default: all trained columns
    better                   higher or lower: which of two values the claim calls better. Default: that of the column;
                             counted columns have none
    most                     whether it is about most of these comparisons only
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attnctl import lines
from attnctl.papers.model import CLASSIFICATION, Claim, Figure, Paper, PaperColumn, PaperTable, Row, Setup
from attnctl.papers.read import read
from attnctl.values import SpecError, did_you_mean

__all__ = [
    "CLASSIFICATION",
    "Claim",
    "Figure",
    "Paper",
    "PaperColumn",
    "PaperTable",
    "Row",
    "Setup",
    "is_file",
    "load",
    "names",
]

FOLDER = Path(__file__).parent
SKELETON = FOLDER / "skeleton" / "paper.toml"
"""The content of a new file of `attnctl paper new`."""


@cache
def names() -> tuple[str, ...]:
    """The papers, by the names of their files."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def is_file(name: str) -> bool:
    """Whether a paper's name means a user's file."""
    return "/" in name or name.endswith(".toml")


def load(name: str) -> Paper:
    """The paper of a name (in any case) or a user's file; raises SpecError with the nearest name or the line."""
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
