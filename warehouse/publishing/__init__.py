"""Publishes what passed its gate for others: into their PostgreSQL, or a folder of theirs."""
