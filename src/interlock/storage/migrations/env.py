"""How Alembic runs here: always on a connection that the caller gives, inside the caller's transaction."""

from alembic import context

from interlock.storage.schema import APPLIED_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=APPLIED_TABLE,
    render_as_batch=True,  # SQLite changes a table by making a new one
    transactional_ddl=True,  # SQLite can; the driver's own habits, which say otherwise, are switched off
)
context.run_migrations()
