"""Rule rows of the workspace's own, every version of each."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "rule_rows",
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "version", name="pk_rule_rows"),
    )
    op.create_index("ix_rule_rows_recorded_at", "rule_rows", ["recorded_at"])


def downgrade() -> None:
    op.drop_table("rule_rows")
