"""Runs, check results, findings with their history, publications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def what_is_wrong() -> list[sa.Column[object]]:
    """The columns that a finding has both on its way in and where it stands."""
    return [
        sa.Column("finding_key", sa.String(20), primary_key=True),
        sa.Column("rule_id", sa.String(128), nullable=False),
        sa.Column("rule_name", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("organisation", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("extract", sa.Text()),
        sa.Column("record_id", sa.Text()),
        sa.Column("child_id", sa.Text()),
        sa.Column("item", sa.Text()),
        sa.Column("value", sa.Text()),
        sa.Column("source_file", sa.Text()),
        sa.Column("source_row", sa.BigInteger()),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
    ]


def upgrade() -> None:
    """Makes the store's tables."""
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("as_at", sa.Date(), nullable=False),
        sa.Column("known_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16)),
        sa.Column("seconds", sa.JSON(), nullable=False),
    )
    op.create_table(
        "check_result",
        sa.Column("run_id", sa.String(64), sa.ForeignKey("run.run_id"), primary_key=True),
        sa.Column("dataset", sa.String(128), primary_key=True),
        sa.Column("rule_id", sa.String(128), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("failed_rows", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
    )
    op.create_table("finding_seen", *what_is_wrong())
    op.create_table(
        "finding",
        *what_is_wrong(),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("fixed_at", sa.DateTime()),
        sa.Column("last_run_id", sa.String(64), nullable=False),
    )
    op.create_index("finding_by_state", "finding", ["state", "owner"])
    op.create_index("finding_by_rule", "finding", ["rule_id", "dataset"])
    op.create_table(
        "finding_event",
        sa.Column("event_id", NUMBER, primary_key=True),
        sa.Column("finding_key", sa.String(20), sa.ForeignKey("finding.finding_key"), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("finding_event_by_run", "finding_event", ["run_id", "event"])
    op.create_index("finding_event_by_finding", "finding_event", ["finding_key"])
    op.create_table(
        "publication",
        sa.Column("publication_id", NUMBER, primary_key=True),
        sa.Column("run_id", sa.String(64), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("product", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("content", sa.String(64)),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("publication_by_product", "publication", ["product", "publication_id"])


def downgrade() -> None:
    """Takes the store's tables away, with all that they hold."""
    for table in ("publication", "finding_event", "finding", "finding_seen", "check_result", "run"):
        op.drop_table(table)
