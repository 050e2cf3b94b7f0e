"""Scheduled jobs that were done, what each run loaded, and the notices that stand.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the three tables."""
    op.create_table(
        "job_done",
        sa.Column("job", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("done_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "run_load",
        sa.Column("run_id", sa.String(64), sa.ForeignKey("run.run_id"), primary_key=True),
        sa.Column("extract", sa.String(64), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("rows_loaded", sa.BigInteger(), nullable=False),
        sa.Column("rows_quarantined", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(), nullable=True),
    )
    op.create_table(
        "notice",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(128), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("owed_to", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """Takes the tables away."""
    for table in ("notice", "run_load", "job_done"):
        op.drop_table(table)
