"""SFTP to servers this machine knows: a server whose key is in no known-hosts file is not spoken to."""

from __future__ import annotations

from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem


class KnownServers(SFTPFileSystem):  # type: ignore[misc]
    """As fsspec's, but an unknown or changed server key ends the connection.

    The keys are those of the account's ``~/.ssh/known_hosts``, or of the file given as ``known_hosts``.
    """

    def __init__(self, host: str, *, known_hosts: str | None = None, **options: Any) -> None:
        self._known_hosts = known_hosts
        super().__init__(host, **options)

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys(self._known_hosts)
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        options = dict(self.ssh_kwargs)
        options["port"] = int(options.get("port", 22))
        self.client.connect(self.host, timeout=30, **options)
        self.ftp = self.client.open_sftp()
