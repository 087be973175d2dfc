"""A host for tests: fakes of everything that a host lends. What operators configure (grants, limits) it does not know."""

import hashlib
import hmac
import json
import secrets
from types import SimpleNamespace

from orderdesk_plugin import ANY, Pause, ToolError

__all__ = ["FakeHost", "call", "run"]


class FakeHost:
    """`peers`: other plugins' tools, by name: `{"orders_list": lambda arguments: {"orders": []}}`. `endpoints`: services, by name:
    `{"wiki": lambda request: (200, {…})}`. `settings`: what the operator configured. What happened stands in `calls`, `requests`,
    `lines` and `progress`.

    >>> from orderdesk_plugin import Plugin
    >>> pages = Plugin("pages", "0.1.0")
    >>> @pages.tool(input={"id": {"type": "string"}})
    ... def pages_get(context, id):
    ...     return context.http.send("wiki", path=["pages", id]).json()
    >>> host = FakeHost(endpoints={"wiki": lambda request: (200, {"title": f"Page {request['path'][1]}"})})
    >>> call(pages, host, "pages_get", {"id": "17"})
    {'title': 'Page 17'}
    >>> len(host.requests)
    1
    """

    def __init__(self, *, peers=None, endpoints=None, settings=None):
        self.calls, self.requests, self.lines, self.progress = [], [], [], []
        self.subject, self.read_only = None, False
        self._documents, self._entries, self._secrets, self._counter = {}, {}, {}, 0
        self._held, self._kept = set(), set()
        peers, endpoints = peers or {}, endpoints or {}

        def call_tool(tool, arguments):
            self.calls.append((tool, json.loads(arguments)))
            if tool not in peers:
                raise ToolError("denied", "not-granted", f"There is no tool {tool}.")
            return json.dumps(peers[tool](json.loads(arguments)))

        def send(request):
            self.requests.append(request)
            if request["method"] not in ("get", "head"):
                self._may_write("A request that writes")
            if request["endpoint"] not in endpoints:
                raise ToolError("denied", "http-not-granted", f"There is no endpoint {request['endpoint']}.")
            status, body = endpoints[request["endpoint"]](request)
            return status, [], body if isinstance(body, bytes) else json.dumps(body).encode()

        caller = SimpleNamespace(tenant="tenant-1", key_id="key-1", read_only=False, single_client=False, client=None)
        self.peers = SimpleNamespace(call_tool=call_tool)
        self.http = SimpleNamespace(send=send)
        self.storage = SimpleNamespace(get=self._get, scan=self._scan, commit=self._commit)
        self.cache = SimpleNamespace(
            get=lambda key: (True, self._entries[key][0]) if key in self._entries else (False, key),
            put=lambda ticket, value, ttl_ms, tags: self._entries.update({ticket: (value, tags)}),
            invalidate=self._invalidate,
        )
        self.crypto = SimpleNamespace(
            seal=lambda plaintext, audiences, subject=None: self.secret(plaintext),
            revoke=lambda handle: self._secrets.pop(handle, None),
            verify_hmac=self._verify,
            sha256=lambda data: hashlib.sha256(data).digest(),
            random=secrets.token_bytes,
        )
        self.locks = SimpleNamespace(acquire=self._acquire, release=self._release, keep=self._keep)
        self.session = SimpleNamespace(
            current=lambda: caller,
            authenticate=lambda handle: caller,
            act_on=lambda subject: setattr(self, "subject", subject),
            time_left_ms=lambda: 60_000,
            cancelled=lambda: False,
            settings=lambda: json.dumps(settings or {}),
            progress=lambda done, total=None, message="": self.progress.append((done, total, message)),
        )
        self.log = SimpleNamespace(
            emit=lambda level, message, fields: self.lines.append((level, message, dict(fields)))
        )

    def secret(self, value):
        """A handle to this secret, as the host gives one for an argument with `x-sealed`.

        >>> FakeHost().secret(b"hunter2")
        'sealed-1'
        """
        handle = self._id("sealed")
        self._secrets[handle] = value
        return handle

    def _id(self, what):
        self._counter += 1
        return f"{what}-{self._counter}"

    def _may_write(self, what):
        if self.read_only:
            raise ToolError("denied", "read-only", f"{what} was refused: this call may only read.")

    def _own(self, namespace):
        if namespace is not None:
            raise ToolError("denied", "not-granted", f"The namespace {namespace} is another plugin's.")

    def _get(self, namespace, key):
        self._own(namespace)
        return self._documents.get(key)

    def _scan(self, namespace, prefix, after, limit):
        self._own(namespace)
        keys = sorted(key for key in self._documents if key.startswith(prefix) and (after is None or key > after))
        return [self._documents[key] for key in keys[:limit]]

    def _commit(self, writes):
        self._may_write("Storing")
        for key, _, version in writes:
            found = self._documents.get(key)
            if version is not ANY and version != (found and found["version"]):
                raise ToolError("conflict", "document-changed", f"The document {key} is not as expected.")
        versions = []
        for key, content, _ in writes:
            if content is None:
                self._documents.pop(key, None)
                versions.append(None)
            else:
                version = self._id("version")
                self._documents[key] = {"key": key, "value": content[0], "version": version, "subject": content[1]}
                versions.append(version)
        return versions

    def _invalidate(self, tags):
        stale = [key for key, (_, own) in self._entries.items() if set(own) & set(tags)]
        for key in stale:
            del self._entries[key]

    def _verify(self, handle, message, signature):
        if handle not in self._secrets:
            raise ToolError("not-found", "secret-not-found", "This handle opens nothing.")
        expected = hmac.new(self._secrets[handle], message, hashlib.sha256).digest()
        return hmac.compare_digest(expected, signature)

    def _acquire(self, name, wait_ms, lease_ms):
        self._may_write("Taking a lock")
        if name in self._held or name in self._kept:
            raise ToolError("conflict", "locked" if name in self._held else "lock-kept", f"Somebody else has {name}.")
        self._held.add(name)
        return name

    def _release(self, lock):
        if lock not in self._held:
            raise ToolError("conflict", "lock-not-held", "This call does not hold the lock any more.")
        self._held.remove(lock)

    def _keep(self, lock, for_ms):
        self._may_write("Keeping a lock")
        self._release(lock)
        self._kept.add(lock)


def call(plugin, host, tool, arguments=None, **how):
    """Calls a tool and answers its structured result; raises a `ToolError`. The host validates arguments against the schema before: so
    not here.

    >>> from orderdesk_plugin import Plugin
    >>> desk = Plugin("desk", "0.1.0")
    >>> @desk.tool()
    ... def desk_hours(context):
    ...     return {"opens": "9:00"}
    >>> call(desk, FakeHost(), "desk_hours")
    {'opens': '9:00'}
    """
    answer = run(plugin, host, tool, arguments, **how)
    if isinstance(answer, Pause):
        raise ToolError("internal", "paused", f"{tool} paused: use run() to see with what.")
    return answer.structured


def run(plugin, host, tool, arguments=None, **how):
    """Calls a tool and answers an `Output` or a `Pause`. `preview=True` asks for a preview; `confirmed_basis` confirms one; `state` and
    `answers` go on after a pause.

    >>> from orderdesk_plugin import Plugin
    >>> notes = Plugin("notes", "0.1.0")
    >>> @notes.tool()
    ... def notes_clear(context):
    ...     if "sure" not in context.answers:
    ...         return Pause.confirm("sure", "Clear all notes?")
    ...     return {"cleared": context.answers["sure"]}
    >>> run(notes, FakeHost(), "notes_clear").questions[0]["id"]
    'sure'
    >>> run(notes, FakeHost(), "notes_clear", answers={"sure": True}).structured
    {'cleared': True}
    """
    found = plugin.tools.get(tool)
    host.read_only = how.get("preview", False) or (found is not None and found.read_only)
    try:
        return plugin.call(host, tool, arguments or {}, **how)
    finally:
        host.read_only = False
