"""The first schema: evidence, cases, findings, passports and jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "appraisal_case",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("pin", sa.Text(), nullable=True),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("built", sa.Text(), nullable=True),
        sa.Column("hours", sa.Double(), nullable=True),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_appraisal_case"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_appraisal_case_changed_at", "appraisal_case", ["changed_at"])
    op.create_index("ix_appraisal_case_pin", "appraisal_case", ["pin"])
    op.create_index("ix_appraisal_case_serial", "appraisal_case", ["serial"])
    op.create_table(
        "evidence",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("instrument", sa.Text(), nullable=True),
        sa.Column("calibration", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_evidence"),
    )
    op.create_index("ix_evidence_added_at", "evidence", ["added_at"])
    op.create_table(
        "finding",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("plot_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_finding"),
    )
    op.create_index("ix_finding_created_at", "finding", ["created_at"])
    op.create_index("ix_finding_method", "finding", ["method"])
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("doing", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="ck_job_state"
        ),
        sa.CheckConstraint("share >= 0 AND share <= 1", name="ck_job_share"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["appraisal_case.id"], name="fk_job_case_id_appraisal_case", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_case_id", "job", ["case_id"])
    op.create_index("ix_job_key", "job", ["key"])
    op.create_index("ix_job_state_id", "job", ["state", "id"])
    op.create_table(
        "case_component",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("nominal", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["appraisal_case.id"],
            name="fk_case_component_case_id_appraisal_case",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("case_id", "slug", name="pk_case_component"),
    )
    op.create_table(
        "case_file",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["appraisal_case.id"], name="fk_case_file_case_id_appraisal_case", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["evidence.sha256"], name="fk_case_file_sha256_evidence"),
        sa.PrimaryKeyConstraint("case_id", "file", name="pk_case_file"),
    )
    op.create_index("ix_case_file_sha256", "case_file", ["sha256"])
    op.create_table(
        "case_step",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=64), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["appraisal_case.id"], name="fk_case_step_case_id_appraisal_case", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "slug", name="pk_case_step"),
    )
    op.create_table(
        "finding_artifact",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["key"], ["finding.key"], name="fk_finding_artifact_key_finding", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "file", name="pk_finding_artifact"),
    )
    op.create_table(
        "finding_evidence",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["key"], ["finding.key"], name="fk_finding_evidence_key_finding", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "sha256", name="pk_finding_evidence"),
    )
    op.create_index("ix_finding_evidence_sha256", "finding_evidence", ["sha256"])
    op.create_table(
        "passport",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["appraisal_case.id"], name="fk_passport_case_id_appraisal_case", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("sha256", name="pk_passport"),
    )
    op.create_index("ix_passport_case_id", "passport", ["case_id"])
    op.create_index("ix_passport_issued_at", "passport", ["issued_at"])
    op.create_index("ix_passport_machine", "passport", ["machine"])
    op.create_table(
        "job_file",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_file_job_id_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_job_file"),
    )


def downgrade() -> None:
    op.drop_table("job_file")
    op.drop_table("passport")
    op.drop_table("finding_evidence")
    op.drop_table("finding_artifact")
    op.drop_table("case_step")
    op.drop_table("case_file")
    op.drop_table("case_component")
    op.drop_table("job")
    op.drop_table("finding")
    op.drop_table("evidence")
    op.drop_table("appraisal_case")
