"""Signing in through an OpenID Connect provider: the authorization code flow with PKCE, state and nonce.

What ties the answer to the browser that asked is one secret in a short-lived cookie; state, nonce and verifier are
derived from it, so nothing is kept here between question and answer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from connectors.configuration import OpenIdConfiguration
from connectors.errors import ConfigurationError, SendError

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"]
"""Signatures that only the provider can make; one with a shared secret, or none, is not taken."""
SECONDS, LEEWAY_SECONDS = 10, 120


class ProviderRefused(SendError):
    """The provider cannot be reached, or does not vouch for whoever came back from it."""


@dataclass(frozen=True)
class VouchedFor:
    """Whom the provider vouches for: subject (issuer and sub), name, and by the council's mapping role and owner."""

    subject: str
    name: str
    role: str
    owner: str | None


def _derived(secret: str, purpose: str) -> str:
    digest = hmac.new(secret.encode(), purpose.encode(), "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Provider:
    """The provider of the council's configuration. ``return_to`` is the address it sends people back to."""

    def __init__(self, settings: OpenIdConfiguration, return_to: str) -> None:
        self._settings = settings
        self._return_to = return_to
        self._lock = Lock()
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None
        self._secret = os.environ.get(settings.secret_env, "")
        if not self._secret:
            raise ConfigurationError(
                f"The client secret of the OpenID provider is missing: set the environment variable "
                f"{settings.secret_env} where the console is started."
            )

    def address(self, flow: str) -> str:
        """Where to send a browser that holds the secret ``flow``. Raises ``ProviderRefused``."""
        endpoint = str(self._discovered()["authorization_endpoint"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(_derived(flow, "verifier").encode()).digest()).rstrip(b"=")
        with self._client() as client:
            address, _ = client.create_authorization_url(
                endpoint,
                state=_derived(flow, "state"),
                nonce=_derived(flow, "nonce"),
                code_challenge=challenge.decode(),
                code_challenge_method="S256",
            )
        return str(address)

    def answer(self, flow: str, state: str, code: str) -> VouchedFor:
        """Whom the provider vouches for, by what it sent back to the browser that holds ``flow``.

        Raises ``ProviderRefused``.
        """
        if not hmac.compare_digest(_derived(flow, "state").encode(), state.encode()):
            raise ProviderRefused("The answer of the provider is not to a question of this browser. Sign in again.")
        try:
            with self._client() as client:
                token = client.fetch_token(
                    str(self._discovered()["token_endpoint"]), code=code, code_verifier=_derived(flow, "verifier")
                )
            claims = self._checked(token, _derived(flow, "nonce"))
        except (OAuthError, JoseError, httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            raise ProviderRefused(
                f"The provider's answer does not hold ({type(error).__name__}). Sign in again; if it stays, ask an "
                "administrator."
            ) from None
        return self._mapped(claims)

    def _client(self) -> Any:
        return OAuth2Client(
            self._settings.client_id,
            self._secret,
            scope=self._settings.scope,
            redirect_uri=self._return_to,
            timeout=SECONDS,
        )

    def _discovered(self) -> dict[str, Any]:
        """The provider's own word on where it is asked what; read once."""
        with self._lock:
            if self._metadata is None:
                issuer = self._settings.issuer.rstrip("/")
                metadata = self._read(f"{issuer}/.well-known/openid-configuration")
                if str(metadata.get("issuer", "")).rstrip("/") != issuer:
                    raise ProviderRefused("The OpenID provider says it is another issuer. Check console.openid.issuer.")
                needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                if missing := [name for name in needed if not _is_like(metadata.get(name), issuer)]:
                    raise ProviderRefused(f"The OpenID provider does not say a safe {', '.join(missing)}.")
                self._metadata = metadata
            return self._metadata

    @staticmethod
    def _read(address: str) -> dict[str, Any]:
        try:
            answer = httpx.get(address, timeout=SECONDS)
            answer.raise_for_status()
            return {**answer.json()}
        except (httpx.HTTPError, ValueError, TypeError) as error:
            raise ProviderRefused(
                f"The OpenID provider cannot be reached ({type(error).__name__}). Try again later."
            ) from None

    def _key_set(self, *, is_anew: bool) -> KeySet:
        if self._keys is None or is_anew:
            self._keys = KeySet.import_key_set(self._read(str(self._discovered()["jwks_uri"])))  # type: ignore[arg-type]
        return self._keys

    def _checked(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the token, once signature, issuer, audience, time and nonce are right."""
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            signed = jwt.decode(token["id_token"], self._key_set(is_anew=False), registry=registry)
        except InvalidKeyIdError:
            signed = jwt.decode(token["id_token"], self._key_set(is_anew=True), registry=registry)
        expected = {
            "iss": {"essential": True, "value": self._discovered()["issuer"]},
            "aud": {"essential": True, "value": self._settings.client_id},
        }
        known = {"nonce": nonce, "client_id": self._settings.client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(signed.claims, signed.header, expected, known)
        claims.validate(leeway=LEEWAY_SECONDS)
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise ProviderRefused("The provider does not say who you are. Ask an administrator.")
        return dict(claims)

    def _mapped(self, claims: dict[str, Any]) -> VouchedFor:
        given = claims.get(self._settings.role_claim, [])
        values = {str(value) for value in (given if isinstance(given, list) else [given])}
        mapping = next((mapping for value, mapping in self._settings.roles.items() if value in values), None)
        if mapping is None:
            raise ProviderRefused(
                "You are known, but no role here is given to you. Ask whoever administers the groups of this council."
            )
        name = str(claims.get(self._settings.name_claim) or claims.get("email") or claims["sub"])
        return VouchedFor(f"{claims['iss']} {claims['sub']}", name, mapping.role, mapping.owner)


def _is_like(address: Any, issuer: str) -> bool:
    """Whether an endpoint is reached as safely as its issuer."""
    return isinstance(address, str) and urlsplit(address).scheme == urlsplit(issuer).scheme
