"""The Prefect server that the pages' runs find, so that each need not start one of its own."""

from tests.flows.conftest import prefect_server

__all__ = ["prefect_server"]
