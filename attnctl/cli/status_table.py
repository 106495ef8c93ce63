"""Runs as a table, printed once or followed until all have ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attnctl import own_data
from attnctl.cli import output
from attnctl.cli.refresh import Snapshot, seconds_left, until_all_end
from attnctl.cli.table_layout import Column, filled
from attnctl.cli.text_width import wrapped
from attnctl.lifecycle.state import State
from attnctl.metrics import BY_KEY, DECIDING
from attnctl.settings.config import Config
from attnctl.spec import Start
from attnctl.units import duration, plural, quantity
from attnctl.values import format_value

if TYPE_CHECKING:
    from rich.text import Text

    from attnctl.db import RunRow

COLUMNS = (
    Column("run", optional=True),
    Column("module", settings=True, shrink=16, optional=True),
    Column("backbone", once=True, shrink=12, drop=4, optional=True),
    Column("dataset", once=True, drop=5, optional=True),
    Column("seed", once=True, drop=2, optional=True),
    Column("state", optional=True),
    Column("since", drop=6, optional=True),
    Column("progress", optional=True),
    Column("left", drop=3, optional=True),
    Column("last metrics", short=lambda text: text.partition(",")[0], drop=1, optional=True),
    Column("why", free=True, optional=True),
)


def show(now: Snapshot) -> None:
    """Print the runs and their totals; on standard error what was unavailable."""
    if now.unavailable:
        output.note(now.unavailable)
    if now.rows:
        output.table(COLUMNS, _table(now.rows, now.at))
    for sentence in _sentences(now):
        output.prose(sentence)
    output.prose(totals(now.rows))


def follow(config: Config, ids: Sequence[str] | None) -> Snapshot:
    """Show the runs until all have ended, in place on a terminal, else a line for each change; the last snapshot."""
    snapshots = until_all_end(config, ids)
    return _redraw(snapshots) if output.is_terminal() else _changes(snapshots)


def _table(rows: Sequence[RunRow], at: float) -> list[list[str]]:
    told = differences(rows)
    return [cells(row, at, told.get(row.id, "")) for row in rows]


def differences(rows: Sequence[RunRow]) -> dict[str, str]:
    """Run id -> the fields in which it differs from rows of the same label, network, data set and seed."""
    alike: dict[tuple[str, str, str, int], list[RunRow]] = {}
    for row in rows:
        alike.setdefault((row.label, row.network, row.dataset, row.seed), []).append(row)
    found = {}
    for group in alike.values():
        if len(group) < 2:
            continue
        values = [{"placement": row.placement, **row.recipe, "init": row.init} for row in group]
        names = [name for name in values[0] if len({str(item.get(name, "")) for item in values}) > 1]
        for row, item in zip(group, values, strict=True):
            found[row.id] = " ".join(f"{name}={format_value(item[name])}" for name in names if item.get(name, "") != "")
    return found


def cells(row: RunRow, at: float, fields: str = "") -> list[str]:
    """A run as the cells of COLUMNS. fields: what tells it from rows that look alike."""
    left = seconds_left(row)
    return [
        row.id[:8],
        f"{row.label} {fields}".rstrip(),
        row.network,
        row.dataset,
        str(row.seed),
        row.state,
        duration(max(0.0, at - row.since)),
        f"{row.step or 0}/{row.steps}" if row.steps else "",
        duration(left) if left is not None else "",
        _metrics(row),
        _why(row),
    ]


def _why(row: RunRow) -> str:
    """Why it is in its state."""
    partial = "starts from weights that fit only partly" if row.init and Start.of(row.init).partial else ""
    return row.reason or row.problem or row.alarm or partial


_SHOWN = {
    metric.key: f"{metric.label} {{:{'.2f' if metric.unit == '%' else '.4g'}}}"
    for metric in (*DECIDING, BY_KEY["loss"])
}
"""How the metrics of the last evaluation are written, by key."""

METRICS = frozenset(_SHOWN)
"""The keys of the metrics in the table."""


def _metrics(row: RunRow) -> str:
    """The last evaluation: `top-1 91.22, loss 0.312 (epoch 4)`, `AP 31.20 (epoch 4)`."""
    found = row.metrics
    shown = [form.format(found[key]) for key, form in _SHOWN.items() if key in found]
    epoch = f" (epoch {row.epoch})" if shown and row.epoch is not None else ""
    return ", ".join(shown) + epoch


def totals(rows: Sequence[RunRow]) -> str:
    """In words: `4 runs: 2 running, 2 completed`."""
    states = [row.state for row in rows]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return quantity(len(rows), "run") + (f": {counted}" if counted else "")


def _sentences(now: Snapshot) -> list[str]:
    """What the rows alone do not say: bad nodes, runs that share jobs or that nothing submits, changed data sets."""
    shared = [item.words() for item in now.sharing]
    return [*now.bad_nodes, *shared, *_without_feeder(now.rows), *own_data.namesakes(row.dataset for row in now.rows)]


def _without_feeder(rows: Sequence[RunRow]) -> list[str]:
    """What to type if runs wait to be submitted, and none of the others has a job that does it."""
    waiting = sum(row.state == State.WAITING for row in rows)
    if not waiting or any(row.active and row.state != State.WAITING for row in rows):
        return []
    runs = f"{quantity(waiting, 'run')} {plural(waiting, 'waits', 'wait')}"
    return [f"{runs} to be submitted, but none of these runs has a job that does it: attnctl feed --watch"]


def _changes(snapshots: Iterator[Snapshot]) -> Snapshot:
    """For a pipe: a line when a run's state changes, and when the scheduler falls silent or speaks again."""
    states: dict[str, str] = {}
    unavailable: str | None = None
    for now in snapshots:
        if now.unavailable != unavailable:
            output.note(now.unavailable or "the scheduler answers again")
            unavailable = now.unavailable
        told = differences(now.rows)
        for row in now.rows:
            if states.get(row.id) != row.verdict.state:
                states[row.id] = row.verdict.state
                output.note("  ".join(filter(None, cells(row, now.at, told.get(row.id, "")))))
    return now


def _redraw(snapshots: Iterator[Snapshot]) -> Snapshot:
    from rich.live import Live

    console = output.console()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for now in snapshots:
            live.update(screen(now, console.width, console.height), refresh=True)
        live.update(screen(now, console.width, None), refresh=True)
    return now


def screen(now: Snapshot, width: int, height: int | None) -> Text:
    """The display. width, height: of the terminal in cells and lines; height None: however many lines it takes.

    When not all fits, what runs comes first, and free text under the rows gives way to rows that are under way.
    """
    whole = _drawn(now, now.rows, COLUMNS, width)
    if height is None or _lines(whole) <= height:
        return whole
    rows = sorted(now.rows, key=_urgency)
    drawn, shown = _most(now, rows, COLUMNS, width, height)
    if shown < now.active:
        bare = [column for column in COLUMNS if not column.free]
        drawn, _ = _most(now, rows, bare, width, height)
    return drawn


def _most(
    now: Snapshot, rows: Sequence[RunRow], columns: Sequence[Column], width: int, height: int
) -> tuple[Text, int]:
    """As many of the first rows as that many lines hold, one at least; and their number."""
    for shown in range(min(len(rows), height), 1, -1):
        drawn = _drawn(now, rows[:shown], columns, width)
        if _lines(drawn) <= height:
            return drawn, shown
    return _drawn(now, rows[:1], columns, width), 1


def _drawn(now: Snapshot, rows: Sequence[RunRow], columns: Sequence[Column], width: int) -> Text:
    """What was unavailable, these rows, the nodes that failed to launch jobs, and the totals of all rows."""
    from rich.text import Text

    names = [column.name for column in COLUMNS]
    chosen = [names.index(column.name) for column in columns]
    table = [[row_cells[k] for k in chosen] for row_cells in _table(rows, now.at)]
    left_out = len(now.rows) - len(rows)
    total = totals(now.rows) + (f" ({left_out} not shown)" if left_out else "")
    return Text("\n").join(
        [
            *([Text("\n".join(wrapped(output.one_line(now.unavailable), width)), "yellow")] if now.unavailable else []),
            *([output.fitted(*filled(columns, table), width)] if rows else []),
            *(Text("\n".join(wrapped(line, width))) for line in _sentences(now)),
            Text("\n".join(wrapped(total, width))),
        ]
    )


def _lines(drawn: Text) -> int:
    return drawn.plain.count("\n") + 1


def _urgency(row: RunRow) -> int:
    """What runs comes first, then what waits."""
    state = row.verdict.state
    return 0 if state is State.RUNNING else 1 if state.active else 2
