"""Brings extracts in: reads what a source delivers, types it by its contract, and lands it once, for good."""
