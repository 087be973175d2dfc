"""The pages at which people enter secrets, confirm and agree, in a real browser; where not said otherwise, without JavaScript."""

import json
import os
import re
import sqlite3
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from checks import Checks, contains, equal
from installation import SERVER, Installation, Store, installation, simulator, stop
from playwright.sync_api import Browser, Page, sync_playwright

EXECUTABLE = os.environ["ORDERDESK_TEST_BROWSER"]
# Where its libraries were unpacked, if it is not installed.
LIBRARIES = os.environ.get("ORDERDESK_TEST_BROWSER_LIBRARIES", "")

ACCESS_KEY = "Your access key for this server"
MASTER_KEY = "The master key of your account"
# A stranger's plugin that asks for what needs the tenant's consent.
STRANGER = """
consent = "tenant"
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]
grants.tools = ["stores_list"]
"""


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
    found = re.search(r"http://\S+/person/[^\s,]+", answer["content"][0]["text"])
    assert found, answer
    return found.group()


class Visitor:
    """A person with a browser of their own, and what the browser did not like."""

    def __init__(self, browser: Browser, java_script: bool = False) -> None:
        self.complaints: list[str] = []
        self.page: Page = browser.new_context(java_script_enabled=java_script).new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))

    def heading(self) -> str:
        """What the page is about."""
        return self.page.get_by_role("heading", level=1).inner_text()

    def alert(self) -> str:
        """What went wrong."""
        return self.page.get_by_role("alert").inner_text()

    def press(self, button: str) -> None:
        """Presses a button by its words."""
        self.page.get_by_role("button", name=button).first.click()

    def give(self, label: str, value: str, button: str) -> None:
        """Fills in a field and sends the form."""
        self.page.get_by_label(label, exact=True).fill(value)
        self.press(button)

    def has_no_complaints(self) -> None:
        """Nothing was blocked, missing or wrong; refused forms are, to a browser, failed loads."""
        # Every browser looks for an icon; there is none, and the policy says so.
        wrong = [told for told in self.complaints if "favicon" not in told and "status of 4" not in told]
        equal(wrong, [])


def enter_a_secret(checks: Checks, browser: Browser, url: str, keys: dict[str, str], store: Store) -> None:
    """From the agent's call to the store that is registered."""
    visitor = Visitor(browser)
    page = visitor.page
    arguments = {"store_id": store.id}
    link = link_to_a_page(call(url, keys["acme"], "stores_register", arguments))
    with checks.that("the first step asks for an access key, by its label"):
        page.goto(link)
        equal(visitor.heading(), "Enter a secret")
        field = page.get_by_label(ACCESS_KEY)
        equal(field.get_attribute("type"), "password")
        equal(field.get_attribute("autocomplete"), "off")
    with checks.that("a wrong key is refused in words, and the form is still there"):
        visitor.give(ACCESS_KEY, "odm_wrong", "Continue")
        contains(visitor.alert(), "4 more attempts")
        equal(page.get_by_label(ACCESS_KEY).input_value(), "")
    with checks.that("another tenant's key is as wrong as one that there is not"):
        wrong = visitor.alert()
        visitor.give(ACCESS_KEY, keys["rival"], "Continue")
        equal(visitor.alert(), wrong.replace("4", "3"))
        assert store.id not in page.content()
    with checks.that("the right key leads to what would be done"):
        visitor.give(ACCESS_KEY, keys["acme"], "Continue")
        equal(visitor.heading(), "Register a store")
        contains(page.content(), "stores_register")
        contains(page.content(), store.id)
        equal(page.url, link)
    with checks.that("reloading sends nothing again"):
        page.reload()
        equal(visitor.heading(), "Register a store")
    with checks.that("cookies are out of reach of scripts and other sites"):
        cookies = page.context.cookies()
        equal(len(cookies), 2)
        for cookie in cookies:
            assert cookie["httpOnly"] and cookie["sameSite"] == "Strict", cookie
            assert cookie["path"] == "/person", cookie
            assert keys["acme"] not in cookie["value"]
    with checks.that("a wrong API key can be corrected on the page"):
        visitor.give("api_key", "wrong-key-wrong", "Enter and continue")
        contains(visitor.alert(), "refused")
        equal(page.get_by_label("api_key").input_value(), "")
    with checks.that("the right one registers the store"):
        visitor.give("api_key", store.key, "Enter and continue")
        equal(visitor.heading(), "Done")
        contains(page.get_by_role("status").inner_text(), "is registered")
        equal(page.context.cookies(), [])
    with checks.that("the style is applied, and nothing was blocked or missing"):
        width = page.locator("main").bounding_box()
        assert width and width["width"] <= 44 * 16, width
        visitor.has_no_complaints()
    with checks.that("the link is used, for whoever comes"):
        for again in (visitor, Visitor(browser)):
            again.page.goto(link)
            equal(again.heading(), "This link was used")
    with checks.that("the agent hears of it"):
        told = call(url, keys["acme"], "stores_register", arguments)
        equal(told["structuredContent"]["store"]["store_id"], store.id)


def come_too_late(checks: Checks, browser: Browser, server: Installation, url: str, key: str) -> None:
    """A link that expires while somebody is at it."""
    visitor = Visitor(browser)
    link = link_to_a_page(call(url, key, "stores_register", {"store_id": "9099"}))
    visitor.page.goto(link)
    with sqlite3.connect(server.data_directory / "orderdesk-mcp.db") as database:
        database.execute("UPDATE one_time_links SET expires_at = 0")
    database.close()
    with checks.that("a link that expired takes no key and says so"):
        visitor.give(ACCESS_KEY, key, "Continue")
        equal(visitor.heading(), "This link has expired")
        visitor.page.goto(link)
        equal(visitor.heading(), "This link has expired")


def confirm(checks: Checks, browser: Browser, url: str, key: str) -> None:
    """A change that waits for a person's yes, and one that needs a secret, too."""
    call(url, key, "changes_set", {"key": "a", "value": "<b>kept</b>"})

    def kept() -> Any:
        return call(url, key, "changes_get", {"key": "a"})["structuredContent"]["value"]

    visitor = Visitor(browser)
    page = visitor.page
    with checks.that("a person reads the question and what would be done, as text"):
        page.goto(link_to_a_page(call(url, key, "changes_erase", {"key": "a"})))
        equal(visitor.heading(), "Confirm a change")
        visitor.give(ACCESS_KEY, key, "Continue")
        contains(page.locator("main").inner_text(), "Erase a?")
        contains(page.locator("#preview").inner_text(), "<b>kept</b>")
    with checks.that("a no changes nothing"):
        visitor.press("No, do not do it")
        equal(visitor.heading(), "Not done")
        equal(kept(), "<b>kept</b>")
        told = call(url, key, "changes_erase", {"key": "a"})
        equal(told["structuredContent"]["error"]["code"], "declined-by-person")
    with checks.that("a call that needs a secret and a yes gets both at one link"):
        page.goto(link_to_a_page(call(url, key, "changes_hand_over", {"key": "a"})))
        visitor.give(ACCESS_KEY, key, "Continue")
        visitor.give("pass", key, "Enter and continue")
        contains(page.locator("main").inner_text(), "Hand a over?")
        contains(page.locator("#preview").inner_text(), "<b>kept</b>")
        assert key not in page.content()
        equal(kept(), "<b>kept</b>")
        visitor.press("Yes, do this")
        equal(visitor.heading(), "Done")
        equal(kept(), None)
    with checks.that("nothing was blocked or missing"):
        visitor.has_no_complaints()


def agree(checks: Checks, browser: Browser, url: str, keys: dict[str, str]) -> None:
    """A tenant agrees to a stranger's plugin, for one store, and takes it back."""
    arguments = {"tool": "stores_list", "arguments": {}}
    held_back = call(url, keys["acme"], "hostile_peer", arguments)
    visitor = Visitor(browser)
    page = visitor.page
    with checks.that("the refused call names the page, and it asks for the master key"):
        equal(held_back["structuredContent"]["error"]["code"], "consent-missing")
        page.goto(link_to_a_page(held_back))
        equal(visitor.heading(), "Plugins and your account")
        visitor.give(MASTER_KEY, "odm_wrong", "Continue")
        contains(visitor.alert(), "not a valid key")
        visitor.give(MASTER_KEY, keys["acme"], "Continue")
    with checks.that("it shows publisher, grants, reasons and stores"):
        shown = page.locator("main").inner_text()
        for part in (
            "Nobody signed it.",
            "GET /store at orderdesk",
            "to call the tool stores_list",
            "to use what others may",
            "It does nothing for you until you agree.",
            "store:9021",
        ):
            contains(shown, part)
    with checks.that("agreeing counts at once, for the stores that were chosen"):
        page.get_by_label("Only these:").check()
        page.get_by_label("store:9021").check()
        visitor.press("Agree")
        contains(page.get_by_role("status").inner_text(), "for store:9021.")
        assert page.get_by_label("store:9021").is_checked()
        served = call(url, keys["acme"], "hostile_peer", arguments)
        assert not served["isError"], served
        elsewhere = call(url, keys["rival"], "hostile_peer", arguments)
        equal(elsewhere["structuredContent"]["error"]["code"], "consent-missing")
    with checks.that("taking it back counts at once"):
        visitor.press("Take it back")
        contains(page.get_by_role("status").inner_text(), "until you agree")
        again = call(url, keys["acme"], "hostile_peer", arguments)
        equal(again["structuredContent"]["error"]["code"], "consent-missing")
    with checks.that("who is done leaves no key behind"):
        visitor.press("I am done")
        equal(page.context.cookies(), [])
        page.goto(link_to_a_page(held_back))
        equal(page.get_by_label(MASTER_KEY).count(), 1)
        visitor.has_no_complaints()


@contextmanager
def another_site(html: str) -> Iterator[str]:
    """A site of somebody else's at this machine, which a browser takes for the same site and another origin."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}/"
        site.shutdown()


def attack(checks: Checks, browser: Browser, url: str, key: str) -> None:
    """What other sites, and a script in the page, get of it."""
    visitor = Visitor(browser)
    page = visitor.page
    arguments = {"store_id": "9077"}
    link = link_to_a_page(call(url, key, "stores_register", arguments))
    page.goto(link)
    visitor.give(ACCESS_KEY, key, "Continue")
    token = page.locator("input[name=form]").first.get_attribute("value")
    # It even knows the token, as nobody does.
    form = f"""<form method="post" action="{link}"><input name="form" value="{token}"><input name="secret.api_key" value="x">
        <button name="decision" value="yes">Win a prize</button></form>"""
    with checks.that("a form of another site is refused, although the browser brings its cookies"), another_site(form) as site:
        page.goto(site)
        visitor.press("Win a prize")
        equal(visitor.heading(), "This form cannot be taken")
        page.goto(link)
        equal(visitor.heading(), "Register a store")
    frame = f'<iframe src="{link}" title="theirs"></iframe>'
    with checks.that("no other site frames it"), another_site(frame) as site:
        page.goto(site)
        page.wait_for_load_state("networkidle")
        shown = page.frame_locator("iframe")
        equal(shown.get_by_role("button", name="Enter and continue").count(), 0)
        assert any("frame" in told for told in visitor.complaints), visitor.complaints
    scripted = Visitor(browser, java_script=True)
    with checks.that("where a browser runs JavaScript, the page has none, and its policy lets none in"):
        scripted.page.goto(link)
        equal(scripted.page.locator("script").count(), 0)
        violated = scripted.page.evaluate(
            """async () => {
                const violated = [];
                const all = new Promise(done => document.addEventListener('securitypolicyviolation', event => {
                    violated.push(event.effectiveDirective);
                    if (violated.length === 5) done();
                }));
                const add = (name, properties) => document.body.append(Object.assign(document.createElement(name), properties));
                add('script', {textContent: 'window.ran = true'});
                add('img', {src: 'http://127.0.0.1:9/x.png'});
                add('style', {textContent: 'body { color: red }'});
                add('form', {action: 'http://127.0.0.1:9/', method: 'post', id: 'out'});
                document.getElementById('out').submit();
                try { await fetch('http://127.0.0.1:9/'); } catch { /* refused */ }
                await Promise.race([all, new Promise(done => setTimeout(done, 10000))]);
                return {violated: violated.sort(), ran: window.ran === true, at: location.href};
            }"""
        )
        assert not violated["ran"], violated
        equal(violated["at"], link)
        for directive in ("script-src-elem", "img-src", "style-src-elem", "form-action", "connect-src"):
            contains(" ".join(violated["violated"]), directive)


class Lines:
    """A client of a process that serves stdio, one line for each message."""

    def __init__(self, server: Installation) -> None:
        self.log = server.log.open("wb")
        self.process = subprocess.Popen(
            [SERVER, *server.arguments("stdio")],
            env=server.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        self.ask("initialize", hello)
        self.send({"method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        """Writes one message."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Writes a request and reads its answer."""
        assert self.process.stdout
        self.send({"id": 1, "method": method, "params": params})
        return json.loads(self.process.stdout.readline())["result"]

    def end(self) -> None:
        """Ends the process."""
        stop(self.process)
        self.log.close()


def sit_at_this_machine(checks: Checks, browser: Browser, server: Installation, store: Store) -> None:
    """The page of a process that serves stdio."""
    lines = Lines(server)
    try:
        register = {"name": "stores_register", "arguments": {"store_id": store.id}}
        link = link_to_a_page(lines.ask("tools/call", register))
        visitor = Visitor(browser)
        with checks.that("over stdio the person at this machine needs no key"):
            assert link.startswith("http://127.0.0.1:"), link
            visitor.page.goto(link)
            equal(visitor.heading(), "Register a store")
            visitor.give("api_key", store.key, "Enter and continue")
            equal(visitor.heading(), "Done")
            visitor.has_no_complaints()
        with checks.that("the agent hears of it there, too"):
            told = lines.ask("tools/call", register)
            equal(told["structuredContent"]["store"]["store_id"], store.id)
        with checks.that("confirming needs no key there either"):
            assert not lines.ask("tools/call", {"name": "changes_set", "arguments": {"key": "a", "value": "b"}})["isError"]
            erase = {"name": "changes_erase", "arguments": {"key": "a"}}
            visitor.page.goto(link_to_a_page(lines.ask("tools/call", erase)))
            contains(visitor.page.locator("main").inner_text(), "Erase a?")
            visitor.press("Yes, do this")
            equal(visitor.heading(), "Done")
            equal(lines.ask("tools/call", erase)["structuredContent"]["erased"], True)
    finally:
        lines.end()


def main() -> None:
    checks = Checks()
    environment = {**os.environ}
    if LIBRARIES:
        environment["LD_LIBRARY_PATH"] = LIBRARIES
    with (
        simulator() as sandbox,
        installation(
            sandbox.base_url, ("changes", "hostile"), {"hostile": STRANGER}, 'confirm = "person"\n'
        ) as server,
        sync_playwright() as playwright,
        checks.explained_by(server.log),
    ):
        # A container's own user is root, where the browser's sandbox does not work; it opens our pages only.
        browser = playwright.chromium.launch(
            executable_path=EXECUTABLE, args=["--no-sandbox"], env=environment
        )
        keys = {name: server.create_tenant(name) for name in ("acme", "rival")}
        with server.serve() as url:
            for what, visit in (
                ("entering a secret", lambda: enter_a_secret(checks, browser, url, keys, sandbox.stores[0])),
                ("coming too late", lambda: come_too_late(checks, browser, server, url, keys["acme"])),
                ("confirming", lambda: confirm(checks, browser, url, keys["acme"])),
                ("agreeing to a plugin", lambda: agree(checks, browser, url, keys)),
                ("attacking", lambda: attack(checks, browser, url, keys["acme"])),
            ):
                with checks.that(f"{what} comes to its end"):
                    visit()
        with checks.that("a page of a process that serves stdio comes to its end"):
            sit_at_this_machine(checks, browser, server, sandbox.stores[0])
        browser.close()
    checks.finish()


main()
