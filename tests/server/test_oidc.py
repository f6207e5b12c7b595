"""Signing in at an identity provider (OpenID Connect): who comes back, and all who should not."""

import base64
import hashlib
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tests.server.test_sessions import cookies_of

from interlock.config import load_settings
from interlock.config.server import ProviderSettings
from interlock.domain.accounts import AccountSecrets
from interlock.domain.directory_events import SecondFactorChanged
from interlock.engine.changes import Actor
from interlock.engine.directories import PlannedChange
from interlock.errors import BadInput, InvalidConfig
from interlock.web.app import application
from interlock.web.oidc_provider import Provider
from interlock.web.serving import Answering

ISSUER = "https://login.example.com"
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
OTHERS_KEY = RSAKey.generate_key(2048, {"kid": "k1"})
US = "interlock"
CONFIG = """
people: {mia@example.com: {aliases: ["https://login.example.com#7"]}}
groups: {managers: [mia@example.com]}
"""


class Login:
    """A provider in this process, that can be made to lie."""

    def __init__(self, clock, issuer=ISSUER):
        self.clock = clock
        self.issuer = issuer
        self.claims = {"sub": "7"}
        self.userinfo = {"sub": "7"}
        self.metadata = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/keys",
            "end_session_endpoint": f"{issuer}/end",
            "authorization_response_iss_parameter_supported": True,
        }
        self.forge = lambda claims: claims
        self.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, KEY)
        self.keys = [KEY]
        self.asked = []
        self.challenges = {}
        self.answers = {}

    def authorize(self, address):
        """Return what the provider sends a browser back with that was sent to this address."""
        query = {name: one for name, (one,) in parse_qs(urlsplit(address).query).items()}
        assert query["code_challenge_method"] == "S256"
        assert (query["client_id"], query["response_type"]) == (US, "code")
        self.challenges[f"code-{len(self.challenges)}"] = query
        return {"state": query["state"], "code": f"code-{len(self.challenges) - 1}", "iss": self.issuer}

    def answer(self, request):
        path = request.url.path
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path](request)
        if path == "/token":
            return self.token(request)
        found = {
            "/.well-known/openid-configuration": self.metadata,
            "/keys": {"keys": [key.as_dict(private=False) for key in self.keys]},
            "/userinfo": self.userinfo,
        }
        return httpx2.Response(200, json=found[path])

    def token(self, request):
        given = {name: one for name, (one,) in parse_qs(request.content.decode()).items()}
        begun = self.challenges.pop(given["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=")
        if begun is None or challenge.decode() != begun["code_challenge"]:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        assert request.headers["authorization"] == "Basic " + base64.b64encode(b"interlock:hush").decode()
        assert given["redirect_uri"] == begun["redirect_uri"]
        now = int(self.clock.at.timestamp())
        claims = {"iss": self.issuer, "aud": US, "exp": now + 300, "iat": now, "nonce": begun["nonce"], **self.claims}
        said = self.sign(self.forge(claims))
        return httpx2.Response(200, json={"token_type": "Bearer", "access_token": "at", "id_token": said})


@pytest.fixture
def login(clock):
    return Login(clock)


@pytest.fixture
def company(open_server, login):
    """Return a server on which people can sign in at two providers."""
    server = open_server(config=CONFIG)
    set_up(server, login)
    return server


def set_up(server, *logins, **more):
    providers = {}
    for number, login in enumerate(logins):
        name = ("company", "other")[number]
        given = {"name": name, "issuer": login.issuer, "client_id": US} | more
        redirect = f"{server.context.origin}/auth/oidc/{name}/callback"
        transport = httpx2.MockTransport(login.answer)
        providers[name] = Provider(ProviderSettings(**given), "hush", redirect, transport)
    server.context = replace(server.context, providers=providers)
    server.app = application(server.context)


def browser_of(server):
    browser = server.client()
    del browser.headers["origin"]
    return browser


async def sent(browser, name="company", **query):
    """Return where a browser is sent that wants to sign in."""
    answer = await browser.get(f"../../auth/oidc/{name}", params=query)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def back(browser, answer, name="company"):
    return await browser.get(f"../../auth/oidc/{name}/callback", params=answer)


async def signed_in(browser, login):
    return await back(browser, login.authorize(await sent(browser)))


async def is_known(browser):
    return (await browser.get("/session")).status_code == 200


async def test_a_person_signs_in_at_a_provider_and_is_who_the_configuration_says(company, login):
    browser = browser_of(company)
    location = await sent(browser, return_to="/inbox?tab=mine")
    assert location.startswith(f"{ISSUER}/authorize?")
    answer = await back(browser, login.authorize(location))
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox?tab=mine")
    who = (await browser.get("/session")).json()
    assert (who["principal"], who["kind"]) == ("mia@example.com", "person")
    (session,) = (await browser.get("/sessions")).json()["sessions"]
    assert session["issued_by"] == "oidc:company"
    for cookie in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie


async def test_by_https_the_cookies_of_this_way_are_of_this_host_alone_as_well(company, login):
    company.context = replace(company.context, origin="https://a.example", hosts=frozenset({"a.example"}))
    set_up(company, login)
    browser = browser_of(company)
    begun = await browser.get("../../auth/oidc/company")
    ended = await back(browser, login.authorize(begun.headers["location"]))
    begins, ends = cookies_of(begun), cookies_of(ended)
    assert (set(begins), set(ends)) == ({"__Host-interlock-sign-in"}, {"__Host-interlock"})
    for value, attributes in (*begins.values(), *ends.values()):
        assert value
        assert set(attributes) - {"max-age"} == {"path", "secure", "httponly", "samesite"}
        assert (attributes["path"], attributes["samesite"].lower()) == ("/", "lax")


async def test_what_was_begun_is_ended_once_in_the_same_browser_in_time(company, login):
    browser, other = browser_of(company), browser_of(company)
    answer = login.authorize(await sent(browser))
    await sent(other)
    for stranger in (other, browser_of(company)):  # another browser, with a cookie of its own and without one
        assert (await back(stranger, answer)).status_code == 401
    assert (await back(browser, answer)).status_code == 401  # whoever tries, it is used up
    answer = login.authorize(await sent(browser))
    assert (await back(browser, answer)).status_code == 303
    assert (await back(browser, answer)).status_code == 401
    late = login.authorize(await sent(browser))
    company.clock.advance(minutes=10)
    assert (await back(browser, late)).status_code == 401
    two = [login.authorize(await sent(browser)) for _ in range(2)]  # two tabs
    assert [(await back(browser, one)).status_code for one in two] == [303, 303]


@pytest.mark.parametrize(
    "change",
    [
        {"state": "x" * 43},
        {"state": ""},
        {"state": ["a", "b"]},
        {"state": None},
        {"code": "guessed"},
        {"code": None},
        {"code": ["code-0", "code-0"]},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"error": "access_denied"},
        {"error": "<script>alert(1)</script>", "error_description": "<script>alert(1)</script>"},
    ],
)
async def test_an_answer_that_was_changed_signs_nobody_in(company, login, change):
    browser = browser_of(company)
    given = {**login.authorize(await sent(browser)), **change}
    answer = await back(browser, {name: one for name, one in given.items() if one is not None})
    assert answer.status_code == 401, answer.text
    assert "<script>alert" not in answer.text
    assert not await is_known(browser)


async def test_the_code_of_one_sign_in_is_worth_nothing_in_another(company, login):
    attacker, victim = browser_of(company), browser_of(company)
    stolen = login.authorize(await sent(victim))
    mine = login.authorize(await sent(attacker))
    assert (await back(attacker, mine | {"code": stolen["code"]})).status_code == 401  # PKCE, and the nonce
    assert not await is_known(attacker)


async def test_the_answer_of_one_provider_is_not_taken_for_that_of_another(open_server, clock):
    server, honest, evil = open_server(config=CONFIG), Login(clock), Login(clock, "https://evil.example")
    set_up(server, honest, evil)
    browser = browser_of(server)
    answer = honest.authorize(await sent(browser))
    assert (await back(browser, answer, "other")).status_code == 401
    answer = evil.authorize(await sent(browser, "other"))
    assert (await back(browser, answer | {"iss": ISSUER}, "other")).status_code == 401
    answer = honest.authorize(await sent(browser))
    assert (await back(browser, answer | {"iss": evil.issuer})).status_code == 401
    assert "/token" not in honest.asked + evil.asked
    evil.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims | {"iss": ISSUER}, KEY)
    assert (await back(browser, evil.authorize(await sent(browser, "other")), "other")).status_code == 401
    assert not await is_known(browser)


def unsigned(claims):
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + "."


def by_public_key(claims):
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(KEY.as_pem(private=False)), algorithms=["HS256"])


SIGNATURES = {
    "none": unsigned,
    "public key as a secret": by_public_key,
    "our secret": lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("hush" * 8)),
    "another key": lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, OTHERS_KEY),
    "a key of its own": lambda claims: jwt.encode(
        {"alg": "RS256", "jwk": OTHERS_KEY.as_dict(private=False)}, claims, OTHERS_KEY
    ),
    "nonsense": lambda claims: "a.b.c",
    "no text": lambda claims: 7,
}


@pytest.mark.parametrize("how", SIGNATURES)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_what_is_not_signed_by_the_providers_key_proves_nothing(company, login, how):
    login.sign = SIGNATURES[how]
    browser = browser_of(company)
    assert (await signed_in(browser, login)).status_code in {401, 503}
    assert not await is_known(browser)


FORGED = {
    "issuer": {"iss": "https://evil.example"},
    "issuer with a slash": {"iss": f"{ISSUER}/"},
    "audience": {"aud": "another"},
    "audiences": {"aud": ["another", "one more"]},
    "audiences without a party": {"aud": [US, "another"]},
    "party": {"aud": [US, "another"], "azp": "another"},
    "expired": {"exp": 1_000_000_000},
    "expiry as text": {"exp": "never"},
    "from the future": {"iat": 4_000_000_000},
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "no expiry": {"exp": None},
    "no subject": {"sub": None},
    "no audience": {"aud": None},
    "subject": {"sub": ["7"]},
    "access token": {"at_hash": "bm90IGl0cyBoYXNo"},
}


@pytest.mark.parametrize("what", FORGED)
async def test_an_id_token_that_says_anything_else_proves_nothing(company, login, what):
    login.forge = lambda claims: {name: one for name, one in {**claims, **FORGED[what]}.items() if one is not None}
    browser = browser_of(company)
    answer = await signed_in(browser, login)
    assert answer.status_code == 401, answer.text
    assert not await is_known(browser)


async def test_userinfo_is_believed_of_the_same_person_alone(company, login):
    login.userinfo = {"sub": "8", "email": "mia@example.com"}
    browser = browser_of(company)
    assert (await signed_in(browser, login)).status_code == 401
    assert not await is_known(browser)


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\t/evil.example"]
)
async def test_nobody_is_sent_elsewhere_afterwards(company, path):
    answer = await browser_of(company).get("../../auth/oidc/company", params={"return_to": path})
    assert (answer.status_code, "location" in answer.headers) == (400, False)


def redirect(request):
    return httpx2.Response(302, headers={"Location": "https://evil.example/"})


ANSWERS = {
    "a redirect of the configuration": ("/.well-known/openid-configuration", redirect),
    "a redirect of the keys": ("/keys", redirect),
    "a redirect of the token": ("/token", redirect),
    "a redirect of the person": ("/userinfo", redirect),
    "a large answer": ("/keys", lambda _: httpx2.Response(200, content=b" " * 1_000_001 + b"{}")),
    "a compressed answer": ("/keys", lambda _: httpx2.Response(200, headers={"Content-Encoding": "gzip"}, content=b"")),
    "no JSON": ("/token", lambda _: httpx2.Response(200, text="<html>")),
    "a list": ("/.well-known/openid-configuration", lambda _: httpx2.Response(200, json=[])),
    "another issuer": (
        "/.well-known/openid-configuration",
        lambda _: httpx2.Response(200, json={"issuer": "https://x"}),
    ),
    "a defect": ("/token", lambda _: httpx2.Response(500, json={"error": "server_error"})),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_a_provider_that_does_not_answer_as_it_should_signs_nobody_in(company, login, what):
    path, answer = ANSWERS[what]
    login.answers[path] = answer
    browser = browser_of(company)
    begun = await browser.get("../../auth/oidc/company")
    done = begun if begun.status_code != 303 else await back(browser, login.authorize(begun.headers["location"]))
    assert done.status_code in {401, 503}
    assert not await is_known(browser)
    assert all("evil.example" not in asked for asked in login.asked)


async def test_a_provider_that_does_not_answer_is_not_asked_by_everybody(company, login):
    login.answers["/.well-known/openid-configuration"] = lambda _: httpx2.Response(500)
    for _ in range(3):
        answer = await browser_of(company).get("../../auth/oidc/company")
        assert answer.status_code == 503
    assert len(login.asked) == 1
    del login.answers["/.well-known/openid-configuration"]
    company.context.providers["company"]._failed_at -= 5
    assert (await signed_in(browser_of(company), login)).status_code == 303


async def test_a_provider_is_asked_about_itself_once_and_for_a_new_key_again(company, login):
    browser = browser_of(company)
    for _ in range(3):
        assert (await signed_in(browser, login)).status_code == 303
    assert login.asked.count("/.well-known/openid-configuration") == 1
    assert login.asked.count("/keys") == 1
    new = RSAKey.generate_key(2048, {"kid": "k2"})
    login.keys.append(new)
    login.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k2"}, claims, new)
    assert (await signed_in(browser, login)).status_code == 401  # its keys were asked for a moment ago
    company.context.providers["company"]._keys.since -= 61
    assert (await signed_in(browser, login)).status_code == 303


async def test_a_stranger_is_not_let_in_unless_everybody_is(open_server, login):
    server = open_server(config=CONFIG)
    set_up(server, login)
    login.claims = login.userinfo = {"sub": "8", "email": "mia@example.com", "email_verified": False}
    browser = browser_of(server)
    assert (await signed_in(browser, login)).status_code == 403
    assert not await is_known(browser)
    set_up(server, login, everybody=True)
    browser = browser_of(server)
    assert (await signed_in(browser, login)).status_code == 303
    assert (await browser.get("/session")).json()["principal"] == f"{ISSUER}#8"


async def test_who_has_come_in_from_a_provider_once_is_known_from_then_on_and_who_was_refused_is_not(
    open_server, login
):
    server, until = open_server(config=f"{CONFIG}roles: {{admin: [olga@example.com]}}\n"), "2030-01-01T00:00:00Z"
    login.claims = login.userinfo = {"sub": "8"}
    mia, olga = await server.person("mia@example.com"), await server.person("olga@example.com")

    async def given_to_them():
        made = await mia.post("/directory/delegations", json={"to": f"{ISSUER}#8", "until": until})
        return made.status_code, f"{ISSUER}#8" in (await olga.get("../../settings/people")).text

    for everybody, status, known in ((False, 403, (400, False)), (True, 303, (201, True)), (True, 303, (201, True))):
        set_up(server, login, everybody=everybody)
        assert (await signed_in(browser_of(server), login)).status_code == status
        assert await given_to_them() == known
    said = [entry for entry in (await olga.get("/log")).json()["entries"] if "claimed" in entry["event"]["type"]]
    assert len(said) == 1


async def test_who_was_invited_comes_in_by_a_verified_address_and_is_known_by_the_subject_then(open_server, login):
    server = open_server(config="groups: {managers: [noah@example.com]}\nroles: {auditor: [noah@example.com]}\n")
    set_up(server, login)
    login.userinfo = {"sub": "7", "email": "Noah@example.com", "email_verified": True}
    browser = browser_of(server)
    assert (await signed_in(browser, login)).status_code == 303
    assert (await browser.get("/session")).json()["principal"] == "noah@example.com"
    entry = (await browser.get("/log")).json()["entries"][-1]
    assert (entry["event"]["type"], entry["event"]["subject"]) == ("identity_linked", "7")
    login.claims = {"sub": "8"}
    login.userinfo |= {"sub": "8"}
    assert (await signed_in(browser_of(server), login)).status_code == 403


DECIDED = """
groups: {finance: [], directors: [olga@example.com]}
roles: {admin: [olga@example.com]}
default:
  levels: [{steps: [{ask: [group:finance], within: 30d}, {ask: [group:directors], within: 30d}]}]
"""


async def asked(server, key):
    body = {"asked": {"kind": "approval", "name": "send", "args": {}}}
    return (await (await server.agent()).post("/requests", json=body, headers={"Idempotency-Key": key})).json()


async def voted(client, request):
    return await client.post(
        f"/requests/{request['id']}/votes", json={"verdict": "approve", "digest": request["digest"]}
    )


async def claimed(server, request):
    """Return what becomes of the effect when the agent claims it."""
    body = {"digest": request["digest"], "tool": "x", "lasts": 60}
    answer = await (await server.agent()).post(f"/requests/{request['id']}/claim", json=body)
    said = answer.json()
    return said["effect"]["state"] if answer.status_code == 200 else said["details"]["effect"]


async def test_the_groups_of_a_claim_decide_while_the_providers_word_counts(open_server, login):
    server = open_server(config=DECIDED)
    set_up(server, login, claims={"groups": "groups"})
    login.userinfo = {"sub": "7", "groups": ["finance"]}
    browser, olga = browser_of(server), await server.person("olga@example.com")
    requests = [await asked(server, f"k{number}") for number in range(3)]
    await signed_in(browser, login)
    browser.headers["Origin"] = server.context.origin
    assert len((await browser.get("/requests/inbox/mine")).json()["requests"]) == 3
    for request in requests:
        assert (await voted(browser, request)).status_code == 200
    await browser.delete("/session")  # whoever signs out has voted all the same
    for request in requests:
        assert (await voted(olga, request)).json()["status"] == "approved"
    assert await claimed(server, requests[0]) == "claimed"
    assert (await olga.delete("/sessions", params={"of": f"{ISSUER}#7"})).status_code == 200
    assert await claimed(server, requests[1]) == "lapsed"  # an admin takes it away
    await signed_in(browser, login)
    server.clock.advance(days=7)
    assert await claimed(server, requests[2]) == "lapsed"  # nobody has heard of it for too long


async def test_an_admin_by_what_a_provider_says_does_all_that_admins_do(open_server, login):
    server = open_server(config="groups: {managers: []}\n")
    set_up(server, login, claims={"groups": "groups", "roles": {"admin": ["x"]}})
    login.userinfo = {"sub": "7", "groups": ["x"]}
    browser = browser_of(server)
    await signed_in(browser, login)
    browser.headers["Origin"] = server.context.origin
    assert (await browser.get("/session")).json()["roles"] == ["admin"]
    member = "/directory/groups/managers/members/mia@example.com"
    made = await browser.post("/people", json={"name": "mia@example.com", "roles": ["viewer"]})
    form = {"link": made.json()["link"].partition("#")[2], "new": "a long password", "again": "a long password"}
    assert (await server.client().post("../../join", data=form)).status_code == 303
    secrets = AccountSecrets("mia@example.com", authenticator="A" * 32)
    on = SecondFactorChanged("mia@example.com", on=True, at=server.clock.at)
    await server.system.directories.change("default", Actor("test", "test"), lambda _: PlannedChange((on,), (secrets,)))
    token = (await browser.post("/tokens", json={"principal": "agent:a", "scopes": ["read"]})).json()
    calls = [
        ("GET", "/people"),
        ("POST", "/people/mia@example.com/reset"),
        ("DELETE", "/people/mia@example.com/second-factor"),
        ("POST", "/people/mia@example.com/disable"),
        ("POST", "/people/mia@example.com/enable"),
        ("GET", "/directory/groups"),
        ("PUT", member),
        ("DELETE", member),
        ("DELETE", "/sessions?of=mia@example.com"),
        ("GET", "/tokens"),
        ("DELETE", f"/tokens/{token['id']}"),
    ]
    for method, path in calls:
        answer = await browser.request(method, path)
        assert answer.status_code in {200, 201, 204}, (method, path, answer.text)
    login.userinfo = {"sub": "7", "groups": []}
    await signed_in(browser, login)
    assert (await browser.post("/people/mia@example.com/disable")).status_code == 403


async def test_the_page_offers_the_providers_and_signing_out_ends_the_session_here_and_shows_the_way_there(
    company, login
):
    browser = browser_of(company)
    offered = await browser.get("../../sign-in?next=/requests/1%3Fa%3Db")
    assert 'href="/auth/oidc/company?return_to=/requests/1%3Fa%3Db"' in offered.text
    await signed_in(browser, login)
    foreign = await browser.post("../../sign-out", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert await is_known(browser)
    out = await browser.post("../../sign-out", headers={"Sec-Fetch-Site": "same-origin"})
    assert f"{ISSUER}/end?client_id={US}&amp;post_logout_redirect_uri=" in out.text
    assert not await is_known(browser)
    again = await browser.post("../../sign-out", headers={"Sec-Fetch-Site": "same-origin"})
    assert (again.status_code, ISSUER in again.text) == (200, False)


def listening(server, settings, origin):
    given = {"origin": origin, "proxies": [], "stop": server.context.stop, "settings": settings}
    answering = Answering.at(server.system, "127.0.0.1", 0, **given)
    answering.listening.close()
    return answering


def settings_with(folder, given):
    file = folder / "providers.yaml"
    file.write_text(f"server: {{oidc: [{{name: company, issuer: '{ISSUER}', client_id: x, {given}}}]}}\n")
    return load_settings(file, {})


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("client_secret_env: NOT_THERE", "https://a.example"),
        ("client_secret_file: not-there", "https://a.example"),
        ("client_secret_file: empty", "https://a.example"),
        ("scopes: [openid]", "http://a.example"),
    ],
)
def test_a_provider_without_its_secret_or_without_https_is_refused_at_the_start(tmp_path, server, given, origin):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(BadInput):
        listening(server, settings_with(tmp_path, given), origin)


def test_a_secret_is_read_where_the_configuration_says_and_shown_nowhere(tmp_path, server, monkeypatch):
    (tmp_path / "secret").write_text("hush\n")
    monkeypatch.setenv("COMPANY_SECRET", "hush")
    for given in ("client_secret_file: secret", "client_secret_env: COMPANY_SECRET"):
        context = listening(server, settings_with(tmp_path, given), "https://a.example").context
        assert context.providers["company"]._secret == "hush"
        assert "hush" not in repr(context)


async def session_of(server, login):
    """Sign somebody in; return who the server says that it is, or the status of its refusal."""
    browser = browser_of(server)
    answer = await signed_in(browser, login)
    return (await browser.get("/session")).json() if answer.status_code == 303 else answer.status_code


async def test_people_of_a_provider_enter_the_tenant_that_is_set_for_it(open_server, login):
    server = open_server(config=f"{CONFIG}roles: {{viewer: [mia@example.com]}}\n")
    set_up(server, login, tenant="acme", everybody=True)
    agent = await server.agent(tenant="acme")
    body = {"asked": {"kind": "approval", "name": "send", "args": {}}}
    asked = (await agent.post("/requests", json=body, headers={"Idempotency-Key": "k"})).json()
    browser = browser_of(server)
    await signed_in(browser, login)
    found = (await browser.get("/session")).json()
    assert (found["principal"], found["tenant"]) == ("mia@example.com", "acme")
    assert (await browser.get(f"/requests/{asked['id']}")).status_code == 200
    elsewhere = await server.person("mia@example.com")
    assert (await elsewhere.get(f"/requests/{asked['id']}")).status_code == 404
    assert await server.system.store.history("default", "directory") == []


@pytest.mark.parametrize(
    ("said", "enters"),
    [
        ({"org": "acme"}, "acme"),
        ({"org": ["globex", "initech"]}, "globex"),
        ({"org": ["acme", "globex"]}, 403),
        ({"org": "default"}, 403),
        ({"org": "ACME"}, 403),
        ({"org": {"acme": True}}, 403),
        ({"org": [["acme"]]}, 403),
        ({}, 403),
    ],
)
async def test_a_claim_names_the_tenant_if_it_is_one_of_those_that_are_listed(open_server, login, said, enters):
    server = open_server(config=CONFIG)
    claims = {"tenant": "org", "tenants": ["acme", "globex"]}
    set_up(server, login, claims=claims, everybody=True)
    login.claims |= said
    found = await session_of(server, login)
    assert (found["tenant"] if isinstance(found, dict) else found) == enters


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("claims: {tenant: org}", "give both"),
        ("claims: {tenants: [acme]}", "give both"),
        ("tenant: acme\n      claims: {tenant: org, tenants: [acme]}", "keep one of them"),
        ("tenant: ''", "name"),
    ],
)
def test_a_tenant_is_set_in_one_way(tmp_path, given, why):
    (tmp_path / "interlock.yaml").write_text(
        f"server:\n  oidc:\n    - name: company\n      issuer: {ISSUER}\n      client_id: x\n      {given}\n"
    )
    with pytest.raises(InvalidConfig, match=why):
        load_settings(tmp_path / "interlock.yaml", {})
