"""Accounts: who may use the console, as what; for administrators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from checks.rules import OWNERS
from console.access import Administrator, Form, NotFound, console_of
from console.rendering import page
from operations import factors
from operations.accounts import ROLES, Account, AccountRefused

router = APIRouter()


def _account(request: Request, account_id: int) -> Account:
    account = console_of(request).accounts.get(account_id) if account_id < 2**63 else None
    if account is None:
        raise NotFound("There is no such account.")
    return account


def _page(request: Request, *, status: int = 200, **values: Any) -> Response:
    shown = {"problem": "", "typed": {"name": "", "role": "", "owner": ""}, **values}
    return page(
        request,
        "accounts.html",
        status=status,
        accounts=console_of(request).accounts.all(),
        roles=ROLES,
        owners=OWNERS,
        **shown,
    )


@router.get("/accounts")
def accounts(request: Request, visitor: Administrator) -> Response:
    """Every account."""
    return _page(request)


@router.post("/accounts")
def add_account(request: Request, visitor: Administrator, form: Form) -> Response:
    """Makes an account and shows, once, the address at which its holder sets a password."""
    console = console_of(request)
    typed = {name: form.text(name) for name in ("name", "role", "owner")}
    try:
        account = console.accounts.add(typed["name"], typed["role"], typed["owner"] or None)
    except AccountRefused as refusal:
        return _page(request, status=422, problem=str(refusal), typed=typed)
    console.access_log.note(visitor.name, "account_added", address=visitor.address, about=_told(account))
    return _invite(request, visitor, account)


def _told(account: Account) -> str:
    state = "" if account.is_active else ", closed"
    return f"{account.name}: {account.role}{f' of {account.owner}' if account.owner else ''}{state}"


def _invite(request: Request, visitor: Administrator, account: Account) -> Response:
    console = console_of(request)
    secret = console.accounts.invite(account.account_id)
    console.access_log.note(visitor.name, "invited", address=visitor.address, about=account.name)
    base = (console.settings.address or str(request.base_url)).rstrip("/")
    invited = console.accounts.get(account.account_id)
    return page(request, "invited.html", account=invited, link=f"{base}/welcome/{secret}")


@router.get("/accounts/{account_id}")
def account_page(request: Request, visitor: Administrator, account_id: int) -> Response:
    """One account."""
    account = _account(request, account_id)
    return page(request, "account.html", account=account, roles=ROLES, owners=OWNERS, problem="")


@router.post("/accounts/{account_id}")
def change_account(request: Request, visitor: Administrator, form: Form, account_id: int) -> Response:
    """Changes role or owner, closes the account or opens it again."""
    console, account = console_of(request), _account(request, account_id)
    try:
        changed = console.accounts.change(
            account.account_id,
            role=form.text("role"),
            owner=form.text("owner") or None,
            is_active=form.text("is_active") == "yes",
        )
    except AccountRefused as refusal:
        return page(
            request, "account.html", status=422, account=account, roles=ROLES, owners=OWNERS, problem=str(refusal)
        )
    console.access_log.note(visitor.name, "account_changed", address=visitor.address, about=_told(changed))
    return RedirectResponse("/accounts", status_code=303)


@router.post("/accounts/{account_id}/invitation")
def invite(request: Request, visitor: Administrator, form: Form, account_id: int) -> Response:
    """Ends the account's password and shows, once, the address at which its holder sets another."""
    account = _account(request, account_id)
    if account.account_id == visitor.account.account_id:
        raise AccountRefused("You would lock yourself out. Change your own password under your name.")
    return _invite(request, visitor, account)


@router.post("/accounts/{account_id}/second-factor")
def reset_factor(request: Request, visitor: Administrator, form: Form, account_id: int) -> Response:
    """Takes the account's second factor away and ends its sessions; its holder sets up another at the next sign-in."""
    console, account = console_of(request), _account(request, account_id)
    if account.account_id == visitor.account.account_id:
        raise AccountRefused("Your own app is changed under your name, with a code of it or a recovery code.")
    factors.reset_factor(console.store, account)
    console.access_log.note(visitor.name, "factor_reset", address=visitor.address, about=account.name)
    return RedirectResponse(f"/accounts/{account.account_id}", status_code=303)
