"""Serves the console with uvicorn: on this machine alone, through TLS, or behind a proxy that does TLS."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from connectors.configuration import read_configuration
from connectors.errors import ConfigurationError
from console.application import create_app
from console.context import Console, is_loopback
from operations.sealing import Seal
from operations.store import OperationsStore
from warehouse.home import Home


def serve_console(
    home: Home,
    *,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    tell: Callable[[str], object],
) -> None:
    """Serves until it is stopped; ``tell`` is given the address once it listens.

    Raises ``ConfigurationError`` where passwords and children's data would travel without TLS, and where there is no
    key to seal second factors with.
    """
    configuration = read_configuration(home.folder)
    public = configuration.console.address
    is_secure = certificate is not None or (public or "").startswith("https://")
    if not is_secure and not (is_loopback(host) and public is None):
        raise ConfigurationError(
            "The console would be reached without TLS. Give --certificate and --key, or put a proxy that does TLS "
            "before it and set console.address to https://... in send.yml."
        )
    store = OperationsStore(home.operations_url)
    app = create_app(Console(home, configuration, store, Seal.from_environment(), is_secure=is_secure))
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    settings = uvicorn.Config(
        app,
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        access_log=False,
        server_header=False,
        proxy_headers=bool(configuration.console.trusted_proxies),
        forwarded_allow_ips=list(configuration.console.trusted_proxies),
        log_level="warning",
        lifespan="off",
    )
    with settings.bind_socket() as listening:
        listening.listen(settings.backlog)  # a browser that comes before the application is ready waits for it
        tell(public or _address(listening, certificate is not None))
        uvicorn.Server(settings).run(sockets=[listening])


def _address(listening: socket.socket, is_tls: bool) -> str:
    host, port = listening.getsockname()[:2]
    return f"http{'s' if is_tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
