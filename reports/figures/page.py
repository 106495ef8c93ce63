"""Drawings for the HTML report: SVG to stand within the page, in the page's own colour of text, on whatever ground."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from xml.etree import ElementTree

from attnctl.db import RunRow
from attnctl.reports import naming
from attnctl.reports.comparison.metrics import primary
from attnctl.reports.display_names import PLAIN, DisplayNames
from attnctl.reports.figures import charts, save
from attnctl.reports.figures.charts import Histories
from attnctl.reports.figures.data import COLUMN, Chart, Charts, Drawing
from attnctl.reports.table import Plot
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError

_MOST_SERIES = 12
"""Of a chart with more of them a page shows nothing that can be read."""

_INK = "#010203"
"""A colour that nothing else has: in the page it is the colour of its text."""
_REFERENCE = re.compile(r"#([\w-]+)")


def plots(rows: Sequence[RunRow], histories: Histories, display: DisplayNames = PLAIN) -> list[Plot]:
    """What can be drawn of these runs: top-1 over the epochs, the cost, and each numeric hyperparameter that varies.

    histories: all values of a run by its id, asked only for what is drawn. What would be a single point, or too many
    lines, is left out.
    """
    found: list[Plot] = []
    for chart in _charts(rows, histories, display):
        points = {point.x for series in chart.series for point in series.points}
        if len(points) > 1 and len(chart.series) <= _MOST_SERIES:
            y, x = (axis.title.partition(" (")[0] for axis in (chart.y, chart.x))
            title = f"{y} over {x}" + (f" on {chart.title}" if chart.title else "")
            found.append(Plot(title=title, svg=inline(Charts(panels=(chart,)), title, f"plot{len(found)}-")))
    return found


def inline(drawing: Drawing, title: str, prefix: str) -> str:
    """The drawing as one <svg> element. title: read out to whoever does not see it. prefix: of the ids in it."""
    from attnctl.reports.figures import style

    stream = io.BytesIO()
    with style.styled(_INK):
        save.drawn(drawing, COLUMN).savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    root = ElementTree.fromstring(stream.getvalue())  # noqa: S314 - matplotlib has just written it
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):  # a style would hold for all of the page
                parent.remove(child)
    _at_home(root, prefix)
    for name in ("width", "height"):
        del root.attrib[name]  # the page says how wide it is, viewBox in which shape
    root.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "stroke-linejoin": "round"}
    words = ElementTree.Element("title")
    words.text = title
    root.insert(0, words)
    return ElementTree.tostring(root, encoding="unicode")


def _charts(rows: Sequence[RunRow], histories: Histories, display: DisplayNames) -> Iterator[Chart]:
    """All that could be drawn; what cannot, since nothing is done or a value is no number, is left out."""
    attended = [row for row in rows if row.module != NO_MODULE]
    metrics = list(dict.fromkeys(primary(row) for row in rows))
    names = sorted({name for row in attended for name in row.hyperparameters})
    few = len(set(naming.keys(rows).values())) <= _MOST_SERIES
    varying = [name for name in names if len({row.hyperparameters.get(name) for row in attended} - {None}) > 1]
    makers: list[Callable[[], Chart | list[Chart]]] = [
        *(partial(charts.over_epochs, rows, histories, metric, display=display) for metric in metrics if few),
        *(partial(charts.over_costs, rows, cost, metric, display) for cost in charts.COSTS for metric in metrics),
        *(partial(charts.over_setting, rows, name, metric, display) for name in varying for metric in metrics),
    ]
    for make in makers:
        try:
            made = make()
        except SpecError:
            continue
        yield from made if isinstance(made, list) else [made]


def _at_home(root: ElementTree.Element, prefix: str) -> None:
    """Names without namespaces, the page's ink and fonts, and no ids but those that are referred to, prefixed."""
    used = {name for element in root.iter() for key, value in element.items() for name in _referred(key, value)}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key, value in list(element.items()):
            del element.attrib[key]
            if key == "id":
                if value in used:
                    element.set("id", prefix + value)
                continue
            for name in _referred(key, value):
                value = value.replace(f"#{name}", f"#{prefix}{name}")
            value = value.replace(_INK, "currentColor")
            element.set(key.rpartition("}")[2], value)


def _referred(key: str, value: str) -> list[str]:
    """The ids that an attribute refers to."""
    return _REFERENCE.findall(value) if key.endswith("href") or value.startswith("url(#") else []
