"""Run by Alembic: uses the connection, and so the transaction, that `migrations.run` was given."""

from alembic import context

from recore.workspace.database import VERSION_TABLE
from recore.workspace.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite too, as the transaction is begun in `database.py` and not by the driver
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
