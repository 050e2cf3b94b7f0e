"""Products delivered to others' databases and folders, and what was done under data protection law.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the two tables."""
    op.create_table(
        "delivery",
        sa.Column("delivery_id", NUMBER, primary_key=True),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("product", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("as_at", sa.Date(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("delivery_by_destination", "delivery", ["destination", "product", "delivery_id"])
    op.create_table(
        "data_protection_act",
        sa.Column("act_id", NUMBER, primary_key=True),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("child_id", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("certificate", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("data_protection_act_by_child", "data_protection_act", ["child_id", "act_id"])


def downgrade() -> None:
    """Takes the tables away, with what is in them."""
    op.drop_table("data_protection_act")
    op.drop_table("delivery")
