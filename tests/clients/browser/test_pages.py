"""The pages at which people enter secrets, in a real browser that runs no JavaScript."""

import json
import os
import re
import urllib.request
from typing import Any

from checks import Checks, equal
from installation import installation, simulator
from playwright.sync_api import Browser, Page, sync_playwright

EXECUTABLE = os.environ["ORDERDESK_TEST_BROWSER"]
# Where its libraries were unpacked, if it is not installed.
LIBRARIES = os.environ.get("ORDERDESK_TEST_BROWSER_LIBRARIES", "")


def call(url: str, key: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Calls a tool as a client that can open no pages."""
    params = {
        "name": tool,
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return json.load(response)["result"]


def link_to_a_page(answer: dict[str, Any]) -> str:
    """The link in a tool's words."""
    found = re.search(r"http://\S+/person/\S+", answer["content"][0]["text"])
    assert found, answer
    return found.group()


def new_page(browser: Browser, complaints: list[str]) -> Page:
    """A page without JavaScript, which tells what it does not like."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    return page


def try_the_page(checks: Checks, browser: Browser, url: str, key: str, store: Any) -> None:
    """From the agent's call to the store that is registered."""
    complaints: list[str] = []
    page = new_page(browser, complaints)
    arguments = {"store_id": store.id}
    link = link_to_a_page(call(url, key, "stores_register", arguments))
    with checks.that("the first step asks for an access key, by its label"):
        page.goto(link)
        equal(page.get_by_role("heading", level=1).inner_text(), "Enter a secret")
        field = page.get_by_label("Your access key for this server")
        equal(field.get_attribute("type"), "password")
        equal(field.get_attribute("autocomplete"), "off")
    with checks.that("a wrong key is refused in words, and the form is still there"):
        page.get_by_label("Your access key for this server").fill("odm_wrong")
        page.get_by_role("button", name="Continue").click()
        assert "4 more attempts" in page.get_by_role("alert").inner_text()
    with checks.that("the right key leads to what would be done"):
        page.get_by_label("Your access key for this server").fill(key)
        page.get_by_role("button", name="Continue").click()
        equal(page.get_by_role("heading", level=1).inner_text(), "Register a store")
        assert "stores_register" in page.content() and store.id in page.content()
        equal(page.url, link)
    with checks.that("reloading sends nothing again"):
        page.reload()
        equal(page.get_by_role("heading", level=1).inner_text(), "Register a store")
    with checks.that("a wrong API key can be corrected on the page"):
        page.get_by_label("api_key").fill("wrong-key-wrong")
        page.get_by_role("button", name="Enter and continue").click()
        assert "refused" in page.get_by_role("alert").inner_text()
        equal(page.get_by_label("api_key").input_value(), "")
    with checks.that("the right one registers the store"):
        page.get_by_label("api_key").fill(store.key)
        page.get_by_role("button", name="Enter and continue").click()
        equal(page.get_by_role("heading", level=1).inner_text(), "Done")
        assert "is registered" in page.get_by_role("status").inner_text()
        equal(page.context.cookies(), [])
    with checks.that("the agent hears of it"):
        told = call(url, key, "stores_register", arguments)
        equal(told["structuredContent"]["store"]["store_id"], store.id)
    with checks.that("the style is applied, and nothing was blocked or missing"):
        width = page.locator("main").bounding_box()
        assert width and width["width"] <= 44 * 16, width
        # Every browser looks for an icon; there is none, and the policy says so.
        equal([told for told in complaints if "favicon" not in told and "status of 4" not in told], [])
    with checks.that("the link is used"):
        page.goto(link)
        equal(page.get_by_role("heading", level=1).inner_text(), "This link was used")


def main() -> None:
    checks = Checks()
    environment = {**os.environ}
    if LIBRARIES:
        environment["LD_LIBRARY_PATH"] = LIBRARIES
    with simulator() as sandbox, installation(sandbox.base_url) as server, server.serve() as url:
        with sync_playwright() as playwright, checks.explained_by(server.log):
            # A container's own user is root, where the browser's sandbox does not work; it opens our pages only.
            browser = playwright.chromium.launch(
                executable_path=EXECUTABLE, args=["--no-sandbox"], env=environment
            )
            with checks.that("the page works from the first step to the last"):
                key = server.create_tenant("browser")
                try_the_page(checks, browser, url, key, sandbox.stores[0])
            browser.close()
    checks.finish()


main()
