"""The tables of the index. Everything in it can be read again from the workspace's folders.

A change of this file or of the recipe's fields needs no migration: `attnctl.db.store` notices it, and the index is
filled again from the folders. Times are Unix seconds, accuracies percent, losses in nats.

Who opens the file with pandas or sqlite3 wants the views: `runs`, `hyperparameters`, `metrics`, `results`,
`sweep_runs`. They know a run by its id; the tables know it by a small number, since there are millions of metric rows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeEngine

from attnctl.spec import recipe_fields, recipe_types

metadata = MetaData()


def _recipe_columns() -> list[Column[Any]]:
    types: dict[object, type[TypeEngine[Any]]] = {bool: Integer, int: Integer, float: Float}
    return [
        Column(name, types.get(recipe_types()[name], String), comment=field.metadata["help"])
        for name, field in recipe_fields().items()
    ]


run = Table(
    "run",
    metadata,
    Column("number", Integer, primary_key=True, comment="this index's own name for the run"),
    Column("id", String, nullable=False, unique=True),
    # What was asked for; `?` when spec.json is broken.
    Column("module", String, nullable=False),
    Column("label", String, nullable=False, comment="the module with its hyperparameters"),
    Column("model", String, nullable=False, comment="what stands around the backbone; empty: a classifier"),
    Column("backbone", String, nullable=False),
    Column("placement", String, nullable=False),
    Column("dataset", String, nullable=False),
    Column("versions", String, nullable=False, comment="of the code that the numbers depend on"),
    Column("seed", Integer, nullable=False),
    Column("init", String, nullable=False, comment="the weights that it starts from; empty: the seed's own"),
    Column("family", String, nullable=False, index=True, comment="what the runs of one cell of a table share: a hash"),
    Column("lineage", String, nullable=False, comment="as family, also if the runs start from others of their seeds"),
    # What became of it, by the evidence of the newest attempt.
    Column("state", String, nullable=False, index=True),
    Column("reason", String, nullable=False),
    Column("since", Float, nullable=False),
    Column("problem", String, comment="a broken file of the run, in words"),
    Column("alarm", String, comment="attempts on the CPU that disagree, in words"),
    Column("final", Integer, nullable=False, comment="1: completed and wholly read; its folder is not opened again"),
    # How far it is.
    Column("attempt", Integer, comment="the newest; NULL before the first"),
    Column("incarnation", Integer, comment="the newest of that attempt"),
    Column("tag", String, comment="the submission of the newest attempt"),
    Column("job_id", String),
    Column("place", String, comment="slurm or local"),
    Column("created", Float, comment="when the newest attempt was reserved"),
    Column("started", Float, comment="first event of the newest incarnation"),
    Column("heartbeat", Float, comment="last event of the newest incarnation"),
    Column("ended", Float, comment="when it ended, by its verdict; NULL while it is under way"),
    Column("step", Integer),
    Column("steps", Integer, comment="of the whole training"),
    Column("epoch", Integer, comment="the last evaluated one"),
    Column("best_epoch", Integer, comment="the evaluated epoch with the highest top1, ap or miou, the first of equals"),
    Column("images_per_s", Float),
    Column("params", Integer),
    Column("macs", Integer, comment="multiply-accumulates of one forward of one image"),
    Column("device", String),
    Column("node", String),
)

# Apart from `run`, whose rows are read at every command and are three times as short without these.
spec = Table(
    "spec",
    metadata,
    Column("run", ForeignKey("run.number"), primary_key=True),
    *_recipe_columns(),
    Column(
        "text", String, nullable=False, comment="the whole RunSpec as JSON, to give it back; no query looks into it"
    ),
)

# Apart from `run` for the same reason.
stamp = Table(
    "stamp",
    metadata,
    Column("run", ForeignKey("run.number"), primary_key=True),
    Column("text", String, nullable=False, comment="sizes and times of its files: `attnctl.workspace.stamps`"),
    Column("observed", String, comment="what the scheduler said last of its newest attempt: `Observed.essence`"),
)

hyperparameter = Table(
    "hyperparameter",
    metadata,
    Column("run", ForeignKey("run.number"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False, comment="as a user types it: 7, true, none"),
    sqlite_with_rowid=False,
)

attempt = Table(
    "attempt",
    metadata,
    Column("run", ForeignKey("run.number"), primary_key=True),
    Column("attempt", Integer, primary_key=True, comment="from 1"),
    Column("tag", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("place", String, nullable=False, comment="slurm or local"),
    Column("user", String, nullable=False),
    Column("host", String, nullable=False),
    Column("world", Integer, nullable=False, comment="processes asked for"),
    Column("nodes", Integer, nullable=False),
    Column("gpus_per_node", Integer, nullable=False),
    Column("minutes", Integer, comment="the time limit"),
    Column("base", String, nullable=False, comment="the run whose job it waits for, or empty"),
    sqlite_with_rowid=False,
)

incarnation = Table(
    "incarnation",
    metadata,
    Column("run", ForeignKey("run.number"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("incarnation", Integer, primary_key=True, comment="SLURM's restart count"),
    Column("offset", Integer, nullable=False, comment="bytes of events.jsonl that are in this index"),
    Column("tail", LargeBinary, nullable=False, comment="the last of those bytes: others there mean another file"),
    Column("started", Float, comment="first event"),
    Column("heartbeat", Float, comment="last event"),
    Column("lost", Integer, comment="step of an earlier checkpoint that was gone, so that it started over"),
    Column("step", Integer),
    Column("steps", Integer),
    Column("loss", Float, comment="training loss of the epoch so far, at the last heartbeat"),
    Column("images_per_s", Float),
    Column("params", Integer),
    Column("macs", Integer),
    Column("waited", Float, comment="part of the time in which rank 0 waited for data, from 0 to 1"),
    Column("cores", Float, comment="that rank 0 kept busy"),
    Column("world", Integer, comment="processes there were"),
    Column("device", String, comment="cpu, or the GPU's name"),
    Column("threads", Integer, comment="per process"),
    Column("outcome", String, comment="of the end event: it has said all"),
    Column("node", String),
    Column("python", String),
    Column("torch", String),
    Column("cuda", String),
    Column("commit", String),
    sqlite_with_rowid=False,
)

metric = Table(
    "metric",
    metadata,
    Column("run", ForeignKey("run.number"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("name", String, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("incarnation", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("value", Float, nullable=False),
    # A step that was trained again after a rollback has a row of each token; that of the highest token counts.
    sqlite_with_rowid=False,
)

result = Table(
    "result",
    metadata,
    Column("run", ForeignKey("run.number"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("last", Float, comment="of the last evaluated epoch"),
    Column("best", Float, comment="of the best epoch"),
    sqlite_with_rowid=False,
)

submission = Table(
    "submission",
    metadata,
    Column("tag", String, primary_key=True),
    Column("created", Float, nullable=False),
    Column("place", String, nullable=False),
    Column("host", String, nullable=False),
    Column("cluster", String),
    Column("job_id", String),
    Column("failed", String, comment="the scheduler's words when it refused"),
    Column("runs_per_job", Integer, nullable=False, comment="tasks in one element of the array; 0: each has its own"),
    Column("problem", String, comment="why its file could not be read"),
)

task = Table(
    "task",
    metadata,
    Column("tag", String, primary_key=True),
    Column("task", Integer, primary_key=True, comment="index in the job array, unless runs share its elements"),
    Column("run", String, nullable=False, comment="the run's id, which need not be in `run` yet"),
    Column("attempt", Integer, nullable=False),
    UniqueConstraint("run", "attempt", "tag"),
    sqlite_with_rowid=False,
)

sweep = Table(
    "sweep",
    metadata,
    Column("name", String, primary_key=True),
    Column("created", Float, nullable=False),
    Column("command", String, nullable=False, comment="as it was typed, quoted for a shell"),
    Column("paper", String, nullable=False, comment="a paper's name or file when it is of a paper's table; else empty"),
    Column("table", String, nullable=False, comment="the table's number"),
    Column("figure", String, nullable=False, comment="the figure's number, instead of a table's"),
    Column("overrides", String, nullable=False, comment="as JSON, to give it back; no query looks into it"),
    Column("stamp", String, nullable=False, comment="size and mtime of its file when it was read"),
    Column("problem", String, comment="why its file could not be read"),
)

sweep_run = Table(
    "sweep_run",
    metadata,
    Column("sweep", ForeignKey("sweep.name"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("run", String, nullable=False, comment="the run's id, which need not be in `run` yet"),
    sqlite_with_rowid=False,
)

Index("run_not_final", run.c.id, sqlite_where=run.c.final == 0)

_PUBLIC = ", ".join(
    [f"run.{column.name}" for column in run.c if column.name not in {"number", "final"}]
    + [
        f"spec.{column.name}" + (f" AS recipe_{column.name}" if column.name in run.c else "")
        for column in spec.c
        if column.name not in {"run", "text"}
    ]
)

VIEWS = {
    "runs": f"SELECT {_PUBLIC} FROM run LEFT JOIN spec ON spec.run = run.number",  # noqa: S608 (our own column names)
    "hyperparameters": "SELECT run.id AS run, h.name, h.value FROM hyperparameter h JOIN run ON run.number = h.run",
    "metrics": """
        SELECT run.id AS run, m.name, m.step, m.epoch, m.value, m.attempt, m.incarnation
        FROM metric m JOIN run ON run.number = m.run
        WHERE NOT EXISTS (
            SELECT 1 FROM metric later
            WHERE later.run = m.run AND later.step = m.step AND later.name = m.name
              AND (later.attempt, later.incarnation) > (m.attempt, m.incarnation))""",
    "results": "SELECT run.id AS run, r.name, r.last, r.best FROM result r JOIN run ON run.number = r.run",
    "sweep_runs": "SELECT sweep, position, run FROM sweep_run",
}
"""View -> its SELECT: what a user of the file is promised."""


def statements() -> list[str]:
    """What makes all tables, indexes and views in an empty database."""
    dialect = sqlite.dialect()
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    indexes = [index for table in metadata.sorted_tables for index in sorted(table.indexes, key=lambda i: str(i.name))]
    made += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return made + [f"CREATE VIEW {name} AS {select}" for name, select in VIEWS.items()]
