"""The commands there are: a row each, so that the list of them costs no import of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RUNS, RESULTS, PAPERS, KNOWN, WORKSPACE = "Runs", "Results", "Papers", "What can be asked for", "This workspace"


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
    Command("sweep", RUNS, "Train the grid of modules, backbones, data sets and seeds that is missing"),
    Command(
        "try",
        RUNS,
        "Train 20 steps of each run, evaluate, save and resume, and tell what the whole will cost",
        "try_",
        "try_",
    ),
    Command("status", RUNS, "Show what runs, what has ended and why"),
    Command("resume", RUNS, "Go on with the runs that ended before their time, each as its end asks for"),
    Command("why", RUNS, "Show why a run is in its state, what it used, and what helps"),
    Command("show", RUNS, "Show everything that is known of one run"),
    Command("logs", RUNS, "Print what a run has written"),
    Command("cancel", RUNS, "End a run, or all runs of a sweep"),
    Command("diff", RUNS, "Show in which fields two runs differ"),
    Command("papers", PAPERS, "List the papers' tables and figures, and how much of each is done"),
    Command(
        "paper",
        PAPERS,
        "A paper of your own, as a file of tables",
        functions={"new": "new", "check": "check"},
    ),
    Command("report", RESULTS, "Print the comparison table of the runs, or a paper's table beside what is published"),
    Command("figure", RESULTS, "Draw a figure of a paper from the runs"),
    Command("plot", RESULTS, "Draw a hyperparameter, the epochs or the cost against a metric"),
    Command("predict", RESULTS, "Draw what a trained detector or segmentation network finds on images"),
    Command("cam", RESULTS, "Draw what trained networks look at: class activation maps, side by side"),
    Command("histogram", RESULTS, "Draw the responses of a trained network, or of its attention, by class"),
    Command("export", RESULTS, "Write the metrics of runs as CSV, JSON, for TensorBoard or for wandb"),
    Command("import", RESULTS, "Take in numbers measured or published elsewhere", "import_", "import_"),
    Command("archive", RESULTS, "Pack all that is behind a table: specs, code, versions, metrics, commands"),
    Command(
        "db", RESULTS, "The database, an index of the run folders", functions={"path": "path", "rebuild": "rebuild"}
    ),
    Command("bench", RESULTS, "Measure how fast networks with attention infer, beside the plain backbone"),
    Command("complexity", RESULTS, "Count what modules cost in a network, exactly and as papers count"),
    Command("audit", RESULTS, "Hold every published figure of parameters and FLOPs against ours"),
    Command("modules", KNOWN, "List the attention modules and their hyperparameters"),
    Command("backbones", KNOWN, "List the backbones and their placements", module="listings"),
    Command("models", KNOWN, "List the detectors and segmentation networks around a backbone", module="listings"),
    Command("datasets", KNOWN, "List the data sets, and whether they are here", module="listings"),
    Command("recipes", KNOWN, "List the recipes: how a run is trained", module="listings"),
    Command("init", WORKSPACE, "Write a commented attnctl.toml into the workspace"),
    Command("merge", WORKSPACE, "Take in the runs of another workspace"),
    Command("rm", WORKSPACE, "Remove a sweep's record, and its runs if asked to"),
    Command(
        "gc", WORKSPACE, "Remove checkpoints that are not needed any more, and what killed writers left", "gc_", "gc"
    ),
    Command("doctor", WORKSPACE, "Check this machine, and how to mend what is missing"),
    Command(
        "data",
        WORKSPACE,
        "The data sets' files",
        functions={"fetch": "fetch", "check": "check", "write": "write", "list": "list_"},
    ),
)
