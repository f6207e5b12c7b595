"""The section `server` of `interlock.yaml`: where people sign in, how long sessions last, how often one may call."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Self

from pydantic import Field, StrictBool, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from interlock.config.base import Section
from interlock.config.values import Address, Duration, Issuer, Name, OAuthScope, Rate, Slug, Variable


class ClaimSettings(Section):
    """Which groups, roles and tenant the claims of a provider give to people."""

    groups: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="the claim that lists a person's groups; they count as the groups of the same names here",
    )
    roles: dict[Name, tuple[Annotated[StrictStr, Field(min_length=1, max_length=200)], ...]] = Field(
        default_factory=dict, description="each role, with the values of that claim that give it"
    )
    tenant: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="the claim that names the tenant which a person enters; `tenants` lists the allowed ones",
    )
    tenants: tuple[Name, ...] = Field(
        default=(), max_length=1_000, description="the allowed values of the claim that names the tenant"
    )
    hold: Duration = Field(
        default=timedelta(days=7), description="how long claims count after signing in; signing in again begins anew"
    )

    @model_validator(mode="after")
    def _roles_come_from_groups(self) -> Self:
        if self.roles and self.groups is None:
            raise PydanticCustomError("claims", "`roles` are given by a claim's values: name the claim under `groups`")
        return self

    @model_validator(mode="after")
    def _tenants_are_listed(self) -> Self:
        if (self.tenant is None) is not (not self.tenants):
            raise PydanticCustomError(
                "claims", "`tenant` names a claim, and `tenants` its values that count: give both"
            )
        return self


class ProviderSettings(Section):
    """An identity provider that speaks OpenID Connect."""

    elsewhere: ClassVar = {
        "client_secret": "no secret stands in this file: name client_secret_env or client_secret_file"
    }

    name: Slug = Field(description="its name in addresses, such as company")
    label: Annotated[StrictStr, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="its name on the sign-in page; by default `name`"
    )
    issuer: Issuer = Field(description="https://…, as the provider writes it")
    client_id: Annotated[StrictStr, Field(min_length=1, max_length=500)] = Field(
        description="the id that is registered with the provider"
    )
    client_secret_env: Variable | None = Field(default=None, description="the environment variable that has the secret")
    client_secret_file: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        default=None, description="the file that has the secret; a relative path starts at the folder of this file"
    )
    scopes: tuple[OAuthScope, ...] = Field(
        default=("openid", "email", "profile"), max_length=20, description="the scopes that the provider is asked for"
    )
    tenant: Name = Field(default="default", description="the tenant that people enter who sign in here")
    claims: ClaimSettings = Field(default_factory=ClaimSettings)
    everybody: StrictBool = Field(
        default=False,
        description="everybody whom the provider knows may sign in, even without a group, a role or an invitation",
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.client_secret_env is not None and self.client_secret_file is not None:
            raise PydanticCustomError("secret", "has two secrets: keep client_secret_env or client_secret_file")
        if "openid" not in self.scopes:
            raise PydanticCustomError("scopes", "`scopes` must name openid: without it nobody is told who signs in")
        if self.claims.tenant is not None and "tenant" in self.model_fields_set:
            raise PydanticCustomError("tenant", "has a `tenant`, and a claim that names it: keep one of them")
        return self


class SessionSettings(Section):
    """How long a session lasts."""

    lasts: Duration = Field(default=timedelta(hours=12), description="the longest, however much it is used")
    idle: Duration = Field(default=timedelta(hours=1), description="the longest without being used")


class RateSettings(Section):
    """How often somebody may call one process of the server: 600 per 1m, or `unlimited`."""

    calls: Rate = Field(default=(6_000, timedelta(minutes=1)), description="calls of one person, agent or service")
    unknown: Rate = Field(default=(300, timedelta(minutes=1)), description="calls from one address by unknown callers")
    sign_ins: Rate = Field(default=(30, timedelta(minutes=1)), description="attempts to sign in from one address")


class ServerSettings(Section):
    """The settings of `interlock serve`."""

    origin: Address | None = Field(
        default=None,
        description="where people reach it, such as https://approvals.example.com; --origin overrides it",
    )
    oidc: tuple[ProviderSettings, ...] = Field(default=(), max_length=20, description="the identity providers")
    sessions: SessionSettings = Field(default_factory=SessionSettings)
    rates: RateSettings = Field(default_factory=RateSettings)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for what, given in (("name", [one.name for one in self.oidc]), ("issuer", [one.issuer for one in self.oidc])):
            if len(set(given)) < len(given):
                raise PydanticCustomError("providers", "two providers have the same {what}: keep one", {"what": what})
        return self
