"""The official Python client with no key at all: it finds the authorization server, registers, logs in, comes back with a token,
and asks for a wider one when a call needs it. The authorization server is oidc-provider.

Run by `cargo xtask test --all`, which prepares Node and names it here in variables.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import anyio
import httpx2
from checks import Checks, equal
from installation import SERVER, Installation, clean_environment, installation, simulator, stop
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

NODE = os.environ["CLIENTS_NODE"]
NODE_FOLDER = Path(os.environ["CLIENTS_NODE_FOLDER"])

# Where the client says that it can be reached; nobody listens there.
CALLBACK = "http://127.0.0.1:7/callback"
LIMIT_SECONDS = 240


@contextmanager
def issuer() -> Iterator[str]:
    """Runs the authorization server until the block ends; gives its name."""
    process = subprocess.Popen(
        [NODE, str(NODE_FOLDER / "issuer.mjs")],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            # Its warnings are on stdout, too.
            if line.startswith("{"):
                break
        yield json.loads(line)["issuer"]
    finally:
        stop(process)


class Person:
    """Somebody with a browser, who logs in and agrees."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.visits: list[str] = []
        self.came_back: AuthorizationCodeResult | None = None

    async def opens(self, url: str) -> None:
        """Fills in forms until the client's own page comes."""
        self.visits.append(url)
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as browser:
            response = await browser.get(url)
            while True:
                if response.is_redirect:
                    url = urljoin(str(response.url), response.headers["location"])
                    if url.startswith(CALLBACK):
                        break
                    response = await browser.get(url)
                    continue
                assert response.status_code == 200, f"{response.status_code}: {response.text}"
                action = re.search(r'action="([^"]+)"', response.text)
                prompt = re.search(r'name="prompt" value="([^"]+)"', response.text)
                assert action and prompt, response.text
                form = {"prompt": prompt[1], "login": self.name, "password": "any"}
                response = await browser.post(urljoin(str(response.url), action[1]), data=form)
        answer = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert "code" in answer, answer
        self.came_back = AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    async def returns(self) -> AuthorizationCodeResult:
        """What the client's own page was told."""
        assert self.came_back is not None
        return self.came_back

    def asked_for(self) -> list[str]:
        """The scopes of the last visit. To be renewed is between client and issuer."""
        scopes = parse_qs(urlsplit(self.visits[-1]).query)["scope"][0].split()
        return sorted(set(scopes) - {"offline_access"})


class Memory:
    """What the client remembers."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def keys(server: Installation, *command: str, key: str | None = None) -> dict:
    """Runs a command about keys."""
    more = {"ORDERDESK_MCP_MASTER_KEY": key} if key else {}
    ended = subprocess.run(
        [SERVER, *server.arguments("keys", *command, "--json")],
        env=server.environment(**more),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout)


def http_of(url: str, person: Person, memory: Memory) -> httpx2.AsyncClient:
    """HTTP as a client makes it that knows nothing but a URL."""
    metadata = OAuthClientMetadata(redirect_uris=[CALLBACK], client_name="orderdesk-mcp tests")
    oauth = OAuthClientProvider(url, metadata, memory, person.opens, person.returns)
    return httpx2.AsyncClient(auth=oauth, timeout=60, trust_env=False)


async def converse(checks: Checks, mode: str, url: str, server: Installation, admitted: dict) -> None:
    """One client in one mode."""
    person, memory = Person(f"ada-{mode}"), Memory()
    async with http_of(url, person, memory) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            with checks.that(f"oauth {mode}: the client found the way in by itself, and asked for the least"):
                equal(len(person.visits), 1)
                equal(person.asked_for(), ["tools:read"])
            tools = {tool.name for tool in (await client.list_tools()).tools}
            with checks.that(f"oauth {mode}: what the token does not cover is listed all the same"):
                assert {"changes_get", "changes_set"} <= tools, tools
            with checks.that(f"oauth {mode}: a read and a preview need no more"):
                await succeed(client, "changes_get", key=mode)
                await succeed(client, "changes_set", key=mode, value="new", dry_run=True)
                equal(len(person.visits), 1)
            with checks.that(f"oauth {mode}: for a change the client gets a wider token, and the call is made"):
                await succeed(client, "changes_set", key=mode, value="new")
                equal(len(person.visits), 2)
                equal(person.asked_for(), ["tools:read", "tools:write"])
                answer = await succeed(client, "changes_get", key=mode)
                equal(answer["value"], "new")
                equal(len(person.visits), 2)
    assert memory.tokens is not None
    with checks.that(f"oauth {mode}: a revoked identity is out, however good its token"):
        keys(server, "revoke", admitted["key_id"])
        headers = {
            "Authorization": f"Bearer {memory.tokens.access_token}",
            "Accept": "application/json, text/event-stream",
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
            equal((await http.post(url, json=body)).status_code, 401)


async def succeed(client: Client, tool: str, **arguments: object) -> dict:
    """Calls a tool that must not fail."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error and isinstance(result.structured_content, dict), result
    return result.structured_content


async def main() -> None:
    checks = Checks()
    with (
        anyio.fail_after(LIMIT_SECONDS),
        issuer() as name,
        simulator() as sandbox,
        installation(sandbox.base_url, guests=("changes",)) as server,
    ):
        with Path(server.config).open("a") as config:
            config.write(f"\n[oauth]\nissuer = {json.dumps(name)}\n")
        key = server.create_tenant("acme")
        with server.serve() as url, checks.explained_by(server.log):
            for mode in ("auto", "legacy"):
                create = ["create", "--tenant", "acme", "--name", "Ada", "--identity", f"ada-{mode}"]
                admitted = keys(server, *create, key=key)
                with checks.that(f"oauth {mode}: the conversation comes to its end"):
                    await converse(checks, mode, url, server, admitted)
    checks.finish()


anyio.run(main)
