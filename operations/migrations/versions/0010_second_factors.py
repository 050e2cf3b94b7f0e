"""The second factor of local accounts, their recovery codes, and sessions that wait for it.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables. Sessions of local accounts that are open wait for their second factor from here on."""
    op.create_table(
        "second_factor",
        sa.Column("account_id", NUMBER, sa.ForeignKey("account.account_id"), primary_key=True, autoincrement=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column("account_id", NUMBER, sa.ForeignKey("account.account_id"), primary_key=True, autoincrement=False),
        sa.Column("code_hash", sa.String(64), primary_key=True),
    )
    op.add_column("session", sa.Column("is_whole", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("session", sa.Column("offered_secret", sa.Text()))
    of_a_provider = sa.text(
        "update session set is_whole = :yes where account_id in "
        "(select account_id from account where subject is not null)"
    )
    op.get_bind().execute(of_a_provider, {"yes": True})


def downgrade() -> None:
    """Takes the tables away, and with them every second factor; sessions that wait for one end."""
    op.get_bind().execute(
        sa.text(
            "delete from session_reason where session_hash in (select session_hash from session where is_whole = :no)"
        ),
        {"no": False},
    )
    op.get_bind().execute(sa.text("delete from session where is_whole = :no"), {"no": False})
    op.drop_column("session", "offered_secret")
    op.drop_column("session", "is_whole")
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
