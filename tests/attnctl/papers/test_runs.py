"""From a paper's tables and figures to runs: what a row is trained with, what overrules it, and why it cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attnctl import papers
from attnctl.grid import Axes, expand
from attnctl.networks import surgery
from attnctl.networks.complexity import parameters
from attnctl.papers import audit
from attnctl.papers.runs import Cells, Overrides, Settings, cells_of, figure_cells
from attnctl.values import SpecError

DIGITS = Overrides(dataset="digits", fields={"epochs": "2"})

PAPER = """
name = "Mine"
title = "A paper of one's own"
[tables.1]
caption = "Two columns, of which each is another training"
dataset = "cifar100"
recipe = "cifar"
train = { lr = [0.1, 0.05], epochs = 3 }
[[tables.1.columns]]
key = "params"
metric = "params"
[[tables.1.columns]]
key = "c10"
metric = "top1"
changes = { dataset = "cifar10" }
[[tables.1.columns]]
key = "c100"
metric = "top1"
[[tables.1.columns]]
key = "c100top5"
metric = "top5"
[tables.1.on.small]
backbone = "resnet20"
placement = "block"
[[tables.1.rows]]
row = "plain"
on = "small"
[[tables.1.rows]]
row = "gate"
on = "small"
module = "./gate.py:Gate"
hyperparameters = { strength = 2.0 }
train = { lr = 0.2 }
[[tables.1.rows]]
row = "boxes"
on = "small"
task = "detection"
[[tables.1.rows]]
row = "even"
on = "small"
module = "ela"
hyperparameters = { kernel = 4 }
[[tables.1.rows]]
row = "nowhere"
module = "se"
"""

GATE = """
from torch import nn

class Gate(nn.Module):
    def __init__(self, channels, *, strength: float = 1.0):
        super().__init__()
        self.strength = strength

    def forward(self, x):
        return x * self.strength
"""


@pytest.fixture
def mine(tmp_path: Path) -> papers.Paper:
    (tmp_path / "mine.toml").write_text(PAPER)
    (tmp_path / "gate.py").write_text(GATE)
    return papers.load(str(tmp_path / "mine.toml"))


def by_row(cells: list[Cells]) -> dict[str, list[Cells]]:
    found: dict[str, list[Cells]] = {}
    for item in cells:
        found.setdefault(item.row.name, []).append(item)
    return found


@pytest.mark.parametrize("paper", papers.names())
def test_every_trained_cell_of_the_papers_has_runs(paper: str) -> None:
    for table in papers.load(paper).tables.values():
        cells = cells_of(table, Overrides(seeds=("0", "1")))
        for row in table.rows:
            own = [item for item in cells if item.row is row]
            named = [key for item in own for key in item.columns]
            trained = [column.key for column in table.columns if column.metric in row.setup.metrics]
            assert sorted(named) == sorted(trained)
            for item in own:
                assert not item.reason, f"{table.name} {row.name}: {item.reason}"
                assert {spec.model for spec in item.specs} == {row.setup.model}
                assert all([spec.seed for spec in variant] == [0, 1] for variant in item.variants)
                assert all(len({spec.lineage for spec in variant}) == 1 for variant in item.variants)


def test_a_column_of_another_data_set_is_another_training() -> None:
    cells = cells_of(papers.load("ean").tables["1"], Overrides(), ["MobileNetV2+EAN"])
    assert [(item.columns, item.specs[0].dataset) for item in cells] == [(("c10",), "cifar10"), (("c100",), "cifar100")]
    assert {item.specs[0].placement for item in cells} == {"expansion"}


def test_top1_and_top5_are_one_training() -> None:
    (cells,) = cells_of(papers.load("nam").tables["1"], Overrides(), ["ResNet50"])
    assert cells.columns == ("top1", "top5")


def test_a_papers_cell_is_the_run_that_its_sweep_creates() -> None:
    (cells,) = cells_of(papers.load("nam").tables["1"], Overrides(), ["ResNet50+SE"])
    request = Axes(
        modules=("se",),
        backbones=("resnet50_cifar",),
        datasets=("cifar100",),
        recipe="cifar",
        overrides={"lr": ("0.1",), "milestones": ("60+120+160",), "lr_gamma": ("0.2",)},
    )
    assert cells.variants == (tuple(expand(request).specs),)


def test_several_values_are_several_candidates(mine: papers.Paper) -> None:
    rows = by_row(cells_of(mine.tables["1"], Overrides(seeds=("3", "4"))))
    for item in rows["plain"]:
        assert [(spec.recipe.lr, spec.recipe.epochs, spec.seed) for spec in item.specs] == [
            (0.1, 3, 3),
            (0.1, 3, 4),
            (0.05, 3, 3),
            (0.05, 3, 4),
        ]
    assert [spec.recipe.lr for spec in rows["gate"][0].specs] == [0.2, 0.2]


def test_a_users_paper_has_users_modules_beside_it(mine: papers.Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (spec, *_) = by_row(cells_of(mine.tables["1"], Overrides()))["gate"][0].specs
    assert spec.label() == "gate:Gate strength=2"
    assert str(spec.versions.module).startswith("ast:")


def test_an_impossible_row_has_a_reason_and_does_not_stop_others(mine: papers.Paper) -> None:
    rows = by_row(cells_of(mine.tables["1"], Overrides()))
    assert [item.reason for item in rows["plain"]] == ["", ""]
    (even,) = {item.reason for item in rows["even"]}
    assert even.startswith("ela kernel=4 does not work: kernel must be odd")
    (nowhere,) = {item.reason for item in rows["nowhere"]}
    assert nowhere == "has no backbone; the paper's file can name one, or --backbone"
    assert "boxes" not in rows  # nothing that a detection measures is a column


@pytest.mark.parametrize("overrides", [DIGITS, Overrides(dataset="digits", recipe="cifar")])
def test_another_data_set_or_recipe_replaces_the_whole_recipe(overrides: Overrides, mine: papers.Paper) -> None:
    (cells,) = by_row(cells_of(mine.tables["1"], overrides))["plain"]
    assert cells.columns == ("c10", "c100", "c100top5")
    request = Axes(
        modules=("none",),
        backbones=("resnet20",),
        recipe=overrides.recipe or None,
        overrides={name: (value,) for name, value in overrides.fields.items()},
    )
    assert cells.variants == (tuple(expand(request).specs),)


def test_a_field_alone_changes_only_itself(mine: papers.Paper) -> None:
    cells = by_row(cells_of(mine.tables["1"], Overrides(fields={"epochs": "7"})))["plain"][1]
    assert [(spec.dataset, spec.recipe.lr, spec.recipe.epochs) for spec in cells.specs] == [
        ("cifar100", 0.1, 7),
        ("cifar100", 0.05, 7),
    ]
    one = by_row(cells_of(mine.tables["1"], Overrides(fields={"lr": "0.3"})))["plain"][1]
    assert [spec.recipe.lr for spec in one.specs] == [0.3]
    two = by_row(cells_of(mine.tables["1"], Overrides(fields={"lr": "0.3, 0.4"})))["plain"][1]
    assert [spec.recipe.lr for spec in two.specs] == [0.3, 0.4]


def test_another_backbone_needs_the_rows_placement_or_one_that_is_given() -> None:
    table = papers.load("ean").tables["1"]
    rows = by_row(cells_of(table, Overrides(backbone="resnet20", dataset="digits"), ["MobileNetV2", "MobileNetV2+SE"]))
    assert rows["MobileNetV2"][0].specs[0].backbone == "resnet20"
    assert rows["MobileNetV2+SE"][0].reason == "resnet20 has no placement expansion; give --placement"
    given = Overrides(backbone="resnet20", dataset="digits", placement="block")
    assert cells_of(table, given, ["MobileNetV2+SE"])[0].specs[0].placement == "block"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (Overrides(dataset="digit"), "did you mean 'digits'"),
        (Overrides(backbone="resnet21"), "did you mean 'resnet20'"),
        (Overrides(placement="blok"), "did you mean 'block'"),
        (Overrides(recipe="digit"), "did you mean 'digits'"),
        (Overrides(fields={"epoch": "3"}), "did you mean 'epochs'"),
        (Overrides(fields={"epochs": "0"}), "at least 1"),
        (Overrides(seeds=("x",)), "seed is x"),
        (Overrides(seeds=("1", "1")), "seed has 1 twice"),
    ],
)
def test_overrides_that_fit_no_row_are_an_error(overrides: Overrides, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        cells_of(papers.load("nam").tables["1"], overrides)


def test_rows_are_chosen_by_globs_or_by_their_very_names() -> None:
    table = papers.load("ela").tables["2"]
    chosen = cells_of(table, Overrides(), ["ResNet18+CA(r=*", "ResNet50"])
    names = [item.row.name for item in chosen]
    assert names == [*(f"ResNet18+CA(r={r})" for r in (32, 24, 16)), "ResNet50"]
    with pytest.raises(SpecError, match=r"table ela:2 has no row 'Resnet18'; did you mean 'ResNet18'"):
        cells_of(table, Overrides(), ["Resnet18"])


def test_a_sweep_figure_has_a_row_for_each_value() -> None:
    ean = papers.load("ean")
    cells = figure_cells(ean.figures["3"], ean, Overrides(seeds=("0", "1")))
    of = {item.row.group for item in cells}
    assert of == {"ResNet-50", "MobileNeXt"}
    for item in cells:
        assert all(dict(spec.hyperparameters)["G"] == item.row.setup.hyperparameters["G"] for spec in item.specs)
        assert item.row.printed == str(item.row.setup.hyperparameters["G"])
    (table,) = cells_of(ean.tables["2"], Overrides(seeds=("0", "1")), ["ResNet50+EAN"])
    assert table.variants in [item.variants for item in cells]  # G=64 is the table's own run


def test_a_figure_over_a_field_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        PAPER
        + '[figures.1]\ncaption = "c"\nkind = "sweep"\nx = "epochs"\n[[figures.1.settings.series]]\n'
        + 'title = "plain"\ntable = "1"\nrow = "plain"\ncolumn = "c10"\nvalues = [1, 2]\n'
    )
    paper = papers.load(str(tmp_path / "mine.toml"))
    cells = figure_cells(paper.figures["1"], paper, Overrides(fields={"lr": "0.1"}))
    assert [[spec.recipe.epochs for spec in item.specs] for item in cells] == [[1], [2]]
    with pytest.raises(SpecError, match="drawn over epochs; remove --epochs"):
        figure_cells(paper.figures["1"], paper, DIGITS)


def test_other_figures_have_the_rows_that_they_draw() -> None:
    ela = papers.load("ela")
    names = [item.row.name for item in figure_cells(ela.figures["3"], ela, Overrides())]
    assert names == ["ResNet50", "ResNet50+ELA-B"]
    panels = figure_cells(ela.figures["1"], ela, Overrides())
    assert {item.specs[0].model for item in panels} == {"", "yolox_nano", "deeplabv3"}


def test_each_row_can_have_its_own_settings() -> None:
    table = papers.load("ean").tables["2"]
    small = Overrides(fields={"norm_batch": "16"}, seeds=("3",))
    cells = {item.row.name: item for item in cells_of(table, Settings(parts={"ResNet50+SE": small}))}
    assert cells["ResNet50+SE"].specs[0].recipe.norm_batch == 16
    assert cells["ResNet50+SE"].seeds == {3}
    assert cells["ResNet50+SE"].overrides == small
    assert cells["ResNet50"].specs == cells_of(table, Overrides(), ["ResNet50"])[0].specs
    with pytest.raises(SpecError, match="did you mean 'digits'"):
        cells_of(table, Settings(parts={"ResNet50": Overrides(dataset="digit")}))


def test_a_number_of_another_data_set_or_network_is_known_as_such() -> None:
    table = papers.load("ean").tables["1"]
    (item,) = cells_of(table, Overrides(dataset="cifar10"), ["MobileNetV2"])
    assert item.elsewhere == {"c100": "dataset=cifar10"}  # for the other column it is the paper's own
    (item,) = cells_of(table, Overrides(backbone="resnet20", placement="block"), ["MobileNetV2"])[:1]
    assert item.elsewhere == {"c10": "backbone=resnet20"}
    assert not any(item.elsewhere for item in cells_of(table, Overrides(fields={"epochs": "3"})))


def test_each_panel_of_a_figure_can_have_its_own_settings() -> None:
    ela = papers.load("ela")
    figure = ela.figures["1"]
    settings = Settings(parts={"1": Overrides(dataset="digits"), "2": Overrides(dataset="digits-det")})
    datasets = {item.specs[0].model: item.specs[0].dataset for item in figure_cells(figure, ela, settings)}
    assert datasets == {"": "digits", "yolox_nano": "digits-det", "deeplabv3": "voc12-seg"}
    only = figure_cells(figure, ela, Overrides(), (2,))
    assert {item.specs[0].model for item in only} == {"yolox_nano"}
    with pytest.raises(SpecError, match="figure 1 of ELA has no panel 4; panels: 1 to 3"):
        figure_cells(figure, ela, Overrides(), (4,))
    with pytest.raises(SpecError, match="figure 3 of ELA has no panels; leave --panel out"):
        figure_cells(ela.figures["3"], ela, Overrides(), (1,))


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(),
        DIGITS,
        Overrides(backbone="resnet20", placement="block", dataset="digits", recipe="digits", seeds=("0", "2")),
    ],
)
def test_overrides_round_trip_through_json(overrides: Overrides) -> None:
    assert Overrides.from_json(overrides.to_json()) == overrides


def test_overrides_as_text_and_as_options() -> None:
    assert Overrides().summary() == ""
    assert DIGITS.summary() == "dataset=digits epochs=2"
    given = Overrides(dataset="digits", fields={"norm_batch": "32"}, seeds=("0", "1"))
    assert given.options() == ["--dataset", "digits", "--norm-batch", "32", "--seed", "0,1"]


@pytest.mark.parametrize("document", [[], {"fields": 3}, {"seeds": 5}])
def test_broken_overrides_are_refused(document: object) -> None:
    with pytest.raises(SpecError, match="not overrides"):
        Overrides.from_json(document)  # type: ignore[arg-type]


def test_neither_torch_nor_a_database_is_needed() -> None:
    code = (
        "import sys; from attnctl import papers; from attnctl.papers.runs import *\n"
        "tables = [table for name in papers.names() for table in papers.load(name).tables.values()]\n"
        "assert any([cells_of(table, Overrides()) for table in tables])\n"
        "assert not {'torch', 'sqlite3', 'sqlalchemy', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_selection_on_held_out_images_trains_each_candidate_with_a_part_of_the_images() -> None:
    table = papers.load("ela").tables["5"]
    (item,) = cells_of(table, Overrides(select="val"), ["ResNet18"])
    assert [variant[0].recipe.val_split for variant in item.variants] == [0.0, 0.0]
    assert [(run[0].recipe.lr, run[0].recipe.val_split) for run in item.selection] == [(0.1, 0.1), (0.05, 0.1)]
    (item,) = cells_of(table, Overrides(select="val", fields={"val_split": "0.2"}), ["ResNet18"])
    assert {run[0].recipe.val_split for run in item.selection} == {0.2}
    assert {variant[0].recipe.val_split for variant in item.variants} == {0.0}
    (item,) = cells_of(table, Overrides(select="val"), ["MobileNetV2"])
    assert not item.selection
    again = Overrides.from_json(Overrides(select="val").to_json())
    assert (again.select, again.options(), again.summary()) == ("val", ["--select", "val"], "")
    assert again.key != Overrides().key


SEVERAL = """
name = "mine"
title = "Mine"

[tables.1]
caption = "Several modules in one network"
dataset = "digits"
backbone = "resnet20"
columns = [{ key = "params", metric = "params" }, { key = "top1", metric = "top1" }]
rows = [
    { row = "in sequence", module = "ean+se", hyperparameters = { "ean.G" = 4, "se.r" = 8 } },
    { row = "at places of their own", module = "an@norm2+se@block" },
    { row = "at two places", module = "se", placement = "block+stem" },
]
"""


def test_a_row_may_have_several_modules_and_several_places(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SEVERAL)
    table = papers.load(str(tmp_path / "mine.toml")).tables["1"]
    specs = {item.row.name: item.specs[0] for item in cells_of(table, Overrides())}
    assert specs["in sequence"].label() == "ean+se ean.G=4 ean.shared=true se.bias=false se.r=8"
    assert specs["at places of their own"].module == "an@norm2+se@block"
    assert specs["at two places"].placement == "block+stem"
    plain, *_ = expand(Axes(modules=("none",))).specs
    sizes = {name: sum(value.numel() for value in surgery.build(spec).parameters()) for name, spec in specs.items()}
    counted = {row.name: audit.cells(row.setup)[0] for row in table.rows}
    assert {name: parameters(network, keep=False) for name, network in counted.items()} == sizes
    assert min(sizes.values()) > sum(value.numel() for value in surgery.build(plain).parameters())
