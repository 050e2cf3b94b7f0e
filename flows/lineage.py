"""OpenLineage events of a run, where the configuration names a place for them: what it read, and what it published.

No event holds personal data: datasets are named by extract, product and table, with how many rows each has.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.configuration import Configuration, Lineage
from connectors.errors import ConfigurationError
from flows.logs import RunLog
from flows.summary import LoadLine, ProductLine
from warehouse.home import Home

PRODUCER = "https://openlineage.io/send-warehouse"
JOB = "nightly"


class LineageEvents:
    """The events of one run. A collector that cannot be reached stops nothing: that is noted in the log."""

    def __init__(self, home: Home, configuration: Configuration, run_id: str, log: RunLog) -> None:
        self._namespace = f"send/{configuration.la_code}"
        self._run = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._namespace}/{run_id}"))
        self._log = log
        self._emit = _emitter(home, configuration.lineage) if configuration.lineage else None

    def begins(self) -> None:
        """The run begins."""
        self._send("START", [], [], None)

    def ends(self, loads: Sequence[LoadLine], products: Sequence[ProductLine]) -> None:
        """The run has ended: which extracts it read, and which tables stand published."""
        self._send("COMPLETE", loads, products, None)

    def fails(self, error: BaseException) -> None:
        """The run has failed; of the error its kind alone is told."""
        self._send("FAIL", [], [], type(error).__name__)

    def _send(
        self, state: str, loads: Sequence[LoadLine], products: Sequence[ProductLine], failure: str | None
    ) -> None:
        if self._emit is None:
            return
        from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
        from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
        from openlineage.client.generated.input_statistics_input_dataset import InputStatisticsInputDatasetFacet
        from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet

        inputs = [
            InputDataset(
                self._namespace,
                f"extract.{load.extract}",
                inputFacets={
                    "inputStatistics": InputStatisticsInputDatasetFacet(rowCount=load.rows_read, fileCount=load.files)
                },
            )
            for load in loads
            if load.status != "failed"
        ]
        outputs = [
            OutputDataset(
                self._namespace,
                f"{product.product}.{table}",
                outputFacets={"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=rows)},
            )
            for product in products
            if product.status == "published"
            for table, rows in sorted(product.rows.items())
        ]
        facets: dict[str, Any] = {"errorMessage": ErrorMessageRunFacet(failure, "PYTHON")} if failure else {}
        event = RunEvent(
            eventType=RunState[state],
            eventTime=datetime.now(UTC).isoformat(),
            run=Run(self._run, facets=facets),
            job=Job(self._namespace, JOB),
            inputs=inputs,
            outputs=outputs,
            producer=PRODUCER,
        )
        try:
            self._emit(event)
        except Exception as error:  # each transport has errors of its own, and some name the address or the key
            self._log.tell("lineage not sent", state=state, error=type(error).__name__)


def _emitter(home: Home, lineage: Lineage) -> Callable[[Any], object]:
    """What sends an event. Raises ``ConfigurationError`` where the library or the key is missing."""
    try:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.file import FileConfig, FileTransport
        from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
    except ImportError:
        raise ConfigurationError(
            "lineage needs a package that is not installed. Install send-warehouse[openlineage]."
        ) from None
    if lineage.file:
        place = FileTransport(FileConfig(str(home.folder / lineage.file), append=True))
        return OpenLineageClient(transport=place).emit
    settings: dict[str, Any] = {"url": lineage.url, "retry": {"total": 1}}
    if lineage.api_key_env:
        key = os.environ.get(lineage.api_key_env)
        if not key:
            raise ConfigurationError(f"The environment variable {lineage.api_key_env} is not set; lineage names it.")
        settings["auth"] = ApiKeyTokenProvider({"apiKey": key})
    return OpenLineageClient(transport=HttpTransport(HttpConfig(**settings))).emit
