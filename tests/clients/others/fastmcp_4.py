"""The client of fastmcp."""

import asyncio
import os

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from said import finish, that

URL, KEY, STORE, STORE_KEY = (os.environ[name] for name in ("URL", "KEY", "STORE", "STORE_KEY"))


async def agrees(message, response_type, params, context):
    """Whoever is asked says yes."""
    return {"confirm": True}


async def talk(client: Client) -> None:
    async def call(tool: str, **arguments) -> dict:
        return (await client.call_tool(tool, arguments)).structured_content

    async def lists() -> None:
        names = {tool.name for tool in await client.list_tools()}
        assert {"orders_list", "changes_erase", "shelf_read_aloud"} <= names, names

    async def pages() -> None:
        await call("stores_register", store_id=STORE, api_key=STORE_KEY)
        first = await call("orders_list", limit=2)
        second = await call("orders_list", limit=2, cursor=first["next_cursor"])
        seen = {order["id"] for order in first["orders"]}
        assert seen.isdisjoint(order["id"] for order in second["orders"])

    async def errs() -> None:
        try:
            await client.call_tool("orders_get", {"order_id": "999999999"})
        except ToolError as error:
            assert "999999999" in str(error), error
        else:
            raise AssertionError("no error")

    async def tells_progress() -> None:
        heard = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            heard.append((progress, total))

        arguments = {"pages": 3, "page_ms": 120}
        await client.call_tool("shelf_read_aloud", arguments, progress_handler=hear)
        assert heard == [(1, 3), (2, 3), (3, 3)], heard

    async def gives_up() -> None:
        long = client.call_tool("shelf_read_aloud", {"pages": 100, "page_ms": 200})
        try:
            await asyncio.wait_for(long, timeout=1)
        except TimeoutError:
            pass
        else:
            raise AssertionError("no time-out")
        await call("stores_list")

    async def confirms() -> None:
        await call("changes_set", key="fast", value="here")
        preview = await call("changes_erase", key="fast", dry_run=True)
        erased = await call("changes_erase", key="fast", confirm_token=preview["confirm_token"])
        assert erased["erased"] is True, erased

    async def reads() -> None:
        listed = {str(resource.uri) for resource in await client.list_resources()}
        assert "shelf://about" in listed, listed
        read = await client.read_resource("shelf://books/Emma/7")
        assert "Page 7 of Emma" in read[0].text, read

    async def prompts() -> None:
        prompt = await client.get_prompt("shelf_recommend", {"topic": "bees"})
        assert "bees" in prompt.messages[0].content.text, prompt

    await that("fastmcp: list", lists)
    await that("fastmcp: call and page", pages)
    await that("fastmcp: error", errs)
    await that("fastmcp: progress", tells_progress)
    await that("fastmcp: cancel", gives_up)
    await that("fastmcp: confirm", confirms)
    await that("fastmcp: resources", reads)
    await that("fastmcp: prompts", prompts)


async def main() -> None:
    transport = StreamableHttpTransport(URL, headers={"Authorization": f"Bearer {KEY}"})
    async with Client(transport) as client:
        await talk(client)
    finish()


asyncio.run(main())
