"""A workspace in which rows of papers' tables are trained."""

from __future__ import annotations

import pytest

from attnctl.workspace.layout import Workspace
from tests.reports.published.published_tables import TABLES, trained_rows
from tests.reports.report_workspace import specs, train


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Of each table that can be trained, some rows are: two seeds of the first two, one of the third."""
    made = Workspace(tmp_path_factory.mktemp("workspace"))
    for table in TABLES:
        for number, row in enumerate(trained_rows(table)[:3]):
            for spec in specs(table, row, ("0", "1") if number < 2 else ("0",)):
                train(made, spec, 50.0, 60.0 + number + spec.seed)
    return made
