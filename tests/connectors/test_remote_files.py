"""Files fetched from an address: copied, read as local ones, and named as at the source, without a credential."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import paramiko
import pytest

from connectors.configuration import SourceConfiguration
from connectors.errors import ConfigurationError, SourceUnavailable
from tests.connectors.conftest import Delivery
from tests.connectors.messages import CHILDREN

Deliver = Callable[..., Delivery]

REQUESTS = "request_id,case_id,received_date\nR1,K1,2025-01-01\n"


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def children(delivery: Delivery) -> list[str]:
    return [row[0] for row in delivery.rows("child", "case_id")]


def test_files_of_a_folder_are_fetched_and_named_as_there(deliver: Deliver, memory: Any) -> None:
    memory.pipe({"/share/a/child.csv": CHILDREN.encode(), "/share/request.csv": REQUESTS.encode()})
    memory.pipe({"/share/notes.txt": b"x", "/share/.hidden.csv": b"x", "/share/broken.csv": b"x"})
    delivery = deliver(path="memory://share")
    report = delivery.load()
    assert (report.files, report.rows_loaded, [file for file, _ in report.refused]) == (3, 4, ["broken.csv"])
    assert delivery.rows("child", "distinct _file") == [("a/child.csv",)]
    assert not any((delivery.folder / "tmp").rglob("*"))
    assert not delivery.load().is_anything_new
    memory.pipe("/share/a/child.csv", CHILDREN.replace("K1", "K9").encode())
    delivery.load()
    assert children(delivery) == ["K2", "K3", "K9"]


@pytest.mark.parametrize("path", ["memory://share/child*.csv", "memory://share/*/*.csv", "memory://share/x/child.csv"])
def test_a_pattern_and_one_file(deliver: Deliver, memory: Any, path: str) -> None:
    memory.pipe({"/share/child 1.csv": CHILDREN.encode(), "/share/x/child.csv": CHILDREN.encode()})
    delivery = deliver(path=path)
    assert delivery.load().files == 1
    assert len(children(delivery)) == 3


def test_a_file_address_is_read_like_its_folder(deliver: Deliver, tmp_path_factory: pytest.TempPathFactory) -> None:
    share = tmp_path_factory.mktemp("the council's share")
    (share / "child 2026-01.csv").write_text(CHILDREN)
    (share / "child 2026-02.csv").write_text(CHILDREN.replace("K1", "K9"))
    delivery = deliver(path=f"file://{share}")
    assert delivery.load().refused == []
    assert children(delivery) == ["K2", "K3", "K9"]
    delivery.settings["path"] = str(share)
    assert not delivery.load().is_anything_new


def test_the_newest_of_several_files_is_told_by_the_source(deliver: Deliver, tmp_path_factory: Any) -> None:
    share = tmp_path_factory.mktemp("register")
    register = "URN,LA (code),EstablishmentName,TypeOfEstablishment (code),EstablishmentStatus (code)\n{},883,A,28,1\n"
    for name, urn, moment in (("z.csv", 130000, 1_743_500_000), ("a.csv", 130001, 1_746_200_000)):
        (share / name).write_text(register.format(urn))
        os.utime(share / name, (moment, moment))
    delivery = deliver("gias", path=f"file://{share}")
    delivery.load()
    assert delivery.rows("establishment", "urn") == [("130001",)]


def test_too_large_a_file_is_refused_and_harms_no_other(
    deliver: Deliver, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.remote.MAX_FILE_BYTES", 2**20)
    memory.pipe({"/share/child.csv": CHILDREN.encode(), "/share/request.csv": b"x" * 2**21})
    delivery = deliver(path="memory://share")
    assert delivery.load().refused == [("request.csv", "It is larger than 1 MB. Split the extract.")]
    assert len(children(delivery)) == 3


def test_a_place_that_is_not_there_may_be_there_later(deliver: Deliver, memory: Any) -> None:
    with pytest.raises(SourceUnavailable, match="memory://nowhere is not there"):
        deliver(path="memory://nowhere").load()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"path": "sftp://ada:s3cret@host/x"}, "password or token"),
        ({"path": "sftp://ada@host/x"}, "user"),
        ({"path": "abfss://c:s3cret@host/x"}, "password or token"),
        ({"path": "abfs://container/x?sv=1&sig=s3cret"}, "password or token"),
        ({"path": "zip://x::file:///s3cret.zip"}, "cannot be read"),
        ({"path": "https://host/s3cret"}, "cannot be read"),
        ({"path": "sftp://host/x", "credentials_env": {"password": "s3cret!"}}, "names of environment variables"),
        ({"path": "extracts", "credentials_env": {"password": "A"}}, "is an address"),
    ],
)
def test_no_credential_stands_in_the_configuration(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        SourceConfiguration.model_validate({"kind": "csv", **settings})
    assert all("s3cret" not in problem["msg"] for problem in raised.value.errors())  # type: ignore[attr-defined]


def test_a_container_and_a_pattern_are_no_credential() -> None:
    for path in ("abfss://extracts@council.dfs.core.windows.net/send", "s3://send/child?.csv", "sftp://host:2222/x"):
        assert SourceConfiguration.model_validate({"kind": "csv", "path": path}).is_remote
    assert not SourceConfiguration.model_validate({"kind": "csv", "path": "//server/share"}).is_remote


@pytest.mark.parametrize("protocol", ["s3", "abfs"])
def test_a_missing_package_is_named(deliver: Deliver, protocol: str) -> None:
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError:
        with pytest.raises(ConfigurationError, match=r"send-warehouse\[(s3|azure)\]"):
            deliver(path=f"{protocol}://bucket/folder").load()
    else:
        pytest.skip(f"the package for {protocol} is installed")


@dataclass
class Server:
    """An SFTP server of the test's own that serves one folder to ``ada``."""

    folder: Path
    port: int
    key: paramiko.PKey


class _Account(paramiko.ServerInterface):  # type: ignore[misc]
    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == ("ada", "s3cret")
        return int(paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED)

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


class _Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
    folder = Path()

    def _attributes(self, path: Path) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(path.stat(), path.name)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def list_folder(self, path: str) -> Any:
        return [self._attributes(found) for found in sorted((self.folder / path.lstrip("/")).iterdir())]

    def stat(self, path: str) -> Any:
        return self._attributes(self.folder / path.lstrip("/"))

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = (self.folder / path.lstrip("/")).open("rb")
        return handle


@pytest.fixture
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sftp")
    key = paramiko.RSAKey.generate(2048)
    listening = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    class Files(_Files):
        pass

    Files.folder = folder

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            transports.append(transport)
            try:
                transport.start_server(server=_Account())
            except (paramiko.SSHException, EOFError):
                transport.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield Server(folder, listening.getsockname()[1], key)
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for transport in transports:
        transport.close()
    thread.join(5)


@pytest.fixture
def from_sftp(deliver: Deliver, sftp: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Delivery:
    known = tmp_path / "known_hosts"
    keys = paramiko.HostKeys()
    keys.add(f"[127.0.0.1]:{sftp.port}", sftp.key.get_name(), sftp.key)
    keys.save(str(known))
    for variable, value in {"SFTP_USER": "ada", "SFTP_PASSWORD": "s3cret", "SFTP_KNOWN": str(known)}.items():
        monkeypatch.setenv(variable, value)
    (sftp.folder / "out").mkdir()
    (sftp.folder / "out" / "child.csv").write_text(CHILDREN)
    return deliver(
        path=f"sftp://127.0.0.1:{sftp.port}/out",
        credentials_env={"username": "SFTP_USER", "password": "SFTP_PASSWORD", "known_hosts": "SFTP_KNOWN"},
    )


def test_files_of_an_sftp_server(from_sftp: Delivery) -> None:
    assert from_sftp.load().refused == []
    assert from_sftp.rows("child", "distinct _file") == [("child.csv",)]
    written = "".join(path.read_text() for path in (from_sftp.folder / "landing" / "manifest").iterdir())
    assert "s3cret" not in written


@pytest.mark.parametrize("fault", ["password", "unset", "unknown server", "another key"])
def test_what_an_sftp_server_refuses_or_must_be_refused_for(
    from_sftp: Delivery, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    known = Path(os.environ["SFTP_KNOWN"])
    if fault == "password":
        monkeypatch.setenv("SFTP_PASSWORD", "wrong s3cret")
    elif fault == "unset":
        monkeypatch.delenv("SFTP_PASSWORD")
    elif fault == "unknown server":
        known.write_text("")
    else:
        place = known.read_text().split()[0]
        known.write_text(f"{place} ssh-rsa {paramiko.RSAKey.generate(2048).get_base64()}\n")
    with pytest.raises((SourceUnavailable, ConfigurationError)) as raised:
        from_sftp.load()
    told = str(raised.value)
    assert "s3cret" not in told
    expected = {"password": "AuthenticationException", "unset": "SFTP_PASSWORD is not set"}
    assert expected.get(fault, "SSHException" if fault == "unknown server" else "BadHostKeyException") in told
