"""Whose each row is, and a time of the store's own."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    notes = op.create_table(
        "notes",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    key = {"name": "key", "value": secrets.token_hex(32)}
    op.bulk_insert(notes, [key, {"name": "time", "value": "0"}])
    for table in ("runs", "sessions"):
        op.add_column(
            table, sa.Column("client", sa.String(8), nullable=False, server_default=sa.text("''"))
        )
        op.drop_index(f"{table}_by_age", table)
        # The wall clock may have said anything; by the new time, what is there is new.
        op.execute(f"UPDATE {table} SET stored_at = 0")
    op.create_index("runs_by_client", "runs", ["kind", "client", "number", "size", "stored_at"])
    op.create_index("sessions_by_client", "sessions", ["client", "number", "size", "stored_at"])
