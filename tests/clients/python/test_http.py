"""The official Python client over HTTP, in each of its modes, against the built server and the simulator."""

import anyio
import httpx2
from checks import Checks, equal
from conversation import REVISIONS, Conversation
from installation import Store, installation, simulator
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitRequestParams, ElicitResult

# All of it; nothing is measured by this.
LIMIT_SECONDS = 300


async def converse(checks: Checks, mode: str, url: str, key: str, store: Store) -> None:
    """One client in one mode, from the handshake to the last mistake."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(url, http_client=http)
        asked: list[str] = []

        async def agrees(context: object, params: ElicitRequestParams) -> ElicitResult:
            asked.append(params.message)
            return ElicitResult(action="accept", content={"confirm": True})

        # Without sessions, clients of the older era cannot be asked.
        legacy = mode == "legacy"
        callback = None if legacy else agrees
        async with Client(transport, mode=mode, elicitation_callback=callback) as client:
            conversation = Conversation(checks, f"http {mode}", client, store, None if legacy else asked)
            await conversation.agrees_on_a_revision(mode)
            await conversation.lists_tools()
            await conversation.registers_the_store()
            await conversation.reads_orders()
            await conversation.reads_resources()
            await conversation.works_for_long()
            if not legacy:
                await conversation.listens()
            await conversation.makes_mistakes()
            await conversation.never_hears_the_key()


async def knocks_without_a_key(checks: Checks, url: str) -> None:
    """Requests that must not get in."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(headers=accept, timeout=60, trust_env=False) as http:
        for name, headers in {
            "no key": {},
            "a wrong key": {"Authorization": "Bearer wrong"},
        }.items():
            with checks.that(f"http: {name} is answered with 401 and a challenge"):
                response = await http.post(url, json=body, headers=headers)
                equal(response.status_code, 401)
                assert response.headers["www-authenticate"].startswith("Bearer"), response.headers
        with checks.that("http: a page of another origin is refused"):
            response = await http.post(url, json=body, headers={"Origin": "https://evil.example"})
            equal(response.status_code, 403)


async def main() -> None:
    checks = Checks()
    with anyio.fail_after(LIMIT_SECONDS), simulator() as sandbox:
        with installation(sandbox.base_url, guests=("changes", "shelf")) as server, server.serve() as url:
            await knocks_without_a_key(checks, url)
            for mode in REVISIONS:
                key = server.create_tenant(f"python-{mode}")
                with (
                    checks.explained_by(server.log),
                    checks.that(f"http {mode}: the conversation comes to its end"),
                ):
                    await converse(checks, mode, url, key, sandbox.stores[0])
    checks.finish()


anyio.run(main)
