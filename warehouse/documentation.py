"""Writes ``docs/marts.md``, every table that lists, returns and dashboards are made of, so that whoever writes a report
need not ask what a column means.

``python -m warehouse.documentation`` writes it anew from the models' YAML; a test holds it to the models.
"""

from __future__ import annotations

from connectors.markdown import table_row
from warehouse.dictionary import ROOT, DescribedColumn, DescribedTable, described_tables, readers_of

PAGE = ROOT / "docs" / "marts.md"
LAYERS = {
    "dashboard": (
        "dashboard",
        "What the dashboard shows",
        "Published in `home/published/dashboard/`, but for `indicator`, in which nothing is withheld.",
    ),
    "lists": (
        "lists",
        "The lists that officers work from",
        "Published in `home/published/lists/`; `list_records_to_correct` in `home/published/worklist/`.",
    ),
    "core": (
        "core",
        "The facts",
        "In the warehouse alone, never published: one table a kind of thing, from whatever extracts tell of it.",
    ),
    "marts/sen2": ("sen2", "The SEN2 return", "In the warehouse; a version signed off is kept in `home/returns/`."),
    "marts/annex_a": ("annex_a", "The child lists of Annex A", "Published in `home/published/annex_a/`."),
}
"""The folders of the models on the page: their schema, a title, and where the tables are to be had."""


def marts_page() -> str:
    """Every mart by schema: its grain, its key, and each column's type, meaning, unit, source and sensitivity."""
    layers = [(schema, title, where, described_tables(folder)) for folder, (schema, title, where) in LAYERS.items()]
    count = sum(len(tables) for *_, tables in layers)
    lines = [
        "# The marts",
        "",
        f"{count} tables, made from the YAML beside the models (`dbt_project/models/`) and `dashboard/tables.yml` by",
        "`python -m warehouse.documentation`: change them there. What is published carries the same as",
        "`dictionary.csv`, and in the DuckDB file as comments; `send docs` draws where each table comes from.",
        "",
        "No two rows of a table share its **key**. *Not null*: never empty. *Personal*: tells of somebody who can be",
        "recognised by it, alone or with the rest of the row; no table with such a column goes to a dashboard.",
    ]
    for schema, title, where, tables in layers:
        lines += [
            "",
            f"## {title} (`{schema}`)",
            "",
            where,
            "",
            "| table | what it holds | personal |",
            "|---|---|---|",
        ]
        lines += [_row(schema, table) for table in tables]
        for table in tables:
            lines += _section(schema, table)
    return "\n".join(lines) + "\n"


def _anchor(schema: str, table: DescribedTable) -> str:
    return f"{schema}-{table.name}"


def _row(schema: str, table: DescribedTable) -> str:
    grain = table.description.partition(". ")[0].rstrip(".")
    return table_row((f"[{table.name}](#{_anchor(schema, table)})", grain, _yes(table.is_personal)))


def _section(schema: str, table: DescribedTable) -> list[str]:
    key = ", ".join(f"`{name}`" for name in table.key) or "none, it is one row"
    readers = readers_of(table.name)
    read_by = [f"Read by: {'; '.join(readers)}."] if readers else []
    return [
        "",
        f'<a id="{_anchor(schema, table)}"></a>',
        "",
        f"### {schema}.{table.name}",
        "",
        table.description,
        "",
        " ".join((f"Key: {key}. Personal data: {_yes(table.is_personal)}.", *read_by)),
        "",
        "| column | type | what it says | unit | made from | personal |",
        "|---|---|---|---|---|---|",
        *(_column(column) for column in table.columns),
    ]


def _column(column: DescribedColumn) -> str:
    data_type = f"{column.data_type} not null" if column.is_required else column.data_type
    said = (f"`{column.name}`", data_type, column.description, column.unit, column.source, _yes(column.is_personal))
    return table_row(said)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


if __name__ == "__main__":
    PAGE.write_text(marts_page(), encoding="utf-8")
