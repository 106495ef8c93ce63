"""`attnctl modules`: what can be compared."""

from __future__ import annotations

from attnctl import attention
from attnctl.cli import context, output
from attnctl.cli.table_layout import Column
from attnctl.spec import NO_MODULE
from attnctl.values import describe, format_value

_COLUMNS = (Column("module"), Column("hyperparameters", wrap=24), Column("what it is", wrap=30))


def modules(as_json: context.AsJson = False) -> None:
    """List attention modules and their hyperparameters.

    Examples:
        attnctl modules
    """
    sources = [attention.describe(name) for name in attention.names()]
    if as_json:
        output.document(
            {
                "modules": [
                    {
                        "name": source.name,
                        "summary": source.summary,
                        "version": source.version,
                        "hyperparameters": [
                            {
                                "name": item.name,
                                "default": item.default,
                                "values": describe(item.declared),
                                "help": item.help,
                            }
                            for item in source.hyperparameters
                        ],
                    }
                    for source in sources
                ]
            }
        )
        return
    rows = [[NO_MODULE, "", "the plain backbone"]]
    for source in sources:
        defaults = " ".join(f"{item.name}={format_value(item.default)}" for item in source.hyperparameters)
        rows.append([source.name, defaults, source.summary])
    output.table(_COLUMNS, rows)
    output.note("attnctl sweep MODULE --help explains its hyperparameters")
