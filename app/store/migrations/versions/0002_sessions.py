"""The tables of sessions that outlive the server."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "sessions",
        sa.Column("number", number, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("mark", sa.String(16), nullable=False),
        sa.Column("stored_at", sa.Double(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("playing", sa.Boolean(), nullable=False),
        sa.Column("stepping", sa.Integer(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("arrays", sa.LargeBinary(), nullable=False),
    )
    op.create_index("sessions_by_age", "sessions", ["stored_at", "number", "size", "id"])
    op.create_table(
        "session_costs",
        sa.Column("number", number, primary_key=True),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("costs", sa.LargeBinary(), nullable=False),
    )
    op.create_index("session_costs_by_session", "session_costs", ["session", "number"])
