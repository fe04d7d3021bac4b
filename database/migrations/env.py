"""Runs the migrations on the connection that ``database.migrate`` hands over, or writes them as SQL without one."""

from alembic import context

connection = context.config.attributes.get("connection")
context.configure(connection=connection, dialect_name=None if connection else "postgresql", target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
