"""What stewards said of who is the same child.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the table of answers."""
    op.create_table(
        "identity_answer",
        sa.Column("answer_id", NUMBER, primary_key=True),
        sa.Column("left_kind", sa.String(32), nullable=False),
        sa.Column("left_anchor", sa.Text(), nullable=False),
        sa.Column("right_kind", sa.String(32), nullable=False),
        sa.Column("right_anchor", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("match_weight", sa.Float(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("identity_answer_by_time", "identity_answer", ["at", "answer_id"])


def downgrade() -> None:
    """Takes the table away, with the answers in it."""
    op.drop_table("identity_answer")
