"""Servers that share the database, and which has what."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "servers",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("seen", sa.Double(), nullable=False),
        sa.Column("spent", sa.Text(), nullable=False),
    )
    op.create_table(
        "owned",
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("server", sa.String(16), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("before", sa.String(16), nullable=True),
        sa.Column("client", sa.String(8), nullable=False),
        sa.Column("code", sa.String(8), nullable=True, unique=True),
        sa.Column("iterations", sa.Integer(), nullable=False),
    )
    op.create_index("owned_by_server", "owned", ["server"])
    op.create_index("owned_before", "owned", ["before"])
