"""The page: what it says, that it loads nothing, and how it behaves in a real browser."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from attnctl.reports import html
from attnctl.reports.table import Cell, Group, Origin, Plot, ReportColumn, ReportTable, Row, all_rows, one_line, texts
from tests.reports.report_programs import program
from tests.reports.report_tables import HOSTILE, comparison, hostile, of_papers, published

ORIGINS = [
    Origin(run="0a1b", facts=(("backbone", "resnet50"), ("device", "NVIDIA H200"))),
    Origin(run="2c3d", facts=(("commit", "9748be4"),)),
]
PLOT = Plot(title="Top-1", svg='<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0L9 9"/></svg>')


class Page(HTMLParser):
    """Every element's attributes, the cells' texts, and the ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data

    def all(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.mark.parametrize("table", [comparison(), published(), hostile()], ids=["comparison", "published", "hostile"])
def test_every_cell_is_rendered_as_in_the_table_model(table: ReportTable) -> None:
    page = Page(html.render(table))
    rows = [row for row in page.rows if len(row) == len(table.headers) + len(table.columns)][
        -sum(1 for _ in all_rows(table)) :
    ]
    for found, (_, row) in zip(rows, all_rows(table), strict=True):
        *words, last = row.header
        expected = [*words, last + ",".join(row.marks)]
        for cell, (number, state) in zip(row.cells, texts(row, table.columns, " ± "), strict=True):
            marks = ",".join(cell.marks)
            expected.append(one_line(number) + marks + one_line(state) if number else one_line(state) + marks)
        assert [" ".join(text.split()) for text in found] == [one_line(text) for text in expected]


def test_nothing_is_loaded_from_elsewhere() -> None:
    for table in (published(), hostile()):
        page = Page(html.render(table, ORIGINS, [PLOT]))
        sources = [*page.all("src"), *page.all("href"), *page.all("srcset"), *page.all("action")]
        assert all(source.startswith("#") for source in sources)
        assert not {"link", "img", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
        assert [tag for tag, _ in page.tags].count("script") == 1
        assert "@import" not in html.render(table)
        assert "url(" not in html.render(table)


def test_every_link_leads_somewhere_and_each_number_to_its_runs() -> None:
    made = html.render(published(), ORIGINS, [PLOT])
    page = Page(made)
    assert set(page.all("href")) <= {f"#{name}" for name in page.all("id")}
    assert len(page.all("id")) == len(set(page.all("id")))
    assert re.search(r'<a href="#runs-1"><strong>94\.11 ± 1\.02</strong></a>', made)
    assert re.search(r'<li id="runs-1">ResNet18, ResNet18, C10 \(%\) measured: 2 runs,\s+<a href="#run-0a1b">', made)
    assert '<a href="#run-ffff"><span class="state">failed: code error</span></a>' in made
    assert '<article id="run-ffff">' in made
    assert "<dt>device</dt><dd>NVIDIA H200</dd>" in made
    assert "<figcaption>Top-1</figcaption>" in made


def test_a_users_text_is_not_interpreted_as_markup() -> None:
    made = html.render(
        hostile(), [Origin(run="ab", facts=((HOSTILE, HOSTILE),))], [Plot(title=HOSTILE, svg="<svg></svg>")]
    )
    assert "<script>alert" not in made
    assert made.count("</table>") == made.count("</script>") == 1
    assert "\x1b" not in made


# ---------------------------------------------------------------------------------------------------------- in Chromium

NUMBERS = ReportTable(
    title="Numbers",
    headers=("module",),
    columns=(
        ReportColumn(name="top1", title="top-1", better="higher"),
        ReportColumn(name="published", title="published", span="Params"),
        ReportColumn(name="macs", title="MACs", span="Params"),
        ReportColumn(name="trait", title="trait", kind="words"),
    ),
    groups=tuple(
        Group(
            title=group,
            rows=tuple(
                Row(
                    header=(name,),
                    cells=(Cell(value=top1), Cell(printed=params), Cell(value=macs), Cell(printed=trait)),
                )
                for name, top1, params, macs, trait in (
                    ("ela kernel=10", 9.0, "3.5M", 200.0, "yes"),
                    ("ela kernel=9", 80.5, "-", -1.0, "no"),
                    ("se", None, "11.25M", 1e-3, ""),
                    ("nam", 80.25, "4", 1e9, "b10"),
                )
            ),
        )
        for group in ("first", "second")
    ),
)

PROBE = """
<pre id="probe"></pre>
<script>
  const order = () => [...document.querySelectorAll("tbody")].map((body) =>
    [...body.rows].map((row) => row.cells[0].textContent.trim()).join("|"));
  const buttons = [...document.querySelectorAll("thead button")];
  const found = {};
  for (const button of buttons) {
    found[button.textContent] = [1, 2, 3].map(() => {
      button.focus();
      button.click();
      return [button.closest("th").getAttribute("aria-sort"), order(), document.activeElement === button];
    });
  }
  const scroll = document.querySelector(".scroll");
  scroll.scrollLeft = 1000;
  const first = document.querySelector("tbody tr:not(.group) th");
  document.querySelector("#probe").textContent = JSON.stringify({
    found,
    sorts: [...document.querySelectorAll("thead th[aria-sort]")].map((th) => th.getAttribute("aria-sort")),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    inside: scroll.scrollWidth > scroll.clientWidth,
    stays: Math.round(first.getBoundingClientRect().left - scroll.getBoundingClientRect().left),
    paper: getComputedStyle(document.body).backgroundColor,
  });
</script>
"""


def opened(folder: Path, text: str, *options: str) -> Any:
    """What the page's probe reports; the browser's console must stay silent."""
    chromium = program("chromium", "chromium")
    (folder / "page.html").write_text(text.replace("</body>", PROBE + "</body>"))
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom", *options]
    done = subprocess.run(
        [*command, (folder / "page.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert ":CONSOLE" not in done.stderr, done.stderr
    (probe,) = re.findall(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(probe.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def test_a_click_sorts_each_group_by_value(tmp_path: Path) -> None:
    report = opened(tmp_path, html.render(NUMBERS), "--window-size=1400,900")
    found = report["found"]
    as_it_was = "ela kernel=10|ela kernel=9|se|nam"
    orders = {
        "top-1": ("descending", "ela kernel=9|nam|ela kernel=10|se", "ela kernel=10|nam|ela kernel=9|se"),
        "published": ("ascending", "ela kernel=10|nam|se|ela kernel=9", "se|nam|ela kernel=10|ela kernel=9"),
        "MACs": ("ascending", "ela kernel=9|se|ela kernel=10|nam", "nam|ela kernel=10|se|ela kernel=9"),
        "trait": ("ascending", "nam|ela kernel=9|ela kernel=10|se", "ela kernel=10|ela kernel=9|nam|se"),
        "module": ("ascending", "ela kernel=9|ela kernel=10|nam|se", "se|nam|ela kernel=10|ela kernel=9"),
    }
    assert set(found) == set(orders)
    for heading, (lead, first, second) in orders.items():
        other = "ascending" if lead == "descending" else "descending"
        expected = [(lead, first), (other, second), ("none", as_it_was)]
        for (sort, order, focused), (direction, names) in zip(found[heading], expected, strict=True):
            assert (heading, sort, order) == (heading, direction, [f"first|{names}", f"second|{names}"])
            assert focused
    assert report["sorts"] == ["none"] * 5


@pytest.mark.parametrize(("options", "paper"), [((), "rgb(255, 255, 255)"), (("dark",), "rgb(22, 24, 28)")])
def test_on_a_phone_the_table_scrolls_inside_and_the_rows_keep_their_names(
    tmp_path: Path, options: tuple[str, ...], paper: str
) -> None:
    dark = ["--blink-settings=preferredColorScheme=0"] if options else []
    report = opened(tmp_path, html.render(published(), ORIGINS, [PLOT]), "--window-size=500,900", *dark)
    assert report["overflow"] == 0
    assert report["inside"]
    assert report["stays"] == 0
    assert report["paper"] == paper


def test_a_page_of_hostile_text_runs_without_an_error(tmp_path: Path) -> None:
    report = opened(tmp_path, html.render(hostile()))
    assert report["overflow"] == 0


def test_a_long_published_table_opens_without_an_error(tmp_path: Path) -> None:
    assert opened(tmp_path, html.render(of_papers()["ela:5"]), "--window-size=1400,900")["overflow"] == 0
