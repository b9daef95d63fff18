"""The four systems, statement by statement, where one is no vector: the clients against the reference servers.

The ids are those of the design (ARROTECH-1 to ARTOS-10). What is behaviour of a single client stands in
``spec/vectors``; here are keys that come and go, organizations beside each other, and logins that outlive a program.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bitting
import pytest
from arrotech import Arrotech
from arrow import Arrow, AsyncArrow
from artos import Artos, AsyncArtos
from reference import ROOT, Reference
from reference import bitting as command
from roboticks import AsyncRoboticks, Roboticks

HERE = Path(__file__)
DAY = 86_400
STATEMENTS = {
    "ARROTECH": range(1, 7),
    # ARROW-6 and ARROW-7 are about making keys and ARROW-10 about a page: neither is a client's.
    "ARROW": (1, 2, 3, 4, 5, 8, 9),
    "ROBOTICKS": range(1, 10),
    # ARTOS-3 is about what is inside a token, which no client may look at (D5).
    "ARTOS": (1, 2, 4, 5, 6, 7, 8, 9, 10),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Reference]]:
    """A reference server of each system."""
    servers = {name: Reference(name) for name in ("arrotech", "arrow", "artos", "roboticks")}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture
def world(servers: dict[str, Reference]) -> dict[str, Reference]:
    """The servers as they began."""
    for server in servers.values():
        server.control("POST", "/v1/reset")
    return servers


def mint(server: Reference, user: str, **wanted: Any) -> str:
    """A key of a user."""
    secret: str = server.control("POST", "/v1/keys", {"user": server.users[user]["email"], **wanted})["secret"]
    return secret


def token(server: Reference, user: str, **wanted: Any) -> str:
    """A token of a user, or one that is wrong on purpose."""
    made: str = server.control("POST", "/v1/tokens", {"user": server.users[user]["email"], **wanted})["token"]
    return made


def at(server: Reference, **credentials: Any) -> dict[str, Any]:
    """The options of a client of ``server``."""
    return {"base_url": server.url, "environment": {}, **credentials}


def test_every_statement_is_proven() -> None:
    """Each statement with a client's side is named by a vector or by a test, here and in Node."""
    vectors = " ".join(
        " ".join(vector["proves"])
        for path in (ROOT / "spec" / "vectors").glob("*.json")
        for vector in json.loads(path.read_text())["vectors"]
    )
    for tests in (HERE.parent.glob("test_*.py"), (ROOT / "bindings" / "node" / "test").glob("*.test.mjs")):
        text = vectors + " ".join(re.sub(r"STATEMENTS = \{.*?\n\}", "", path.read_text(), flags=re.S) for path in tests)
        named = set(re.findall(r"[A-Z]+-\d+", text))
        missing = [f"{system}-{n}" for system, ns in STATEMENTS.items() for n in ns if f"{system}-{n}" not in named]
        assert missing == []


def test_customers_are_apart(world: dict[str, Reference]) -> None:
    """ARROTECH-1, ARROTECH-2, ARROTECH-4, ARROTECH-6: a key, an app, a login; each sees its own customer alone."""
    server = world["arrotech"]
    seen: dict[str, set[str]] = {}
    apps = {"ada": "client-acme", "eve": "client-globex"}
    secrets = {one["client_id"]: one["client_secret"] for one in server.control("GET", "/v1/credentials")["clients"]}
    for user, app in apps.items():
        ways = [
            {"api_key": mint(server, user)},
            {"client_id": app, "client_secret": secrets[app], "scopes": ["data:read", "workflow:execute"]},
            {"username": server.users[user]["email"], "password": server.users[user]["password"]},
            {"token": token(server, user)},
        ]
        clients = [Arrotech(**at(server, **way)) for way in ways]
        found = [{one.id for one in client.providers.list(limit=100)} for client in clients]
        assert found[0] and found.count(found[0]) == len(found)
        seen[user] = found[0]
    assert not seen["ada"] & seen["eve"]


def test_a_sandbox_key_is_refused_and_the_reason_is_told(world: dict[str, Reference]) -> None:
    """ARROTECH-5: 401, with the environments that there are."""
    server = world["arrotech"]
    client = Arrotech(**at(server, api_key=mint(server, "ada", environment="sandbox")))
    with pytest.raises(bitting.AuthenticationError, match="sandbox"):
        client.providers.list()


def test_a_browser_login_is_kept_for_every_language(
    world: dict[str, Reference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ARROTECH-3, D1: `bitting login` by authorization code with PKCE and state; then a client without a credential."""
    server = world["arrotech"]
    monkeypatch.setenv("BITTING_CONFIG_DIR", str(tmp_path))
    document = str(ROOT / "spec/openapi/arrotech.yaml")
    line = [command(), "login", document, "--url", server.url, "--with", "browser", "--client-id", "client-acme"]
    line += ["--authorization-url", f"{server.url}/auth/authorize", "--scope", "data:read"]
    environment = {**os.environ, "ARROTECH_CLIENT_SECRET": "client-secret-test-acme-0", "BROWSER": "true", "PATH": ""}
    with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as login:
        assert login.stderr is not None
        page = next(text.strip() for text in login.stderr if text.strip().startswith("http"))
        assert "code_challenge_method=S256" in page and "state=" in page
        consent(page, server.users["ada"])
        assert login.wait(20) == 0, login.stderr.read()
    with Arrotech(base_url=server.url) as client:
        assert client.providers.list().items
        (report,) = client.auth.explain()
        assert (report.scheme, report.source, report.scopes) == ("OAuth2", "the profile `default`", ("data:read",))


def consent(page: str, user: dict[str, Any]) -> None:
    """What a user does on the page: logs in, consents, and comes back to the program."""
    with urllib.request.urlopen(page, timeout=10) as answer:
        text = html.unescape(answer.read().decode())
    action, request = re.search(r'action="([^"]+)"', text), re.search(r'name="request" value="([^"]*)"', text)
    assert action is not None and request is not None, text
    fields = {"request": request[1], "email": user["email"], "password": user["password"], "decision": "allow"}
    body = urllib.parse.urlencode(fields).encode()
    urllib.request.urlopen(urllib.parse.urljoin(page, action[1]), body, timeout=10).close()


def operations() -> list[dict[str, Any]]:
    """The operations of Arrow that need a scope."""
    table = json.loads((ROOT / "sdk-rust/apis/arrow/api.json").read_text())
    found: list[dict[str, Any]] = table["operations"]
    return found


def test_arrow_has_nineteen_operations_and_nine_scopes(world: dict[str, Reference]) -> None:
    """ARROW-3, ARROW-4: with its scope alone each operation is open, and without it each is shut."""
    server = world["arrow"]
    scopes = {operation["id"]: operation["security"][0]["ArrowKey"][0] for operation in operations()}
    every = sorted(set(scopes.values()))
    assert (len(scopes), len(every)) == (19, 9)
    for operation in operations():
        own = scopes[operation["id"]]
        arguments = {"id": "no-such-id"} if "{id}" in operation["path"] else {}
        body = {} if operation.get("body") else bitting.NOT_GIVEN
        shut = Arrow(**at(server, api_key=mint(server, "ada", scopes=[one for one in every if one != own])))
        with pytest.raises(bitting.PermissionDeniedError, match=r"the credential for `ArrowKey` came from an argument"):
            shut.call(operation["id"], arguments, body=body)
        opened = Arrow(**at(server, api_key=mint(server, "ada", scopes=[own])))
        try:
            opened.call(operation["id"], arguments, body=body)
        except (bitting.NotFoundError, bitting.UnprocessableEntityError):
            pass  # It was let in; that there is no such thing is another matter.


def test_a_key_is_of_one_organization(world: dict[str, Reference]) -> None:
    """ARROW-2: two clients in one program, and neither sees what the other has."""
    server = world["arrow"]
    ada, eve = (Arrow(**at(server, api_key=mint(server, user))) for user in ("ada", "eve"))
    found = [{one.id for one in client.devices.list(page_size=100)} for client in (ada, eve)]
    assert found[0] and found[1] and not found[0] & found[1]
    with pytest.raises((bitting.NotFoundError, bitting.PermissionDeniedError)):
        eve.devices.get(next(iter(found[0])))


def test_devices_and_requests_of_arrow(world: dict[str, Reference]) -> None:
    """ARROW-1, ARROW-5: pages, a filter, changes, and a return that only a virtual machine has."""
    server = world["arrow"]
    with Arrow(**at(server, api_key=mint(server, "ada"))) as client:
        first = client.devices.list(page_size=2)
        assert len(first.items) == 2 and len(list(first)) == first.total
        changed = client.devices.update(first.items[0].id, tags=["rack-7"], notes="moved")
        assert (changed.tags, changed.notes) == (["rack-7"], "moved")
        kinds = {one.device_type for one in client.device_requests.list(page_size=100)}
        for kind in kinds:
            assert {one.device_type for one in client.device_requests.list(device_type=kind)} == {kind}
        by_kind = {one.device_type: one for one in client.device_requests.list(page_size=100)}
        for kind, one in by_kind.items():
            if "vm" in str(kind).lower():
                client.device_requests.mark_vm_returned(one.id)
            else:
                with pytest.raises(bitting.APIStatusError):
                    client.device_requests.mark_vm_returned(one.id)


def test_revocation_is_immediate_for_every_task(world: dict[str, Reference]) -> None:
    """ARROW-8: the next request with that key gets 401, whoever makes it."""
    server = world["arrow"]
    made = server.control("POST", "/v1/keys", {"user": server.users["ada"]["email"]})

    async def main() -> None:
        async with AsyncArrow(**at(server, api_key=made["secret"])) as client:
            await client.devices.list()
            server.control("POST", f"/v1/keys/{made['id']}/revoke")
            ended = await asyncio.gather(*(client.metrics.get() for _ in range(10)), return_exceptions=True)
            assert {type(one) for one in ended} == {bitting.AuthenticationError}

    asyncio.run(main())


def test_a_key_is_rotated_without_downtime(world: dict[str, Reference]) -> None:
    """ARROW-9: the new key is there before the old one ends; a program changes over between two calls."""
    server = world["arrow"]
    email = server.users["ada"]["email"]
    old = server.control("POST", "/v1/keys", {"user": email, "ttl": 10 * DAY, "scopes": ["devices:read"]})
    client = Arrow(**at(server, api_key=old["secret"]))
    assert client.devices.list().items
    new = server.control("POST", f"/v1/keys/{old['id']}/rotate", {"ttl": 90 * DAY})
    renewed = client.with_options(api_key=new["secret"])
    assert client.devices.list().total == renewed.devices.list().total
    server.control("POST", f"/v1/keys/{old['id']}/expire")
    assert renewed.devices.list().items
    with pytest.raises(bitting.AuthenticationError):
        client.devices.list()


def test_a_key_reaches_as_far_as_its_maker(world: dict[str, Reference]) -> None:
    """ROBOTICKS-1, ROBOTICKS-4, ROBOTICKS-7: in either header, in the maker's organization, and nowhere else."""
    server = world["roboticks"]
    for user, organization, project in (("ada", "acme", "warehouse"), ("eve", "globex", "lab")):
        key = mint(server, user)
        for options in ({"api_key": key}, {"default_headers": {"X-API-Key": key}}):
            with Roboticks(**at(server, **options)) as client:
                assert client.devices.list(organization, project).items
                assert client.devices.list_organization(organization, limit=1).items
                other = "globex" if organization == "acme" else "acme"
                with pytest.raises((bitting.PermissionDeniedError, bitting.NotFoundError)):
                    client.devices.list_organization(other)


def test_the_limit_is_known_before_it_is_reached(world: dict[str, Reference]) -> None:
    """ROBOTICKS-5: limit, rest and end of the window are with each answer, and with the client."""
    server = world["roboticks"]
    with Roboticks(**at(server, api_key=mint(server, "ada"))) as client:
        assert client.rate_limit is None
        raw = client.devices.with_raw_response.list("acme", "warehouse", limit=1)
        assert raw.rate_limit is not None and client.rate_limit == raw.rate_limit
        assert raw.rate_limit.limit == 1000 and raw.rate_limit.remaining == 999
        assert raw.rate_limit.reset_at is not None


def test_documents_stay_in_their_organization(world: dict[str, Reference]) -> None:
    """ARTOS-1, ARTOS-2, ARTOS-4: what belongs to the token's organization, and a status for everybody."""
    server = world["artos"]
    found = []
    for user in ("ada", "eve"):
        with Artos(base_url=server.url, environment={"ARTOS_TOKEN": token(server, user)}) as client:
            found.append({one.id for one in client.documents.list(limit=100)})
            found.append({one.id for one in client.templates.list(limit=100)})
            assert client.search.get_search_status()
    assert all(found) and not found[0] & found[2] and not found[1] & found[3]
    with Artos(base_url=server.url, environment={}) as nobody:
        assert nobody.search.get_search_status()
        with pytest.raises(bitting.CredentialsError, match="ARTOS_TOKEN"):
            nobody.documents.list()


@pytest.mark.parametrize("wrong", ["expired", "revoked", "garbage", "bad-signature", "other-organization"])
def test_a_wrong_token_is_told_in_the_words_of_artos(world: dict[str, Reference], wrong: str) -> None:
    """ARTOS-5, ARTOS-6, ARTOS-7, ARTOS-9: the refusal, which credential it was about, and never the token."""
    server = world["artos"]
    wanted: dict[str, Any] = {"expired": True} if wrong == "expired" else {"tamper": wrong}
    email = server.users["ada"]["email"]
    made = server.control("POST", "/v1/tokens", {"user": email, **({} if wrong == "revoked" else wanted)})
    if wrong == "revoked":
        server.control("POST", f"/v1/tokens/{made['jti']}/revoke")
    options = {"base_url": server.url, "environment": {"ARTOS_TOKEN": made["token"]}}

    async def awaited() -> bitting.APIStatusError:
        async with AsyncArtos(**options) as client:
            with pytest.raises(bitting.APIStatusError) as caught:
                await client.documents.list()
            return caught.value

    with Artos(**options) as client, pytest.raises(bitting.APIStatusError) as caught:
        client.documents.list()
    for error in (caught.value, asyncio.run(awaited())):
        assert error.status_code in ((401, 403) if wrong == "other-organization" else (401,))
        expected = "Invalid authentication credentials|User has no organization or not authorized"
        assert re.search(expected, str(error)) and "ARTOS_TOKEN" in str(error)
        assert made["token"] not in f"{error} {error!r} {vars(error)}"


def test_a_token_stays_on_https(world: dict[str, Reference]) -> None:
    """ARTOS-8, ARTOS-10: loopback is the one exception, in Python as everywhere."""
    made = token(world["artos"], "ada")
    for address in ("http://api.artosai.com", "http://localhost.evil.example", "http://10.1.2.3:8080"):
        with pytest.raises(bitting.ConfigError, match="in the clear"):
            Artos(base_url=address, token=made, environment={})


def test_a_kept_login_serves_both_clients(
    world: dict[str, Reference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROBOTICKS-2, ROBOTICKS-8: `bitting login` keeps a token; later clients have no other credential, and renew it."""
    server = world["roboticks"]
    monkeypatch.setenv("BITTING_CONFIG_DIR", str(tmp_path))
    for name in ("API_KEY", "TOKEN", "EMAIL", "PASSWORD"):
        monkeypatch.delenv(f"ROBOTICKS_{name}", raising=False)
    user = server.users["ada"]
    document = str(ROOT / "spec/openapi/roboticks.yaml")
    environment = {**os.environ, "ROBOTICKS_EMAIL": user["email"], "ROBOTICKS_PASSWORD": user["password"]}
    line = [command(), "login", document, "--url", server.url, "--profile", "work"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert user["password"] not in done.stdout + done.stderr
    assert user["password"] not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    with Roboticks(base_url=server.url, profile="work") as client:
        assert client.devices.list("acme", "warehouse", limit=3).items
        (report,) = client.auth.explain()
        assert report.source == "the profile `work`" and report.expires_at is not None

    async def main() -> None:
        async with AsyncRoboticks(base_url=server.url, profile="work") as client:
            assert (await client.devices.list("acme", "warehouse", limit=3)).items

    asyncio.run(main())
    assert [call for call in server.operations() if call[0] == "login"] == [("login", 200)]
    subprocess.run([command(), "logout", document, "--url", server.url, "--profile", "work"], check=True, timeout=30)
    with pytest.raises(bitting.CredentialsError, match="--profile work"):
        Roboticks(base_url=server.url, profile="work")
