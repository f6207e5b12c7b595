"""The history of the tables, for Alembic. Nothing here is imported unless a database has to be changed."""
