"""What managers say of the indicators they answer for.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "commentary",
        sa.Column("comment_id", NUMBER, primary_key=True),
        sa.Column("indicator_id", sa.String(128), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("commentary_by_indicator", "commentary", ["indicator_id", "month"])


def downgrade() -> None:
    """Takes the table away, with the comments in it."""
    op.drop_table("commentary")
