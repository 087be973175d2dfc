"""What a client does with the server, whatever lies between them."""

import json
from typing import Any

import anyio
from checks import Checks, contains, equal
from installation import Store
from mcp import Client, MCPError
from mcp.types import CallToolResult, ResourceTemplateReference

MODERN = "2026-07-28"
HANDSHAKE = "2025-11-25"

# How each mode of the client agrees on a revision with a server that speaks both eras.
REVISIONS = {"auto": MODERN, MODERN: MODERN, "legacy": HANDSHAKE}

# What is listed at least; the default set grows.
TOOLS = {
    "tenant_use_master_key",
    "stores_register",
    "stores_list",
    "stores_use_store",
    "stores_delete",
    "stores_resolve",
    "stores_folders",
    "orders_list",
    "orders_get",
    "products_list",
    "products_get",
}

TEMPLATES = {"orderdesk://{store}/orders/{id}", "orderdesk://{store}/folders", "orderdesk://{store}/products/{code}"}
PROMPTS = {"orders_today", "orders_hold_bad_addresses", "orders_ship_list", "orders_why_late"}

INVALID_PARAMS = -32602
RESOURCE_NOT_FOUND = -32002


class Conversation:
    """A connected client, the checks that it makes, and all it has been told so far."""

    def __init__(
        self, checks: Checks, label: str, client: Client, store: Store, asked: list[str] | None = None
    ) -> None:
        # What the person behind the client was asked; none if nobody can be asked.
        self.asked = asked
        self.checks = checks
        self.label = label
        self.client = client
        self.store = store
        self.heard: list[str] = []

    def that(self, what: str):
        """A check, told apart by how this client is connected."""
        return self.checks.that(f"{self.label}: {what}")

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """Calls a tool; keeps what came back."""
        result = await self.client.call_tool(tool, arguments)
        self.heard.append(result.model_dump_json())
        return result

    async def succeed(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Calls a tool that must not fail; answers its structured content, which stands in the text, too."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert isinstance(result.structured_content, dict), result
        equal(with_objects(json.loads(text_of(result))), result.structured_content)
        return result.structured_content

    async def fail(self, tool: str, **arguments: Any) -> str:
        """Calls a tool that must answer an error for the model; answers its text."""
        result = await self.call(tool, **arguments)
        assert result.is_error, f"no error: {text_of(result)}"
        return text_of(result)

    async def agrees_on_a_revision(self, mode: str) -> None:
        """The handshake, or its absence."""
        with self.that("the revision is the newest that both sides speak"):
            equal(self.client.protocol_version, REVISIONS[mode])
        if mode != MODERN:  # a pinned client does not ask who answers
            with self.that("the server says who it is and that it has tools"):
                assert self.client.server_info is not None
                equal(self.client.server_info.name, "orderdesk-mcp")
                assert self.client.server_capabilities.tools is not None

    async def lists_tools(self) -> None:
        """`tools/list`."""
        tools = (await self.client.list_tools(cache_mode="refresh")).tools
        names = [tool.name for tool in tools]
        with self.that("every expected tool is listed, once"):
            equal(sorted(TOOLS - set(names)), [])
            equal(len(names), len(set(names)))
        with self.that("names are in snake_case; dotted ones are never listed"):
            equal([name for name in names if not name.replace("_", "").isalnum()], [])
        with self.that("every tool is described, takes an object and states its hints"):
            for tool in tools:
                assert tool.description, tool.name
                equal(tool.input_schema.get("type"), "object")
                assert tool.annotations is not None, tool.name
                assert tool.annotations.read_only_hint is not None, tool.name
        with self.that("the list is the same each time"):
            again = (await self.client.list_tools(cache_mode="refresh")).tools
            equal([tool.name for tool in again], names)

    async def registers_the_store(self) -> None:
        """`stores_register`, with the key as an argument."""
        with self.that("stores_register verifies and keeps a store"):
            answer = await self.succeed(
                "stores_register", store_id=self.store.id, api_key=self.store.key, label="from Python"
            )
            equal(answer["store"]["store_id"], self.store.id)

    async def reads_orders(self) -> None:
        """The read tools."""
        with self.that("stores_list names the store"):
            stores = (await self.succeed("stores_list"))["stores"]
            equal([store["store_id"] for store in stores], [self.store.id])
        with self.that("orders_list answers as many as asked for, with the total and the store"):
            page = await self.succeed("orders_list", limit=2)
            equal(len(page["orders"]), 2)
            equal(page["returned"], 2)
            assert page["total"] > 2, page["total"]
            equal(page["store"]["store_id"], self.store.id)
        with self.that("next_cursor leads to other orders"):
            rest = await self.succeed("orders_list", limit=2, cursor=page["next_cursor"])
            seen = {order["id"] for order in page["orders"]}
            assert seen.isdisjoint(order["id"] for order in rest["orders"]), rest
        with self.that("orders_get answers that order, then from the cache"):
            order_id = page["orders"][0]["id"]
            first = await self.succeed("orders_get", order_id=order_id)
            equal(str(first["order"]["id"]), str(order_id))
            again = await self.succeed("orders_get", order_id=int(order_id))
            equal(again["cached"], True)
            equal(again["order"], first["order"])
        with self.that("a dotted name is understood"):
            dotted = await self.succeed("orders.get", order_id=order_id)
            equal(dotted["order"]["id"], first["order"]["id"])

    async def reads_resources(self) -> None:
        """Resources, prompts and completion."""
        client, store = self.client, self.store
        with self.that("resources and templates are listed"):
            resources = (await client.list_resources()).resources
            assert "orderdesk://stores" in {str(resource.uri) for resource in resources}, resources
            templates = (await client.list_resource_templates()).resource_templates
            listed = {template.uri_template for template in templates}
            equal(sorted(TEMPLATES - listed), [])
        with self.that("an order that a completion offers is read as JSON"):
            order = ResourceTemplateReference(type="ref/resource", uri="orderdesk://{store}/orders/{id}")
            ids = (await client.complete(order, {"name": "id", "value": ""}, {"store": store.id})).completion
            uri = f"orderdesk://{store.id}/orders/{ids.values[0]}"
            read = (await client.read_resource(uri)).contents[0]
            self.heard.append(read.model_dump_json())
            equal(read.mime_type, "application/json")
            equal(json.loads(read.text)["order"]["id"], ids.values[0])
        with self.that("a prompt names the order and links to it"):
            equal(sorted(PROMPTS - {prompt.name for prompt in (await client.list_prompts()).prompts}), [])
            prompt = await client.get_prompt("orders_why_late", {"order_id": ids.values[0], "store": store.id})
            contains(prompt.messages[0].content.text, ids.values[0])
            equal(str(prompt.messages[1].content.uri), uri)
        with self.that("a resource that is not there is an error, not an empty one"):
            try:
                await client.read_resource(f"orderdesk://{store.id}/orders/999999999")
            except MCPError as error:
                equal(error.code, INVALID_PARAMS if client.protocol_version == MODERN else RESOURCE_NOT_FOUND)
            else:
                raise AssertionError("no error")

    async def works_for_long(self) -> None:
        """Progress, giving up, and confirming: with the guests `shelf` and `changes`."""
        client = self.client
        with self.that("progress is told with its total"):
            heard: list[tuple[float, float | None]] = []

            async def hear(progress: float, total: float | None, message: str | None) -> None:
                heard.append((progress, total))

            arguments = {"pages": 3, "page_ms": 120}
            await client.call_tool("shelf_read_aloud", arguments, progress_callback=hear)
            equal(heard, [(1, 3), (2, 3), (3, 3)])
        with self.that("a call that is given up leaves the connection as it was"):
            with anyio.move_on_after(1) as limit:
                await client.call_tool("shelf_read_aloud", {"pages": 100, "page_ms": 200})
            assert limit.cancelled_caught
            await self.succeed("stores_list")
        with self.that("who can be asked is asked, and others confirm with a token"):
            await self.succeed("changes_set", key=self.label, value="here")
            if self.asked is None:
                contains(await self.fail("changes_erase", key=self.label), "dry_run")
                preview = await self.succeed("changes_erase", key=self.label, dry_run=True)
                token = preview["confirm_token"]
                erased = await self.succeed("changes_erase", key=self.label, confirm_token=token)
            else:
                erased = await self.succeed("changes_erase", key=self.label)
                equal(len(self.asked), 1)
            equal(erased["erased"], True)

    async def listens(self) -> None:
        """`subscriptions/listen`, which the new era has."""
        with self.that("it listens, and stops"):
            async with self.client.listen(tools_list_changed=True):
                pass

    async def makes_mistakes(self) -> None:
        """Errors that a model can repair, and one that it cannot."""
        with self.that("an unknown argument is refused by its name"):
            contains(await self.fail("orders_list", custmer_email="a@example.com"), "custmer_email")
        with self.that("a value out of range is refused with its argument"):
            contains(await self.fail("orders_list", limit=100_000), "limit")
        with self.that("a missing argument is refused by its name"):
            contains(await self.fail("orders_get"), "order_id")
        with self.that("an order that is not there is an error about that order"):
            contains(await self.fail("orders_get", order_id="999999999"), "999999999")
        with self.that("an unknown tool is a protocol error that names it"):
            try:
                await self.client.call_tool("orders_gte", {})
            except MCPError as error:
                equal(error.code, INVALID_PARAMS)
                contains(error.message, "orders_gte")
            else:
                raise AssertionError("no error")

    async def never_hears_the_key(self) -> None:
        """No answer so far held the store's API key."""
        with self.that("no answer holds the store's API key"):
            assert self.heard
            assert not any(self.store.key in answer for answer in self.heard)


def with_objects(told: dict[str, Any]) -> dict[str, Any]:
    """What a text says, with its tables as the structured result has them: each row an object with the names of its fields."""
    return {name: objects_of(value) if is_table(value) else value for name, value in told.items()}


def is_table(value: Any) -> bool:
    """Whether these are rows with the names of their fields written once."""
    return isinstance(value, dict) and value.keys() == {"columns", "rows"}


def objects_of(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows; a field that a row does not have is null in it, or beyond its end."""
    columns = table["columns"]
    return [
        {name: cell for name, cell in zip(columns, row, strict=False) if cell is not None} for row in table["rows"]
    ]


def text_of(result: CallToolResult) -> str:
    """The text of a result."""
    return "".join(block.text for block in result.content if block.type == "text")
