"""Builds the warehouse in a private file beside the published one, and publishes products whole."""
