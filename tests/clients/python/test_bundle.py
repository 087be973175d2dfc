"""A merchant with a desktop client: the bundle installed into an empty home, started as its manifest says."""

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from checks import Checks, contains
from conversation import Conversation
from installation import Sandbox, Store, patient, simulator
from mcp import Client, StdioServerParameters, stdio_client

BUNDLE = os.environ["ORDERDESK_TEST_BUNDLE"]

# All of it; nothing is measured by this.
LIMIT_SECONDS = 300


@contextmanager
def installed() -> Iterator[Path]:
    """The bundle unpacked as a client unpacks it, with the rights that its entries have."""
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder, zipfile.ZipFile(BUNDLE) as archive:
        for entry in archive.infolist():
            file = Path(archive.extract(entry, folder))
            file.chmod(entry.external_attr >> 16 & 0o777)
        config = Path(folder) / "orderdesk.toml"
        config.write_text(patient(config.read_text()))
        yield Path(folder)


def started_as_the_manifest_says(
    folder: Path, home: Path, sandbox: Sandbox, answers: dict[str, str]
) -> StdioServerParameters:
    """The command line and the variables of the manifest, filled in by a client for a person who gave these answers."""
    manifest = json.loads((folder / "manifest.json").read_text())
    fields = {name: field.get("default") for name, field in manifest["user_config"].items()} | answers
    filled = {"${__dirname}": str(folder)} | {f"${{user_config.{name}}}": value for name, value in fields.items()}

    def fill_in(text: str) -> str:
        for variable, value in filled.items():
            text = text.replace(variable, value)
        assert "${" not in text, text
        return text

    how = manifest["server"]["mcp_config"]
    # Of the system nothing but a home; the sandbox stands in for Order Desk.
    given = {"HOME": str(home), "PATH": "/usr/bin:/bin", "ORDERDESK_BASE_URL": sandbox.base_url}
    return StdioServerParameters(
        command=fill_in(how["command"]),
        args=[fill_in(argument) for argument in how["args"]],
        cwd=home,
        env=given | {name: fill_in(value) for name, value in how["env"].items()},
    )


async def with_a_store(checks: Checks, folder: Path, home: Path, sandbox: Sandbox) -> None:
    """Both fields are filled in."""
    store = sandbox.stores[0]
    answers = {"store_id": store.id, "api_key": store.key}
    parameters = started_as_the_manifest_says(folder, home, sandbox, answers)
    with (home / "client.log").open("w") as log:
        async with Client(stdio_client(parameters, errlog=log)) as client:
            conversation = Conversation(checks, "bundle", client, store)
            await conversation.lists_tools()
            await conversation.reads_orders()
            await conversation.never_hears_the_key()


async def without_a_store(checks: Checks, folder: Path, home: Path, sandbox: Sandbox) -> None:
    """Both fields stay empty, and the person is sent to a page."""
    store: Store = sandbox.stores[0]
    parameters = started_as_the_manifest_says(folder, home, sandbox, {})
    with (home / "client.log").open("w") as log:
        async with Client(stdio_client(parameters, errlog=log)) as client:
            conversation = Conversation(checks, "bundle, no store", client, store)
            with checks.that("bundle, no store: a read says that a store has to be registered first"):
                contains(await conversation.fail("orders_list"), "stores_register")
            with checks.that("bundle, no store: the API key is asked for on a page of this machine"):
                answer = await client.call_tool("stores_register", {"store_id": store.id})
                contains(answer.model_dump_json(), "http://127.0.0.1:")


async def main() -> None:
    checks = Checks()
    with anyio.fail_after(LIMIT_SECONDS), simulator() as sandbox, installed() as folder:
        for what in (with_a_store, without_a_store):
            with tempfile.TemporaryDirectory(prefix="home-") as home:
                with (
                    checks.explained_by(Path(home) / "client.log"),
                    checks.that(f"bundle: {what.__doc__} The conversation comes to its end."),
                ):
                    await what(checks, folder, Path(home), sandbox)
    checks.finish()


anyio.run(main)
