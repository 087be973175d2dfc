"""The real programs, started for a test: the simulator, and the server with a fresh data directory."""

import json
import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER = os.environ["ORDERDESK_MCP_BIN"]
SIMULATOR = os.environ["ORDERDESK_SIM_BIN"]
CONFIG = os.environ["ORDERDESK_CONFIG"]

# A debug build compiles the plugins at the first start; nothing is measured by this.
READY_SECONDS = 120.0


def clean_environment() -> dict[str, str]:
    """Our environment without anything that is meant for Order Desk or the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ORDERDESK_")}


@dataclass
class Store:
    """A store of the simulator."""

    id: str
    key: str
    name: str


@dataclass
class Sandbox:
    """A running simulator."""

    base_url: str
    stores: list[Store]


@contextmanager
def simulator() -> Iterator[Sandbox]:
    """Runs a simulator until the block ends."""
    process = subprocess.Popen(
        [SIMULATOR, "--json"], env=clean_environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        stores = [Store(store["id"], store["key"], store["name"]) for store in ready["stores"]]
        yield Sandbox(ready["base_url"], stores)
    finally:
        stop(process)


def stop(process: subprocess.Popen) -> int:
    """Asks a program to end and answers its exit code; one that does not is killed."""
    process.terminate()
    try:
        return process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@dataclass
class Installation:
    """The server's program with a data directory and an Order Desk to speak to."""

    data_directory: Path
    base_url: str
    config: str

    @property
    def log(self) -> Path:
        """What the server that runs now, or ran last, wrote to its log."""
        return self.data_directory / "server.log"

    def arguments(self, *command: str) -> list[str]:
        """A command line of the server, without the program."""
        return [*command, "--config", self.config, "--data-dir", str(self.data_directory)]

    def environment(self, **more: str) -> dict[str, str]:
        """What the server is started with."""
        return {**clean_environment(), "ORDERDESK_BASE_URL": self.base_url, **more}

    def create_tenant(self, name: str) -> str:
        """Makes a tenant; answers its master key."""
        output = subprocess.run(
            [SERVER, *self.arguments("tenants", "create", "--name", name, "--json")],
            env=self.environment(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        return json.loads(output)["master_key"]

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serves over HTTP until the block ends; gives the URL of the MCP endpoint."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                [SERVER, *self.arguments("serve", "--listen", address)],
                env=self.environment(),
                stdout=output,
                stderr=output,
            )
        try:
            wait_until_ready(f"http://{address}/health/ready", process, self.log)
            yield f"http://{address}/mcp"
        finally:
            stop(process)


def wait_until_ready(url: str, process: subprocess.Popen, log: Path) -> None:
    """Asks until the server answers 200; fails with its log if it ends instead."""
    # Local servers are reached directly, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None:
                raise RuntimeError(f"the server ended: {log.read_text()[-4000:]}") from error
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready: {error}; {log.read_text()[-4000:]}") from error
            time.sleep(0.05)


# Prefixes of the guests whose tools do not all begin with the guest's name.
PREFIXES = {"changes": '["changes_", "relay_"]'}


def patient(config: str) -> str:
    """A configuration by which a first list waits for the plugins however slow this machine compiles them."""
    config, times = re.subn(
        r'^list_wait = "[^"]*"', f'list_wait = "{READY_SECONDS:.0f}s"', config, flags=re.MULTILINE
    )
    assert times == 1, "the configuration has no list_wait"
    return config


@contextmanager
def installation(
    base_url: str, guests: tuple[str, ...] = (), lines: dict[str, str] | None = None, mcp: str = ""
) -> Iterator[Installation]:
    """An installation with a fresh data directory, gone when the block ends.

    Beside the plugins that ship it has these guests, each with its `lines` under its table; `mcp` are lines under [mcp].
    """
    with tempfile.TemporaryDirectory(prefix="orderdesk-mcp-") as folder:
        # The file names its components by paths that start at its folder.
        (Path(folder) / "plugins").symlink_to(Path(CONFIG).parent / "plugins")
        config = patient(Path(CONFIG).read_text())
        config, times = re.subn(r"^\[mcp\]$", lambda table: f"{table.group()}\n{mcp}", config, flags=re.MULTILINE)
        assert times == 1, f"{CONFIG} has no [mcp]"
        for guest in guests:
            source = Path(os.environ["ORDERDESK_GUESTS_DIR"]) / f"guest-{guest}.wasm"
            config += f"\n[plugins.{guest}]\nsource = {json.dumps(str(source))}\n"
            if guest in PREFIXES:
                config += f"prefixes = {PREFIXES[guest]}\n"
            config += (lines or {}).get(guest, "")
        file = Path(folder) / "orderdesk.toml"
        file.write_text(config)
        yield Installation(Path(folder), base_url, str(file))
