"""Every other client that people use, each in a process and an environment of its own, against one server: the older Python
client, fastmcp, both TypeScript clients, and the Inspector, over HTTP in both eras and over stdio.

Run by `cargo xtask test --all`, which prepares the environments and names them here in variables.
"""

import json
import os
import shlex
import subprocess
from pathlib import Path

from checks import Checks, contains, equal
from installation import SERVER, Installation, Store, clean_environment, installation, simulator

HERE = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 240

OLD_PYTHON = os.environ["CLIENTS_PYTHON_MCP_1"]
FASTMCP_PYTHON = os.environ["CLIENTS_PYTHON_FASTMCP"]
NODE = os.environ["CLIENTS_NODE"]
NODE_FOLDER = Path(os.environ["CLIENTS_NODE_FOLDER"])
INSPECTOR = NODE_FOLDER / "node_modules/@modelcontextprotocol/inspector"


def says(checks: Checks, name: str, command: list[str], environment: dict[str, str]) -> None:
    """Runs a script of another language or environment and takes over its checks."""
    ended = subprocess.run(
        command,
        env={**clean_environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    plan = None
    made = 0
    for line in ended.stdout.splitlines():
        good, bad = line.startswith("ok "), line.startswith("not ok ")
        if good or bad:
            made += 1
            checks.made += 1
            checks.failed += bad
            print(f"{'ok' if good else 'not ok'} {checks.made} - {line.split(' - ', 1)[1]}")
        elif line.startswith("1.."):
            plan = int(line[3:])
        else:
            print(line if line.startswith("#") else f"# {line}")
    with checks.that(f"{name}: the conversation comes to its end"):
        equal(plan, made)


def inspects(checks: Checks, server: Installation, url: str, key: str, store: Store) -> None:
    """The Inspector's command line: both eras over HTTP, and stdio."""
    program = [NODE, str(INSPECTOR / json.loads((INSPECTOR / "package.json").read_text())["bin"]["mcp-inspector"])]
    http = [url, "--transport", "http", "--header", f"Authorization: Bearer {key}"]
    # The Inspector takes a `--config` for its own, wherever it stands: the server's command line is a script.
    script = server.data_directory / "stdio.sh"
    # Nor does it pass its own environment on.
    variables = {"ORDERDESK_BASE_URL": server.base_url, "ORDERDESK_MCP_MASTER_KEY": key}
    lines = ["#!/bin/sh", *(f"export {name}={shlex.quote(value)}" for name, value in variables.items())]
    script.write_text("\n".join([*lines, f"exec {shlex.join([SERVER, *server.arguments('stdio')])}", ""]))
    script.chmod(0o700)
    stdio = [str(script)]

    def run(label: str, target: list[str], era: str, *arguments: str, expected: int = 0) -> str:
        command = [*program, "--cli", *target, "--protocol-era", era, "--format", "json", *arguments]
        ended = subprocess.run(
            command,
            env={**server.environment(), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert ended.returncode == expected, f"{label}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    for label, target, era in [
        ("inspector legacy", http, "legacy"),
        ("inspector modern", http, "modern"),
        ("inspector stdio", stdio, "legacy"),
    ]:
        with checks.that(f"{label}: list, with nothing that other clients would refuse"):
            contains(run(label, target, era, "--method", "tools/list", "--strict"), "orders_list")
        with checks.that(f"{label}: call"):
            arguments = ["--method", "tools/call", "--tool-name", "orders_list", "--tool-args-json", '{"limit": 2}']
            contains(run(label, target, era, *arguments), "next_cursor")
        with checks.that(f"{label}: error"):
            arguments = ["--tool-name", "orders_get", "--tool-args-json", '{"order_id": "999999999"}']
            run(label, target, era, "--method", "tools/call", *arguments, expected=5)
        with checks.that(f"{label}: resources"):
            arguments = ["--method", "resources/read", "--uri", "shelf://about"]
            contains(run(label, target, era, *arguments), "Three books")
        with checks.that(f"{label}: prompts"):
            contains(run(label, target, era, "--method", "prompts/list"), "shelf_recommend")


def main() -> None:
    checks = Checks()
    with simulator() as sandbox, installation(sandbox.base_url, guests=("changes", "shelf")) as server:
        store = sandbox.stores[0]
        with server.serve() as url, checks.explained_by(server.log):
            others = HERE / "others"
            for name, command in {
                "mcp 1.30": [OLD_PYTHON, "-B", str(others / "mcp_1.py")],
                "fastmcp": [FASTMCP_PYTHON, "-B", str(others / "fastmcp_4.py")],
                "ts client": [NODE, str(NODE_FOLDER / "client_2.mjs")],
                "ts sdk 1": [NODE, str(NODE_FOLDER / "sdk_1.mjs")],
            }.items():
                key = server.create_tenant(name)
                environment = {"URL": url, "KEY": key, "STORE": store.id, "STORE_KEY": store.key}
                says(checks, name, command, environment)
            inspects(checks, server, url, key, store)
    checks.finish()


main()
