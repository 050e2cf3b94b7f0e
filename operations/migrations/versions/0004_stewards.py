"""What stewards do with findings: who has one, waivers, corrections, and a history that names people.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OF_A_FINDING = ("assignee", "waiver_reason", "waiver_proposed_by", "waiver_approved_by")


def upgrade() -> None:
    """Widens findings and their events, keeping every row, and makes the table of corrections."""
    op.add_column("finding", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("finding", sa.Column("reopened_at", sa.DateTime()))
    op.add_column("finding", sa.Column("waiver_until", sa.Date()))
    for name in OF_A_FINDING:
        op.add_column("finding", sa.Column(name, sa.Text()))
    op.create_index("finding_by_child", "finding", ["child_id"])
    op.create_index("finding_by_time", "finding", ["first_seen_at", "rule_id", "finding_key", "state", "owner"])
    op.create_index("finding_by_assignee", "finding", ["assignee"])
    op.drop_index("finding_by_state", "finding")
    op.create_index("finding_by_state", "finding", ["state", "owner", "organisation", "extract", "severity"])
    op.execute(
        "update finding set reopened_at = (select max(at) from finding_event as turn "
        "where turn.finding_key = finding.finding_key and turn.event = 'reopened')"
    )

    with op.batch_alter_table("finding_event") as turns:
        turns.alter_column("run_id", existing_type=sa.String(64), nullable=True)
        turns.alter_column("event", existing_type=sa.String(16), type_=sa.String(24), existing_nullable=False)
        turns.add_column(sa.Column("actor", sa.Text()))
        turns.add_column(sa.Column("detail", sa.Text()))
        turns.add_column(sa.Column("note", sa.Text()))
        turns.add_column(sa.Column("open_since", sa.DateTime()))
        turns.add_column(sa.Column("owner", sa.String(64)))
        turns.add_column(sa.Column("organisation", sa.String(64)))
    for name in ("owner", "organisation"):
        op.execute(
            f"update finding_event set {name} = (select finding.{name} from finding "
            "where finding.finding_key = finding_event.finding_key)"
        )
    op.create_index("finding_event_by_time", "finding_event", ["at", "event", "owner", "organisation"])
    # an older release kept no more than the turns themselves: what is fixed had opened at the turn before
    op.execute(
        "update finding_event set open_since = (select max(turn.at) from finding_event as turn "
        "where turn.finding_key = finding_event.finding_key and turn.event in ('new', 'reopened') "
        "and turn.event_id < finding_event.event_id) where event = 'fixed'"
    )

    op.create_table(
        "correction",
        sa.Column("correction_id", NUMBER, primary_key=True),
        sa.Column("extract", sa.String(64), nullable=False),
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("column_name", sa.String(64), nullable=False),
        sa.Column("landed_value", sa.Text()),
        sa.Column("value", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("finding_key", sa.String(20)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.DateTime()),
        sa.Column("lifted_by", sa.Text()),
        sa.Column("lifted_at", sa.DateTime()),
        sa.Column("lifted_because", sa.Text()),
    )
    op.create_index("correction_by_state", "correction", ["state", "extract"])
    op.create_index("correction_by_record", "correction", ["extract", "table_name", "record_id", "column_name"])


def downgrade() -> None:
    """Takes away what stewards did: corrections, waivers, assignments, and the acts of people in the history."""
    op.drop_table("correction")
    op.execute("delete from finding_event where run_id is null")
    op.drop_index("finding_event_by_time", "finding_event")
    with op.batch_alter_table("finding_event") as turns:
        for name in ("actor", "detail", "note", "open_since", "owner", "organisation"):
            turns.drop_column(name)
        turns.alter_column("run_id", existing_type=sa.String(64), nullable=False)
        turns.alter_column("event", existing_type=sa.String(24), type_=sa.String(16), existing_nullable=False)
    op.execute("update finding set state = 'open' where state in ('assigned', 'explained', 'waived')")
    op.drop_index("finding_by_state", "finding")
    op.create_index("finding_by_state", "finding", ["state", "owner"])
    op.drop_index("finding_by_assignee", "finding")
    op.drop_index("finding_by_time", "finding")
    op.drop_index("finding_by_child", "finding")
    for name in ("version", "reopened_at", "waiver_until", *OF_A_FINDING):
        op.drop_column("finding", name)
