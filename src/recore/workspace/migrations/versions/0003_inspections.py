"""Inspections: answers of several devices, merged."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "inspection",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("machine", sa.JSON(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finding", sa.String(length=64), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'submitted')", name="ck_inspection_state"),
        sa.ForeignKeyConstraint(
            ["finding"], ["finding.key"], name="fk_inspection_finding_finding", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_inspection"),
    )
    op.create_index("ix_inspection_changed_at", "inspection", ["changed_at"])


def downgrade() -> None:
    op.drop_table("inspection")
