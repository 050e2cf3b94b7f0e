"""Accounts, sessions, attempts to sign in, who looked at which child; and an index that answers for a page.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEFORE = ["state", "owner", "organisation", "extract", "severity"]
WORK = [
    *BEFORE,
    *("first_seen_at", "reopened_at", "assignee", "waiver_proposed_by", "waiver_approved_by", "finding_key"),
]
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the console's tables."""
    op.drop_index("finding_by_state", "finding")
    op.create_index("finding_by_state", "finding", WORK)
    op.create_table(
        "account",
        sa.Column("account_id", NUMBER, primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("subject", sa.String(512)),
        sa.Column("invitation_hash", sa.String(64)),
        sa.Column("invitation_ends_at", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_signed_in_at", sa.DateTime()),
    )
    for column in ("name", "subject", "invitation_hash"):
        op.create_index(f"account_by_{column}", "account", [column], unique=True)
    op.create_table(
        "session",
        sa.Column("session_hash", sa.String(64), primary_key=True),
        sa.Column("account_id", NUMBER, sa.ForeignKey("account.account_id"), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(), nullable=False),
    )
    op.create_index("session_by_account", "session", ["account_id"])
    op.create_table(
        "session_reason",
        sa.Column(
            "session_hash",
            sa.String(64),
            sa.ForeignKey("session.session_hash", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("child_id", sa.String(128), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("attempt_id", NUMBER, primary_key=True),
        sa.Column("name_hash", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("sign_in_attempt_by_name", "sign_in_attempt", ["name_hash", "at"])
    op.create_index("sign_in_attempt_by_address", "sign_in_attempt", ["address", "at"])
    op.create_table(
        "access_entry",
        sa.Column("entry_id", NUMBER, primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("account_name", sa.String(128), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("child_id", sa.Text()),
        sa.Column("about", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("address", sa.String(64)),
    )
    op.create_index("access_entry_by_account", "access_entry", ["account_name", "entry_id"])
    op.create_index("access_entry_by_child", "access_entry", ["child_id", "entry_id"])


def downgrade() -> None:
    """Takes the console's tables away, with the accounts and the log in them."""
    op.drop_index("finding_by_state", "finding")
    op.create_index("finding_by_state", "finding", BEFORE)
    for table in ("access_entry", "sign_in_attempt", "session_reason", "session", "account"):
        op.drop_table(table)
