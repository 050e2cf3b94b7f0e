"""Settings of the tools underneath, made before any of them is imported: nothing phones home, nothing is noisy."""

from __future__ import annotations

import os
from zoneinfo import ZoneInfo

from warehouse.home import Home

LONDON = ZoneInfo("Europe/London")

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "SODA_CORE_TELEMETRY_ENABLED": "false",
}

# A failure is told once, by the run's summary: Prefect's own logging would repeat it as a traceback.
PREFECT_DEFAULTS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}


def prepare_environment(home: Home) -> None:
    """Turns telemetry off, always, and gives Prefect its embedded defaults where the council set none.

    A standing Prefect server is used when ``PREFECT_API_URL`` names one; else a temporary one is started.
    """
    os.environ.update(TELEMETRY_OFF)
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(home.prefect))
