"""Explanations of the return's queries.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the table of explanations."""
    op.create_table(
        "explanation",
        sa.Column("explanation_id", NUMBER, primary_key=True),
        sa.Column("finding_key", sa.String(20), nullable=False),
        sa.Column("rule_id", sa.String(128), nullable=False),
        sa.Column("return_year", sa.Integer(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("explanation_by_finding", "explanation", ["finding_key", "explanation_id"])


def downgrade() -> None:
    """Takes the table away, with the explanations in it."""
    op.drop_table("explanation")
