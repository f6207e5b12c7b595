"""An identity provider, as the server speaks to it: what it says of itself, and of who has signed in there.

The rules are those of OpenID Connect Core 1.0 (3.1.3.7), of RFC 7636 with S256, and of RFC 9207. No redirect is
followed, every answer is bounded and comes in time, and only asymmetric signatures are taken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from interlock.config.server import ProviderSettings
from interlock.domain.oidc import ClaimNames, Identity, SignInAttempt, identity_of
from interlock.errors import ProviderUnavailable, Unauthenticated

ALGORITHMS = ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"]
LEEWAY = 60
"""Seconds by which its clock and ours may differ."""
KNOWN_FOR = 3_600.0
"""Seconds for which what it says of itself, and its keys, are not asked for again."""
AGAIN = 5.0
"""Seconds before it is asked about itself again after it did not answer: whoever wants to sign in would wait for it."""
KEYS_AGAIN = 60.0
"""Seconds before its keys are asked for again because of one that is not known."""
TIMEOUT = 10.0
MOST_BYTES = 1_000_000

_log = logging.getLogger("interlock.sign_in")


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_BYTES
        async for part in self._stream:
            left -= len(part)
            if left < 0:
                raise httpx2.DecodingError("The answer is too large.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class Bounded(httpx2.AsyncBaseTransport):
    """Takes no answer that is larger than it may be, and none that could become so: it must not be compressed."""

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._transport = transport or httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        request.headers["Accept-Encoding"] = "identity"
        response = await self._transport.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.DecodingError("The answer is compressed, and was not to be.")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Counted(response.stream)
        return response

    async def aclose(self) -> None:
        """Let go of its connections."""
        await self._transport.aclose()


@dataclass(slots=True)
class _Known:
    """What a provider has said of itself: since when it is known, by a clock that never goes back."""

    value: dict[str, Any]
    since: float


class Provider:
    """An identity provider.

    Args:
        given: as it is configured.
        secret: ours with it; None where we are a public client.
        redirect_uri: where it sends people back to.
        transport: how it is reached, if not by HTTP.
    """

    def __init__(
        self,
        given: ProviderSettings,
        secret: str | None,
        redirect_uri: str,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.given = given
        self._secret = secret
        self._redirect_uri = redirect_uri
        self._transport = transport
        self._asking = asyncio.Lock()
        self._metadata: _Known | None = None
        self._keys: _Known | None = None
        self._failed_at: float | None = None

    @property
    def name(self) -> str:
        """What it is called in addresses."""
        return self.given.name

    async def address(self, state: str, attempt: SignInAttempt) -> str:
        """Return where somebody is sent to sign in.

        Raises:
            ProviderUnavailable: if it does not say where.
        """
        metadata = await self.metadata()
        async with self._client(metadata) as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address)

    async def names_itself(self) -> bool:
        """Say whether each of its answers says that it is its own (RFC 9207)."""
        return bool((await self.metadata()).get("authorization_response_iss_parameter_supported"))

    async def identity(self, code: str, attempt: SignInAttempt, now: datetime) -> Identity:
        """Return who has signed in there.

        Raises:
            Unauthenticated: if the code, or what it was exchanged for, is not what it must be.
            Forbidden: if it names no tenant that they may enter.
            ProviderUnavailable: if it does not answer, or says nothing that could be understood.
        """
        metadata = await self.metadata()
        async with self._client(metadata) as client:
            token = await client.fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.verifier,
                redirect_uri=self._redirect_uri,
            )
            claims = await self._claims(token, attempt.nonce, now)
            if "userinfo_endpoint" in metadata and "access_token" in token:
                more = await self._json(client, metadata["userinfo_endpoint"], withhold_token=False)
                if more.get("sub") != claims["sub"]:  # OpenID Connect Core, 5.3.2
                    raise Unauthenticated("The provider speaks of two people at once. Begin again.")
                claims = {**more, **claims}
        given = self.given.claims
        tenants = (self.given.tenant,) if given.tenant is None else given.tenants
        names = ClaimNames(given.groups, given.roles, given.tenant, tenants)
        return identity_of(claims, self.given.issuer, names)

    async def sign_out_address(self, origin: str) -> str | None:
        """Return where somebody can sign out there as well; None if it does not offer that."""
        end = (await self.metadata()).get("end_session_endpoint")
        if not isinstance(end, str):
            return None
        back = {"client_id": self.given.client_id, "post_logout_redirect_uri": f"{origin}/sign-in"}
        return f"{end}{'&' if '?' in end else '?'}{urlencode(back)}"

    async def metadata(self) -> dict[str, Any]:
        """Return what it says of itself (OpenID Connect Discovery, section 4)."""
        async with self._asking:
            now = time.monotonic()
            if self._metadata is None or now - self._metadata.since > KNOWN_FOR:
                if self._failed_at is not None and now - self._failed_at < AGAIN:
                    raise ProviderUnavailable(f"{self.name} did not answer a moment ago. Try again in a minute.")
                self._failed_at = now
                async with self._client({}) as client:
                    found = await self._json(
                        client, f"{self.given.issuer.rstrip('/')}/.well-known/openid-configuration"
                    )
                self._check(found)
                self._failed_at = None
                self._metadata = _Known(found, time.monotonic())
            return self._metadata.value

    def _check(self, metadata: Mapping[str, Any]) -> None:
        if metadata.get("issuer") != self.given.issuer:
            raise ProviderUnavailable(f"{self.name} says that it is another issuer than {self.given.issuer}.")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        offered = [name for name in (*needed, "userinfo_endpoint", "end_session_endpoint") if name in metadata]
        scheme = urlsplit(self.given.issuer).scheme
        for name in dict.fromkeys((*needed, *offered)):
            address = metadata.get(name)
            if not isinstance(address, str) or not address.startswith(("https://", f"{scheme}://")):
                raise ProviderUnavailable(f"{self.name} gives no address that can be used as its {name}.")

    async def _claims(self, token: Mapping[str, Any], nonce: str, now: datetime) -> dict[str, Any]:
        given = token.get("id_token")
        if not isinstance(given, str):
            raise Unauthenticated("The provider does not say who signed in: it gave no ID token.")
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            read = jwt.decode(given, await self._key_set(), registry=registry)
        except InvalidKeyIdError:
            read = jwt.decode(given, await self._key_set(again=True), registry=registry)
        issuer, us = self.given.issuer, self.given.client_id
        options: Any = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": us}}
        more = {"nonce": nonce, "client_id": us, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, options, more)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
        return dict(claims)

    async def _key_set(self, *, again: bool = False) -> KeySet:
        async with self._asking:
            age = None if self._keys is None else time.monotonic() - self._keys.since
            if self._keys is None or age is None or age > (KEYS_AGAIN if again else KNOWN_FOR):
                assert self._metadata is not None
                async with self._client({}) as client:
                    self._keys = _Known(await self._json(client, self._metadata.value["jwks_uri"]), time.monotonic())
            return KeySet.import_key_set(self._keys.value)  # type: ignore[arg-type]

    async def _json(self, client: AsyncOAuth2Client, address: str, *, withhold_token: bool = True) -> dict[str, Any]:
        response = await client.request("GET", address, withhold_token=withhold_token)
        if not response.is_success:  # a redirect is not followed
            raise ProviderUnavailable(f"{self.name} answered {response.status_code} where it should say more.")
        found = response.json()
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"{self.name} answered with something that cannot be understood.")
        return found

    @asynccontextmanager
    async def _client(self, metadata: Mapping[str, Any]) -> AsyncIterator[AsyncOAuth2Client]:
        """Give a client for one exchange; say what goes wrong in it, without what it was about."""
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        basic = "client_secret_basic" in methods or "client_secret_post" not in methods
        way = "none" if self._secret is None else "client_secret_basic" if basic else "client_secret_post"
        client = AsyncOAuth2Client(
            self.given.client_id,
            self._secret,
            token_endpoint_auth_method=way,
            scope=" ".join(self.given.scopes),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            transport=Bounded(self._transport),
            timeout=TIMEOUT,
        )
        try:
            async with asyncio.timeout(TIMEOUT), client:
                yield client
        except (AuthlibBaseError, JoseError) as error:
            _log.warning("%s: a sign-in was refused: %s", self.name, type(error).__name__)
            raise Unauthenticated("What the provider says does not prove who you are. Begin again.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, TimeoutError) as error:
            _log.warning("%s: it cannot be understood, or does not answer: %s", self.name, type(error).__name__)
            raise ProviderUnavailable(f"{self.name} does not answer as it should. Try again in a minute.") from None
