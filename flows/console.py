"""``send console``: the web pages for stewards, the officer and the board, and their accounts."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import ConfigurationError, SendError
from flows.terminal import Json, output, print_json, print_rows
from warehouse.home import Home

PORT = 8883

console = typer.Typer(
    name="console",
    help="The web console: serve it, and keep its accounts.",
    invoke_without_command=True,
    no_args_is_help=False,
)

Host = Annotated[str, typer.Option(help="Address to listen at; the default is reached from this machine alone.")]
Certificate = Annotated[Path | None, typer.Option(help="TLS certificate (PEM); without it a proxy does TLS.")]
Key = Annotated[Path | None, typer.Option(help="Its private key (PEM).")]


@console.callback()
def serve(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at.")] = PORT,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """Serve the web console until it is stopped (Ctrl+C)."""
    if context.invoked_subcommand is not None:
        return
    from console.serving import serve_console

    if (certificate is None) != (key is None):
        raise typer.BadParameter("Give both, --certificate and --key.")
    serve_console(
        Home.from_environment(),
        host=host,
        port=port,
        certificate=certificate,
        key=key,
        tell=lambda address: output().print(f"The console is at {address}; stop it with Ctrl+C."),
    )


def _store_and_accounts() -> tuple[Any, Any]:
    from connectors.configuration import read_configuration
    from console.context import place_words
    from operations.accounts import Accounts
    from operations.store import OperationsStore

    home = Home.from_environment()
    try:
        words = place_words(read_configuration(home.folder))
    except ConfigurationError:
        words = ()
    store = OperationsStore(home.operations_url)
    return store, Accounts(store, words)


def _accounts() -> Any:
    return _store_and_accounts()[1]


def _known(accounts: Any, name: str) -> Any:
    account = accounts.by_name(name)
    if account is None:
        raise SendError(f"There is no account {name}. The accounts are in: send console accounts")
    return account


def _typed_password() -> str:
    """The password typed twice at a prompt, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password (12 characters at least): ")
    if getpass.getpass("The same again: ") != password:
        raise SendError("The two passwords differ. Nothing was changed.")
    return password


@console.command("add-account")
def add_account(
    name: Annotated[str, typer.Argument(help="The name to sign in with; an e-mail address will do.")],
    role: Annotated[str, typer.Option(help="viewer, steward, return_officer or administrator.")],
    owner: Annotated[str | None, typer.Option(help="Whose findings a steward works on, for example sen_team.")] = None,
) -> None:
    """Make an account; its password is typed, or piped in."""
    account = _accounts().add(name, role, owner, password=_typed_password())
    output().print(f"{account.name} may sign in as {account.role.replace('_', ' ')}.")


@console.command("set-password")
def set_password(name: Annotated[str, typer.Argument(help="The account.")]) -> None:
    """Give an account another password, and end its sessions."""
    accounts = _accounts()
    account = _known(accounts, name)
    accounts.set_password(account.account_id, _typed_password())
    output().print(f"{account.name} has another password.")


@console.command("reset-factor")
def reset_factor(
    name: Annotated[str, typer.Argument(help="The account whose authenticator app is lost.")],
    by: Annotated[str, typer.Option(help="Who resets it.")],
    because: Annotated[str, typer.Option(help="Why, and how it was made sure that its holder asks.")],
) -> None:
    """Take an account's authenticator app and recovery codes away, and end its sessions."""
    from operations.access_log import AccessLog
    from operations.factors import reset_factor

    if not by.strip() or not because.strip():
        raise SendError("Say who resets the second factor and why: --by NAME --because TEXT. Nothing was changed.")
    store, accounts = _store_and_accounts()
    account = _known(accounts, name)
    reset_factor(store, account)
    AccessLog(store).note(by.strip()[:128], "factor_reset", address=None, about=account.name, reason=because.strip())
    output().print(f"{account.name} sets up an authenticator app at the next sign-in, after the password.")


@console.command("accounts")
def list_accounts(json_output: Json = False) -> None:
    """List the accounts."""
    found = _accounts().all()
    if json_output:
        print_json([vars(account) for account in found])
    else:
        rows = [
            (a.name, a.role, a.owner, "open" if a.is_active else "closed", a.factor_since, a.last_signed_in_at)
            for a in found
        ]
        headings = ["name", "role", "owner", "state", "app since (UTC)", "last signed in (UTC)"]
        print_rows("Accounts", headings, rows)
