"""The official Python client of the older fleet (mcp 1.x): a handshake, and no session."""

import asyncio
import os
from datetime import timedelta

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamablehttp_client
from pydantic import AnyUrl
from said import finish, that

URL, KEY, STORE, STORE_KEY = (os.environ[name] for name in ("URL", "KEY", "STORE", "STORE_KEY"))


async def talk(session: ClientSession) -> None:
    hello = await session.initialize()

    async def greets() -> None:
        assert hello.protocolVersion == "2025-11-25", hello.protocolVersion
        assert hello.serverInfo.name == "orderdesk-mcp"

    async def lists() -> None:
        names = [tool.name for tool in (await session.list_tools()).tools]
        assert {"orders_list", "changes_erase", "shelf_read_aloud"} <= set(names), names

    async def call(tool: str, **arguments) -> dict:
        result = await session.call_tool(tool, arguments)
        assert not result.isError, result.content
        return result.structuredContent

    async def pages() -> None:
        await call("stores_register", store_id=STORE, api_key=STORE_KEY)
        first = await call("orders_list", limit=2)
        second = await call("orders_list", limit=2, cursor=first["next_cursor"])
        seen = {order["id"] for order in first["orders"]}
        assert seen.isdisjoint(order["id"] for order in second["orders"])

    async def errs() -> None:
        result = await session.call_tool("orders_get", {"order_id": "999999999"})
        assert result.isError and "999999999" in result.content[0].text, result

    async def tells_progress() -> None:
        heard = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            heard.append((progress, total))

        arguments = {"pages": 3, "page_ms": 120}
        await session.call_tool("shelf_read_aloud", arguments, progress_callback=hear)
        assert heard == [(1, 3), (2, 3), (3, 3)], heard

    async def gives_up() -> None:
        arguments = {"pages": 100, "page_ms": 200}
        try:
            limit = timedelta(seconds=1)
            await session.call_tool("shelf_read_aloud", arguments, read_timeout_seconds=limit)
        except McpError as error:
            assert error.error.code == 408, error.error
        else:
            raise AssertionError("no time-out")
        # The connection is as good as before.
        await call("stores_list")

    async def confirms() -> None:
        await call("changes_set", key="old", value="here")
        refused = await session.call_tool("changes_erase", {"key": "old"})
        assert refused.isError and "dry_run" in refused.content[0].text, refused
        preview = await call("changes_erase", key="old", dry_run=True)
        erased = await call("changes_erase", key="old", confirm_token=preview["confirm_token"])
        assert erased["erased"] is True, erased

    async def reads() -> None:
        listed = (await session.list_resources()).resources
        assert "shelf://about" in {str(resource.uri) for resource in listed}
        read = await session.read_resource(AnyUrl("shelf://books/Emma/7"))
        assert "Page 7 of Emma" in read.contents[0].text, read

    async def prompts() -> None:
        prompt = await session.get_prompt("shelf_recommend", {"topic": "bees"})
        assert "bees" in prompt.messages[0].content.text, prompt

    await that("mcp 1.30: the handshake", greets)
    await that("mcp 1.30: list", lists)
    await that("mcp 1.30: call and page", pages)
    await that("mcp 1.30: error", errs)
    await that("mcp 1.30: progress", tells_progress)
    await that("mcp 1.30: cancel", gives_up)
    await that("mcp 1.30: confirm", confirms)
    await that("mcp 1.30: resources", reads)
    await that("mcp 1.30: prompts", prompts)


async def main() -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        streamablehttp_client(URL, headers=headers) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await talk(session)
    finish()


asyncio.run(main())
