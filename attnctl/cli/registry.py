"""The commands there are: a row each, so that the list of them costs no import of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Ours, because Click's recipe for lazy subcommands still imports every command to list them with their summaries in
# --help (Click's documentation, "Lazily Loading Subcommands"), and Typer has none.

RUN, LOOK, PUBLISH, DATA, WORKSPACE = "Run", "Look", "Publish", "Data and modules", "Workspace"


@dataclass(frozen=True)
class Command:
    """A command. summary: the first line of its docstring, without the full stop.

    function: its name in `attnctl.cli.commands.<module>`. functions: of a group, subcommand -> function in that module.
    """

    name: str
    panel: str
    summary: str
    module: str = ""
    function: str = ""
    functions: Mapping[str, str] = field(default_factory=dict)

    @property
    def import_name(self) -> str:
        """Where its functions are."""
        return f"attnctl.cli.commands.{self.module or self.name}"


COMMANDS = (
    Command("sweep", RUN, "Train the missing runs of a grid or a paper's table"),
    Command("try", RUN, "Test a module: 20 steps, save, resume, cost estimate", module="try_", function="try_"),
    Command("resume", RUN, "Resume unfinished runs"),
    Command("feed", RUN, "Submit the runs that wait for a place in the queue"),
    Command("reproduce", RUN, "Train a paper's tables, and judge its numbers"),
    Command("cancel", RUN, "Cancel runs, or all runs of a sweep"),
    Command("status", LOOK, "Show the state of every run, and why"),
    Command("sweeps", LOOK, "List the sweeps with their runs, dates and commands"),
    Command("why", LOOK, "Explain why a run is in its state, and what to do"),
    Command("show", LOOK, "Show everything known about one run"),
    Command("logs", LOOK, "Print the log of a run"),
    Command("cost", LOOK, "Compare the predicted time of runs with what it took"),
    Command("diff", LOOK, "Show how two runs differ, in fields and in own code"),
    Command("report", PUBLISH, "Print a comparison table, or a paper's table"),
    Command("ranks", PUBLISH, "Rank modules over data sets and backbones"),
    Command("seeds", PUBLISH, "Count the seeds that a comparison needs"),
    Command("verdict", PUBLISH, "Judge a paper's numbers and claims by your runs"),
    Command("papers", PUBLISH, "List the papers' tables and figures, with progress"),
    Command(
        "paper",
        PUBLISH,
        "Write, check or export a paper file",
        functions={"new": "new", "check": "check", "export": "export"},
    ),
    Command("figure", PUBLISH, "Draw a figure of a paper from your runs"),
    Command("plot", PUBLISH, "Plot a hyperparameter, epochs or cost against a metric"),
    Command("cam", PUBLISH, "Draw class activation maps side by side"),
    Command("histogram", PUBLISH, "Draw the responses of layers or attention by class"),
    Command(
        "prune-curve", PUBLISH, "Plot accuracy as channels are pruned by their scales", "prune_curve", "prune_curve"
    ),
    Command("errors", PUBLISH, "Draw calibration, confusions or accuracy by class"),
    Command("eval", PUBLISH, "Evaluate trained networks on other images", module="eval_", function="eval_"),
    Command("predict", PUBLISH, "Classify images, or draw what a detector finds"),
    Command("export", PUBLISH, "Export metrics to CSV, JSON, TensorBoard or wandb"),
    Command("import", PUBLISH, "Import results measured or published elsewhere", module="import_", function="import_"),
    Command("archive", PUBLISH, "Pack everything behind a table into one file"),
    Command("audit", PUBLISH, "Compare published parameters and FLOPs with ours"),
    Command("modules", DATA, "List attention modules and their hyperparameters"),
    Command("backbones", DATA, "List backbones and their placements", module="listings"),
    Command("models", DATA, "List detectors and segmentation networks", module="listings"),
    Command("datasets", DATA, "List data sets and whether they are available", module="listings"),
    Command("recipes", DATA, "List training recipes", module="listings"),
    Command(
        "data",
        DATA,
        "Download, check, pack or write data sets",
        functions={"fetch": "fetch", "check": "check", "pack": "pack", "write": "write", "list": "list_"},
    ),
    Command(
        "weights",
        DATA,
        "Download, list or export weights",
        functions={"fetch": "fetch", "list": "list_", "export": "export"},
    ),
    Command("complexity", DATA, "Count parameters and MACs of modules in a network"),
    Command("bench", DATA, "Measure inference speed beside the plain backbone"),
    Command("init", WORKSPACE, "Write a commented attnctl.toml"),
    Command("trust", WORKSPACE, "Let the commands of a settings file run"),
    Command("doctor", WORKSPACE, "Check this machine, and say how to fix problems"),
    Command("name", WORKSPACE, "Give a run a name, or a sweep another one", module="annotate"),
    Command("tag", WORKSPACE, "Add tags to runs or sweeps, or remove them", module="annotate"),
    Command("note", WORKSPACE, "Write a note on a run or sweep", module="annotate"),
    Command("gc", WORKSPACE, "Delete checkpoints and leftovers no longer needed", module="gc_"),
    Command("du", WORKSPACE, "Show what uses the space, by sweep or run"),
    Command("rm", WORKSPACE, "Remove a run, or a sweep and its runs with --runs"),
    Command("merge", WORKSPACE, "Merge the runs of another workspace into this one"),
    Command(
        "db",
        WORKSPACE,
        "Print the index's path, or rebuild the index",
        functions={"path": "path", "rebuild": "rebuild"},
    ),
)
