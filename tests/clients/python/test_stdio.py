"""The official Python client over stdio, in each of its modes, and what exactly stands on stdout."""

import json
import subprocess
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from checks import Checks, contains, equal
from conversation import MODERN, REVISIONS, Conversation
from installation import SERVER, Installation, Sandbox, installation, simulator
from mcp import Client, StdioServerParameters, stdio_client

# All of it; nothing is measured by this.
LIMIT_SECONDS = 300

# A server that neither answers nor ends by then is stuck.
STUCK_SECONDS = 120


@asynccontextmanager
async def connected(
    server: Installation, parameters: StdioServerParameters, mode: str
) -> AsyncIterator[Client]:
    """A client of a server that is started for it and logs where `server.log` is."""
    with server.log.open("w") as log:
        async with Client(stdio_client(parameters, errlog=log), mode=mode) as client:
            yield client


async def converse(checks: Checks, mode: str, server: Installation, sandbox: Sandbox) -> None:
    """One person with one store: no access key, the store from the environment."""
    store = sandbox.stores[0]
    parameters = StdioServerParameters(
        command=SERVER,
        args=server.arguments("stdio"),
        env=server.environment(ORDERDESK_STORE_ID=store.id, ORDERDESK_API_KEY=store.key),
    )
    async with connected(server, parameters, mode) as client:
        conversation = Conversation(checks, f"stdio {mode}", client, store)
        await conversation.agrees_on_a_revision(mode)
        await conversation.lists_tools()
        await conversation.reads_orders()
        await conversation.reads_resources()
        await conversation.makes_mistakes()
        await conversation.never_hears_the_key()


async def converse_with_a_key(checks: Checks, server: Installation, sandbox: Sandbox) -> None:
    """A tenant of this installation, by the key in the environment."""
    parameters = StdioServerParameters(
        command=SERVER,
        args=server.arguments("stdio"),
        env=server.environment(ORDERDESK_MCP_MASTER_KEY=server.create_tenant("python-stdio")),
    )
    async with connected(server, parameters, "auto") as client:
        conversation = Conversation(checks, "stdio with a key", client, sandbox.stores[0])
        await conversation.registers_the_store()
        await conversation.reads_orders()
        await conversation.reads_resources()
        await conversation.never_hears_the_key()


class Raw:
    """The server's pipes, without a client between."""

    def __init__(self, server: Installation) -> None:
        self.process = subprocess.Popen(
            [SERVER, *server.arguments("stdio")],
            env=server.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.watchdog = threading.Timer(STUCK_SECONDS, self.process.kill)
        self.watchdog.start()
        # A full pipe would stop the server, so its log is read all the while.
        self.log: list[str] = []
        self.reader = threading.Thread(target=self.log.extend, args=(self.process.stderr,))
        self.reader.start()

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def request(self, identifier: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Sends a request; answers the response to it."""
        self.send(json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}))
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            message = json.loads(line)
            if message.get("id") == identifier:
                return message
        raise AssertionError(f"no answer to {method}; the log: {''.join(self.log)[-2000:]}")

    def close(self) -> int:
        """Closes stdin, reads what is left, answers the exit code."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.lines.extend(self.process.stdout)
        code = self.process.wait()
        self.watchdog.cancel()
        self.reader.join()
        return code

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.watchdog.cancel()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def check_output(checks: Checks, era: str, raw: Raw) -> None:
    """The end of a conversation, and all that stood on stdout."""
    with checks.that(f"stdio {era}: the server ends by itself, with success, when stdin does"):
        equal(raw.close(), 0)
    with checks.that(f"stdio {era}: every line of stdout is one JSON-RPC message"):
        assert raw.lines
        for line in raw.lines:
            assert line.endswith("\n"), f"not a whole line: {line!r}"
            message = json.loads(line)
            equal(message["jsonrpc"], "2.0")
            assert "method" in message or "result" in message or "error" in message, line


def speak_the_handshake(checks: Checks, server: Installation) -> None:
    """A legacy client, line by line."""
    with Raw(server) as raw:
        with checks.that("stdio handshake: initialize, tools/list, an unknown tool, a line of noise"):
            hello = {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "raw", "version": "0"},
            }
            equal(raw.request(1, "initialize", hello)["result"]["protocolVersion"], "2025-06-18")
            raw.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            assert raw.request(2, "tools/list", {})["result"]["tools"]
            error = raw.request(3, "tools/call", {"name": "nope", "arguments": {}})["error"]
            contains(error["message"], "nope")
            raw.send('{"jsonrpc": "2.0", "id": 4, ')
            assert raw.request(5, "tools/list", {})["result"]["tools"]
        check_output(checks, "handshake", raw)


def speak_without_a_handshake(checks: Checks, server: Installation) -> None:
    """A client of the stateless revision, line by line."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    with Raw(server) as raw:
        with checks.that("stdio stateless: discover, tools/list, a refused argument"):
            found = raw.request(1, "server/discover", {"_meta": meta})["result"]
            assert MODERN in found["supportedVersions"], found
            listed = raw.request(2, "tools/list", {"_meta": meta})["result"]
            assert listed["tools"]
            equal(listed["cacheScope"], "private")
            call = {"name": "orders_list", "arguments": {"nope": 1}, "_meta": meta}
            refused = raw.request(3, "tools/call", call)["result"]
            equal(refused["isError"], True)
            contains(refused["content"][0]["text"], "nope")
        check_output(checks, "stateless", raw)


async def main() -> None:
    checks = Checks()
    with anyio.fail_after(LIMIT_SECONDS), simulator() as sandbox:
        with installation(sandbox.base_url) as server:
            for mode in REVISIONS:
                with (
                    checks.explained_by(server.log),
                    checks.that(f"stdio {mode}: the conversation comes to its end"),
                ):
                    await converse(checks, mode, server, sandbox)
            with (
                checks.explained_by(server.log),
                checks.that("stdio with a key: the conversation comes to its end"),
            ):
                await converse_with_a_key(checks, server, sandbox)
            speak_the_handshake(checks, server)
            speak_without_a_handshake(checks, server)
    checks.finish()


anyio.run(main)
