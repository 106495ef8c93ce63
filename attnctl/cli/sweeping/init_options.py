"""The options of `sweep` for the weights that its runs start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion
from attnctl.cli.sweeping import written_settings

if TYPE_CHECKING:
    from attnctl.cli.sweeping.init_weights import Weights
    from attnctl.papers.runs import Overrides
    from attnctl.workspace.layout import Workspace

PANEL = "Initial weights"


@dataclass(frozen=True, kw_only=True)
class InitOptions:
    """The options as typed; None if not given."""

    init: Annotated[
        list[str] | None,
        typer.Option(
            help="A run, a file, published weights (torchvision:default, timm:NAME), a row (ean:3/SE-R50) or random; "
            "comma list. PATTERN=WEIGHTS: only for these rows or modules.",
            rich_help_panel=PANEL,
            metavar="[PATTERN=]WEIGHTS",
            autocompletion=completion.runs,
        ),
    ] = None
    init_partial: Annotated[
        bool,
        typer.Option(
            "--init-partial",
            help="Accept weights that fit only partly; the rest stays random.",
            rich_help_panel=PANEL,
        ),
    ] = False
    with_bases: Annotated[
        bool,
        typer.Option("--with-bases", help="First train the runs from which others start.", rich_help_panel=PANEL),
    ] = False
    base: Annotated[
        list[str] | None,
        typer.Option(
            help="Train the rows from which others start with this setting, such as dataset=digits.",
            rich_help_panel=PANEL,
            metavar="NAME=VALUE",
        ),
    ] = None

    def weights(self, workspace: Workspace) -> Weights:
        """What --init and --init-partial ask for; raises SpecError."""
        from attnctl.cli.sweeping import init_weights

        return init_weights.find(workspace, self.init, partial=self.init_partial)

    def base_overrides(self) -> Overrides | None:
        """The settings of --base; None without. Raises SpecError."""
        if not self.base:
            return None
        form = "NAME=VALUE, such as dataset=digits"
        return written_settings.overrides(dict(written_settings.read("--base", text, form) for text in self.base))
