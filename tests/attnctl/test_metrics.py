"""The vocabulary of metrics: one entry for each, whichever part asks."""

import ast
from pathlib import Path

import attnctl
from attnctl import metrics
from attnctl.jobs.tasks import classify, detect, segment
from attnctl.lifecycle.results import CHOSEN_BY
from attnctl.metrics import ALL_MEASURED, BY_KEY, DECIDING, LOSSES, MEASURED, METRICS, deciding, lower_is_better
from attnctl.reports.comparison.metrics import COLUMNS

ROOT = Path(attnctl.__file__).parent.parent
FOLDERS = ("attnctl", "jobs", "db", "reports")


def test_each_metric_has_one_entry() -> None:
    assert len(BY_KEY) == len(METRICS)
    assert len({metric.label for metric in METRICS}) == len(METRICS)
    assert {"loss", "train_loss"} == set(LOSSES)


def test_every_task_has_a_primary_metric() -> None:
    assert deciding("classify") == classify.Classify.primary == ("top1",)
    assert deciding("detect") == detect.Detect.primary == ("ap", "map")
    assert deciding("instance") == detect.Instance.primary == ("mask_ap",)
    assert deciding("segment") == segment.Segment.primary == ("miou",)
    assert all(set(deciding(task)) <= set(keys) <= set(ALL_MEASURED) for task, keys in MEASURED.items())
    assert all(metric.unit == "%" and metric.better == "higher" for metric in DECIDING)


def test_masks_decide_before_boxes() -> None:
    assert CHOSEN_BY == ("top1", "mask_ap", "ap", "map", "miou")


def test_columns_and_axes_have_the_same_names() -> None:
    assert all(column.title == BY_KEY[name].label and column.unit == "%" for name, column in COLUMNS.items())
    assert (BY_KEY["top1"].axis, BY_KEY["train_loss"].axis) == ("top-1 (%)", "training loss")


def test_no_other_module_names_metrics() -> None:
    """The label of a metric beside its key is what attnctl.metrics is for."""
    pairs = {(metric.key, name) for metric in METRICS for name in (metric.label, metric.axis) if name != metric.key}
    found = []
    sources = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 200
    for path in sources:
        if path == Path(metrics.__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                items = zip(node.keys, node.values, strict=True)
                texts = {
                    (key.value, value.value)
                    for key, value in items
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
                }
                found += [path.name] if texts & pairs else []
    assert found == []


def test_the_lower_value_is_better_of_losses_and_errors_also_of_a_users_own() -> None:
    lower = ("loss", "train_loss", "focal_loss", "losses", "error", "Top1Error", "errors")
    assert [name for name in (*lower, "top1", "ap", "kappa", "F1", "erroneous") if lower_is_better(name)] == [*lower]
