"""Runs the migrations on the connection that the store hands over, inside the store's own transaction."""

from alembic import context

from operations.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
