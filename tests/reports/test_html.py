"""The page: what it says, that it loads nothing, and how it behaves in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from attnctl.reports import html
from attnctl.reports.figures import page
from attnctl.reports.table import Cell, Group, Origin, Plot, ReportColumn, ReportTable, Row, all_rows, one_line, texts
from tests.reports.browser import Browser, browser
from tests.reports.figures.figure_runs import history, runs
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
        shown = [" ".join(text.split()).replace("\N{MINUS SIGN}", "-") for text in found]
        assert shown == [one_line(text) for text in expected]


def test_negative_numbers_have_a_minus_and_words_keep_their_hyphens() -> None:
    columns = (
        ReportColumn(name="gain", title="gain", signed=True),
        ReportColumn(name="printed", title="printed"),
        ReportColumn(name="words", title="words", kind="words"),
    )
    cells = (Cell(value=-0.25, interval=(-0.5, 0.0)), Cell(printed="1e-3 (-4)"), Cell(printed="-1 conv-7"))
    rows = (Row(header=("x -1",), cells=cells),)
    made = html.render(ReportTable(title="t", headers=("m",), columns=columns, groups=(Group(title="", rows=rows),)))
    assert '\N{MINUS SIGN}0.25 <span class="interval">[\N{MINUS SIGN}0.50, +0.00]</span>' in made
    assert "1e-3 (\N{MINUS SIGN}4)" in made
    assert ">-1 conv-7<" in made
    assert ">x -1<" in made
    assert 'data-order="-0.25"' in made


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
    assert re.search(
        r'<li id="runs-1" data-runs="0a1b 2c3d">ResNet18, ResNet18, C10 \(%\) measured: 2 runs,\s+<a href="#run-0a1b">',
        made,
    )
    assert '<a href="#run-ffff"><span class="state">failed: code error</span></a>' in made
    assert '<details id="run-ffff" data-runs="ffff">' in made
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

SORTS = """(() => {
  const order = () => [...document.querySelectorAll("tbody")].map((body) =>
    [...body.rows].map((row) => row.cells[0].textContent.trim()).join("|"));
  const found = {};
  for (const button of document.querySelectorAll("thead button")) {
    found[button.textContent] = [1, 2, 3].map(() => {
      button.focus();
      button.click();
      return [button.closest("th").getAttribute("aria-sort"), order(), document.activeElement === button];
    });
  }
  return {
    found,
    sorts: [...document.querySelectorAll("thead [aria-sort]")].map((th) => th.getAttribute("aria-sort")),
  };
})()"""

WIDTHS = """(() => {
  const scroll = document.querySelector(".scroll");
  scroll.scrollLeft = 1000;
  const first = document.querySelector("tbody tr:not(.group) th");
  return {
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    inside: scroll.scrollWidth > scroll.clientWidth,
    stays: Math.round(first.getBoundingClientRect().left - scroll.getBoundingClientRect().left),
    paper: getComputedStyle(document.body).backgroundColor,
    letters: [...document.querySelectorAll("svg text")].filter((text) => text.textContent.trim()).map((text) =>
      text.getBBox().height * Math.hypot(text.getScreenCTM().c, text.getScreenCTM().d)),
  };
})()"""

NAMES = """[...document.querySelectorAll("tbody tr")].filter((row) => !row.hidden)
  .map((row) => row.cells[0].textContent.trim())"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Opens a page in a window, at an address within it; the browser's console must stay silent."""
    chromium.said.clear()

    def call(text: str, address: str = "", *, width: int = 1280) -> Browser:
        file = tmp_path / "page.html"
        file.write_text(text)
        chromium.open("about:blank")
        chromium.open(file.as_uri() + address, width=width)
        return chromium

    yield call
    assert not chromium.said


def test_a_click_sorts_each_group_by_value(opened: Callable[..., Browser]) -> None:
    report = opened(html.render(NUMBERS)).run(SORTS)
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


def test_sort_and_filter_stand_in_the_address(opened: Callable[..., Browser]) -> None:
    page = opened(html.render(NUMBERS))
    page.run("document.querySelector('[data-key=top1] button').click()")
    page.run(
        "{const i = document.querySelector('input'); i.value = ' ELA  first'; i.dispatchEvent(new Event('input'))}"
    )
    assert page.run("location.hash") == "#sort=-top1&filter=ELA++first"
    assert page.run(NAMES) == ["first", "ela kernel=9", "ela kernel=10"]
    assert page.run("document.querySelector('output').textContent") == "2 of 8 rows"
    again = opened(html.render(NUMBERS), "#sort=-top1&filter=ELA++first")
    assert again.run(NAMES) == ["first", "ela kernel=9", "ela kernel=10"]
    assert again.run("document.querySelector('input').value") == "ELA  first"
    again.run("{const i = document.querySelector('input'); i.value = ''; i.dispatchEvent(new Event('input'))}")
    for _ in range(2):
        again.run("document.querySelector('[data-key=top1] button').click()")
    assert again.run("location.href.includes('#')") is False
    names = ["ela kernel=10", "ela kernel=9", "se", "nam"]
    assert again.run(NAMES) == ["first", *names, "second", *names]


@pytest.mark.parametrize("address", ["#sort=-nothing&filter=-1.00", "#filter=\u22121.00", "#filter=-1.00&at=gone"])
def test_a_filter_finds_numbers_whichever_minus_is_typed(opened: Callable[..., Browser], address: str) -> None:
    assert opened(html.render(NUMBERS), address).run(NAMES) == ["first", "ela kernel=9", "second", "ela kernel=9"]


@pytest.mark.parametrize("address", ["#%", "#sort=%&filter=%", "#=", "#&&&=x"])
def test_an_address_of_anything_shows_all_rows(opened: Callable[..., Browser], address: str) -> None:
    shown = [name for name in opened(html.render(NUMBERS), address).run(NAMES) if name not in {"first", "second"}]
    assert len(shown) in ({0} if "filter=%" in address else {8})


def test_a_filter_keeps_only_the_runs_of_its_rows(opened: Callable[..., Browser]) -> None:
    shown = "[...document.querySelectorAll('details, .sets li')].filter((part) => !part.hidden).map((part) => part.id)"
    made = html.render(comparison(), ORIGINS)
    assert opened(made, "#filter=diverged").run(shown) == ["run-0a1b"]
    assert opened(made, "#filter=running").run(shown) == []
    assert opened(made, "#filter=2c3d").run(shown) == opened(made).run(shown) == ["runs-1", "run-0a1b", "run-2c3d"]
    assert opened(made, "#filter=2c3d").run(NAMES)[1] == "no attention"


def test_a_number_opens_its_run_and_back_returns_to_the_filtered_table(opened: Callable[..., Browser]) -> None:
    page = opened(html.render(published(), ORIGINS), "#filter=error")
    assert page.run("document.querySelectorAll('details[open]').length") == 0
    page.run("document.querySelector('a[href=\"#run-ffff\"]').click()")
    assert page.run("location.hash") == "#filter=error&at=run-ffff"
    assert page.run("[...document.querySelectorAll('details[open]')].map((run) => run.id)") == ["run-ffff"]
    page.run("new Promise((done) => { addEventListener('popstate', done, { once: true }); history.back() })")
    assert page.run("location.hash") == "#filter=error"
    assert page.run("document.querySelector('input').value") == "error"
    assert opened(html.render(published(), ORIGINS), "#run-0a1b").run("document.querySelector('details').open") is True


LIVE = html.Live(seconds=3600, words="2 runs: 1 running, 1 completed")


def test_a_live_page_reloads_with_its_rows_runs_cursor_and_place(
    opened: Callable[..., Browser], tmp_path: Path
) -> None:
    opened("").before("window.setInterval = (action) => { window.tick = action }")  # the test says when
    page = opened(html.render(published(), ORIGINS, [PLOT] * 9, LIVE), "#sort=c10&filter=e", width=390)
    ended = html.render(published(), ORIGINS, [PLOT] * 9).replace("EAN, table", "Now: table")
    (tmp_path / "page.html").write_text(ended)
    top = "Math.round(document.querySelector('.plots').getBoundingClientRect().top)"
    before = page.run(
        """{
        document.querySelectorAll("details")[1].open = true;
        const input = document.querySelector("input");
        input.focus({ preventScroll: true });
        input.setSelectionRange(1, 1);
        document.querySelector(".scroll").scrollLeft = 77;
        scrollTo(0, 600);
        }"""
        + top
    )
    page.run("tick()")
    page.wait("Page.loadEventFired")
    assert page.run("document.querySelector('h1').textContent").startswith("Now: table")
    assert page.run("document.body.dataset.reload ?? null") is None  # all runs have ended: the page stays
    assert page.run("location.hash") == "#sort=c10&filter=e"
    assert page.run("[...document.querySelectorAll('details')].map((run) => run.open)") == [False, True, False]
    assert page.run("document.querySelector('.scroll').scrollLeft") == 77
    assert page.run("scrollY") > 500
    assert page.run(top) == before  # although the line above that told of the reloads is gone
    assert page.run("document.activeElement.selectionStart") == 1
    assert page.run("document.querySelector('[data-key=c10]').getAttribute('aria-sort')") == "ascending"


def test_a_live_page_says_so_and_reloads_without_scripts_too() -> None:
    made = html.render(comparison(), live=LIVE)
    assert '<p class="live" role="status">2 runs: 1 running, 1 completed</p>' in made
    assert '<noscript><meta http-equiv="refresh" content="3600"></noscript>' in made
    assert "refresh" not in html.render(comparison())


def test_foreign_scripts_do_not_run_even_if_they_were_in_the_page(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(html.render(NUMBERS).replace("</main>", "<script>document.title = 'taken'</script></main>"))
    chromium.open(file.as_uri())
    assert chromium.run("document.title") == "Numbers"
    assert chromium.run("document.querySelector('.tools').hidden") is False  # the page's own script does
    chromium.said.clear()


@pytest.mark.parametrize("width", [390, 1280])
def test_at_both_widths_the_page_fits_and_charts_can_be_read(opened: Callable[..., Browser], width: int) -> None:
    rows = runs(lambda spec: 90.0 + spec.seed, modules=("none", "ean"), seeds=("0", "1"))
    plots = page.plots(rows, lambda run: history([50, 60, 70]))
    assert plots
    report = opened(html.render(published(), ORIGINS, plots), width=width).run(WIDTHS)
    assert report["overflow"] == 0
    assert report["stays"] == 0
    assert 10 < min(report["letters"]) <= max(report["letters"]) < 22  # pixels of a line


@pytest.mark.parametrize(("dark", "paper"), [(False, "rgb(255, 255, 255)"), (True, "rgb(22, 24, 28)")])
def test_on_a_phone_the_table_scrolls_inside_and_the_rows_keep_their_names(
    opened: Callable[..., Browser], dark: bool, paper: str
) -> None:
    page = opened(html.render(published(), ORIGINS, [PLOT]), width=390)
    page.prefer("dark" if dark else "light")
    report = page.run(WIDTHS)
    assert report["overflow"] == 0
    assert report["inside"]
    assert report["stays"] == 0
    assert report["paper"] == paper


def test_a_page_of_hostile_text_runs_without_an_error(opened: Callable[..., Browser]) -> None:
    page = opened(html.render(hostile()))
    assert page.run(WIDTHS)["overflow"] == 0
    assert page.run("typeof window.alerted") == "undefined"


def test_a_long_published_table_opens_without_an_error(opened: Callable[..., Browser]) -> None:
    assert opened(html.render(of_papers()["ela:5"])).run(WIDTHS)["overflow"] == 0
