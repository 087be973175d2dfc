"""The SDK for plugins in Python. Runs in the component and in the tests alike: it knows neither the contract's bindings nor a machine."""

import contextlib
import inspect
import json
import traceback
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Context", "Output", "Pause", "Plugin", "Response", "ToolError"]


class ToolError(Exception):
    """What a tool fails with. `kind` is one of the contract's words (`invalid-input`, `not-found`, `conflict`, `unauthorized`,
    `denied`, `rate-limited`, `cancelled`, `timeout`, `too-large`, `upstream`, `unavailable`, `internal`, `other`), `code` a stable
    word of your own, and `message` what the model reads: what is wrong, with what, what to do next. Errors of the host and of other
    plugins' tools are of this class too; let them pass and the caller reads them unchanged.

    >>> def page(id):
    ...     if id == "17":
    ...         return {"title": "Home"}
    ...     raise ToolError("not-found", "page-not-found", f"There is no page {id}. Find pages with pages_list.")
    >>> page("18")
    Traceback (most recent call last):
    orderdesk_plugin.ToolError: There is no page 18. Find pages with pages_list.
    """

    def __init__(self, kind, code, message, *, retry_after_ms=None, outcome_unknown=False, extra=None):
        super().__init__(message)
        self.kind, self.code, self.message = kind, code, message
        self.retry_after_ms, self.outcome_unknown, self.extra = retry_after_ms, outcome_unknown, extra


@dataclass
class Output:
    """A result with something to read beside the structured object, or a preview that rests on `basis`. A piece of `content` is a text,
    or a dict with `mime` and `data` (bytes), or one with `uri` and `name` (a link).

    >>> answer = Output({"orders": 3}, content=["Three orders are late."])
    >>> preview = Output({"would_move": 3}, basis="digest of the three")  # comes back as `context.confirmed_basis`
    """

    structured: dict
    content: list = field(default_factory=list)
    basis: str | None = None


@dataclass
class Pause:
    """A stop in the middle: with questions, the person is asked; without, the host calls again when convenient. What `state` holds
    stands in `context.state` then.

    >>> def count(context):  # in steps, a page in each
    ...     page = context.state or 1
    ...     if page > 3:
    ...         return {"pages": 3}
    ...     return Pause(state=page + 1, message=f"page {page} of 3")
    >>> count(context).message
    'page 1 of 3'
    """

    state: Any = None
    questions: list = field(default_factory=list)
    message: str | None = None

    @classmethod
    def confirm(cls, id, message, state=None):
        """May this be done? `context.answers[id]` is `True` or `False` when the tool is called again.

        >>> def clear(context):
        ...     if "sure" not in context.answers:
        ...         return Pause.confirm("sure", "Clear all notes?")
        ...     return {"cleared": context.answers["sure"]}
        >>> clear(context).questions[0]["kind"]
        'confirm'
        """
        return cls(state, [{"id": id, "kind": "confirm", "parameters": {"message": message}}])


@dataclass
class Tool:
    """A tool as it was declared by `Plugin.tool`.

    >>> pages = Plugin("pages", "0.1.0")
    >>> @pages.tool(read_only=True)
    ... def pages_list(context):
    ...     return {"pages": []}
    >>> all(tool.read_only for tool in pages.tools.values())
    True
    """

    name: str
    run: Any
    title: str
    description: str
    input_schema: dict
    output_schema: dict | None
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    toolset: str | None
    by_default: bool


class Plugin:
    """A plugin: its name, its tools, and what it asks of the operator. `plugin.py` has one, called `plugin`.

    `wishes` are pairs of a grant in the words of the config and a reason; `settings` are properties as those of `Plugin.tool`.

    >>> plugin = Plugin(
    ...     "pages",
    ...     "0.1.0",
    ...     description="Reads the wiki's pages.",
    ...     wishes=[('http = [{ endpoint = "wiki", allow = ["GET /pages/*"] }]', "to read pages")],
    ...     settings={"language": {"type": "string", "optional": True}},
    ... )
    """

    def __init__(self, name, version, *, description="", wishes=(), settings=None):
        self.name, self.version, self.description = name, version, description
        self.wishes = [(grant, reason) for grant, reason in wishes]
        self.settings_schema = None if settings is None else _object(settings, closed=True)
        self.tools: dict[str, Tool] = {}

    def tool(
        self,
        *,
        name=None,
        title=None,
        description="",
        input=None,
        output=None,
        read_only=False,
        destructive=False,
        idempotent=False,
        open_world=False,
        toolset=None,
        only_in_toolset=False,
    ):
        """Makes a tool of a function, which is called with the context and the arguments by name: it answers a dict, an `Output`
        or a `Pause`, and raises a `ToolError`. `input` and `output` are the properties of an object, each a JSON Schema; `"optional":
        True` in one means that it may be left out, and the function needs a default for it.

        >>> plugin = Plugin("pages", "0.1.0")
        >>> @plugin.tool(
        ...     title="Read a page",
        ...     description='Reads a page. Use it when somebody asks what the wiki says. Example: {"id": "17"}.',
        ...     read_only=True,
        ...     input={"id": {"type": "string"}, "language": {"type": "string", "optional": True}},
        ...     output={"title": {"type": "string"}},
        ... )
        ... def pages_get(context, id, language="en"):
        ...     return context.http.send("wiki", path=["pages", id], query=[("language", language)]).json()
        """

        def declare(function):
            called = name or function.__name__
            if called in self.tools:
                raise TypeError(f"there are two tools {called}")
            if inspect.iscoroutinefunction(function):
                raise TypeError(f"the tool {called} cannot be async; what the host lends answers at once")
            _check_parameters(called, function, input or {})
            self.tools[called] = Tool(
                name=called,
                run=function,
                title=title or called,
                description=description or inspect.getdoc(function) or "",
                input_schema=_object(input or {}, closed=True),
                output_schema=None if output is None else _object(output, closed=False),
                read_only=read_only,
                destructive=destructive,
                idempotent=idempotent,
                open_world=open_world,
                toolset=toolset,
                by_default=not only_in_toolset,
            )
            return function

        return declare

    def call(self, host, tool, arguments, *, preview=False, confirmed_basis=None, state=None, answers=None):
        """Runs a tool: the one way that components and tests share. Answers an `Output` or a `Pause`, and raises a `ToolError`. Tests
        have it shorter by `call` and `run` of `orderdesk_plugin.testing`.

        >>> from orderdesk_plugin.testing import FakeHost
        >>> desk = Plugin("desk", "0.1.0")
        >>> @desk.tool()
        ... def desk_hours(context):
        ...     return {"opens": "9:00"}
        >>> desk.call(FakeHost(), "desk_hours", {}).structured
        {'opens': '9:00'}
        """
        found = self.tools.get(tool)
        if found is None:
            raise ToolError("not-found", "tool-not-found", f"The plugin {self.name} has no tool {tool}.")
        context = Context(host, preview, confirmed_basis, state, answers or {})
        try:
            answer = found.run(context, **arguments)
        except ToolError:
            raise
        except Exception as error:
            context.log.error(f"{tool}: {''.join(traceback.format_exception(error))}")
            message = f"The tool {tool} has a fault. Tell the operator; the log says more."
            raise ToolError("internal", "plugin-failed", message) from error
        if isinstance(answer, Pause):
            return answer
        output = answer if isinstance(answer, Output) else Output(answer)
        if not isinstance(output.structured, dict):
            raise ToolError("internal", "result-not-an-object", f"The tool {tool} answered no dict.")
        return output


def _object(properties, *, closed):
    described, required = {}, []
    for name, schema in properties.items():
        if not isinstance(schema, dict):
            raise TypeError(f"the property {name} is no JSON Schema")
        described[name] = {key: value for key, value in schema.items() if key != "optional"}
        if not schema.get("optional"):
            required.append(name)
    schema = {"type": "object", "properties": described}
    if required:
        schema["required"] = required
    if closed:
        schema["additionalProperties"] = False
    return schema


def _check_parameters(tool, function, properties):
    """What would only show when somebody calls shows when the plugin is built."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    names = {parameter.name for parameter in parameters}
    for name in properties:
        if name not in names:
            raise TypeError(f"the function of the tool {tool} takes no `{name}`, which its input has")
    for parameter in parameters:
        given = parameter.name in properties and not properties[parameter.name].get("optional")
        if not given and parameter.default is parameter.empty:
            raise TypeError(f"the tool {tool} can be called without `{parameter.name}`: give it a default")


@dataclass
class Response:
    """What a service answered: any HTTP status is a response.

    >>> response = Response(404, [], b"")
    >>> None if response.status == 404 else response.json()
    """

    status: int
    headers: list
    body: bytes

    def text(self):
        """The body as text; what is no UTF-8 becomes U+FFFD.

        >>> Response(200, [], b"# Home").text()
        '# Home'
        """
        return self.body.decode("utf-8", "replace")

    def json(self):
        """The body as the value that its JSON is.

        >>> Response(200, [], b'{"title": "Home"}').json()["title"]
        'Home'
        """
        return json.loads(self.body)


class Context:
    """What a tool is given beside its arguments. Whatever it does may raise a `ToolError`.

    >>> def move(context, ids):
    ...     if context.preview:
    ...         return {"would_move": len(ids)}
    ...     for id in ids:
    ...         context.peers.call("orders_move", order_id=id)
    ...     return {"moved": len(ids)}
    >>> move(context, ["17"])
    {'moved': 1}

    `context.session` tells who is calling, and how much the call may still use:

    >>> context.session.act_on("store:9021")
    >>> for page in range(1, 4):
    ...     if context.session.cancelled():
    ...         break
    ...     context.session.progress(page, 3, f"page {page} of 3")

    `context.crypto` has secrets by handle, digests and random bytes. An audience is `("endpoint", NAME)` or `("hmac", PLUGIN)`:

    >>> token = context.crypto.seal(b"t0ken", [("endpoint", "wiki")])
    >>> context.crypto.sha256(b"abc").hex()[:8]
    'ba7816bf'
    >>> len(context.crypto.random(16))
    16
    """

    def __init__(self, host, preview, confirmed_basis, state, answers):
        self._host = host
        #: The caller wants to see the difference, not to make it; the host lets nothing be written.
        self.preview = preview
        #: What the preview rested on that the caller saw and confirms: where it no longer holds, answer `conflict`.
        self.confirmed_basis = confirmed_basis
        #: What an earlier `Pause` of this call kept.
        self.state = state
        #: What the person answered, by the questions' ids.
        self.answers = answers
        self.peers = _Peers(host)
        self.http = _Http(host)
        self.storage = _Storage(host)
        self.cache = _Cache(host)
        self.crypto = host.crypto
        self.locks = _Locks(host)
        self.session = host.session
        self.log = _Log(host)

    @property
    def settings(self):
        """What the operator configured, validated against the plugin's `settings`.

        >>> context.settings.get("late_after_days", 3)
        3
        """
        return json.loads(self._host.session.settings())


class _Peers:
    """Other plugins' tools, by the grant `tools`. The first choice for custom tools: no endpoint, no key."""

    def __init__(self, host):
        self._host = host

    def call(self, tool, **arguments):
        """Calls another plugin's tool and answers its structured result.

        >>> context.peers.call("orders_list", limit=10)["orders"]
        []
        """
        return json.loads(self._host.peers.call_tool(tool, json.dumps(arguments)))


class _Http:
    """Requests to endpoints, by the grant `http`."""

    def __init__(self, host):
        self._host = host

    def send(
        self,
        endpoint,
        *,
        method="get",
        path=(),
        query=(),
        headers=(),
        body=None,
        safe_to_repeat=None,
        timeout_ms=None,
        hold=0,
        lock=None,
    ):
        """Sends one request and answers a `Response`; an error means that there is none. A header's value is text, or
        `{"prefix": "Bearer ", "value": handle}` for a secret. A body is bytes, text, or JSON.

        >>> context.http.send("wiki", path=["pages", "17"], query=[("fields", "title")]).json()["title"]
        'Home'
        >>> response = context.http.send(
        ...     "wiki",
        ...     method="put",
        ...     path=["pages", "17"],
        ...     headers=[("Authorization", {"prefix": "Bearer ", "value": handle})],
        ...     body={"title": "Home"},
        ...     safe_to_repeat=True,
        ... )
        """
        if body is not None and not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        request = {
            "endpoint": endpoint,
            "method": method,
            "path": [str(segment) for segment in path],
            "query": [(name, str(value)) for name, value in query],
            "headers": list(headers),
            "body": body,
            "safe_to_repeat": method in ("get", "head") if safe_to_repeat is None else safe_to_repeat,
            "timeout_ms": timeout_ms,
            "hold": hold,
            "lock": lock,
        }
        return Response(*self._host.http.send(request))


ANY = object()


class _Storage:
    """Durable documents of this tenant; values are JSON. `namespace` is another plugin's, by the grant `read`."""

    def __init__(self, host):
        self._host = host

    def get(self, key, *, namespace=None):
        """The document (`value`, `version`, `key`, `subject`), or None.

        >>> found = context.storage.get("note/1")
        >>> found["value"]
        {'text': 'call back'}
        """
        return _document(self._host.storage.get(namespace, key))

    def scan(self, prefix, *, namespace=None, after=None, limit=1000):
        """At most `limit` documents whose key starts with `prefix`, in the order of their keys, after the key `after`.

        >>> [note["key"] for note in context.storage.scan("note/")]
        ['note/1']
        """
        return [_document(found) for found in self._host.storage.scan(namespace, prefix, after, limit)]

    def put(self, key, value, *, if_version=ANY, subject=None, expires_s=None):
        """`if_version`: the version it must still have; None: it must not exist. Answers the new version.

        >>> found = context.storage.get("count")
        >>> count = 1 + (found["value"] if found else 0)
        >>> version = context.storage.put("count", count, if_version=found and found["version"])  # else `conflict`
        """
        return self.commit([("put", key, value, if_version, subject, expires_s)])[0]

    def remove(self, key, *, if_version=ANY):
        """Removes the document under a key; that there is none is no error.

        >>> context.storage.remove("todo/17")
        """
        self.commit([("remove", key, None, if_version, None, None)])

    def commit(self, writes):
        """All or nothing: tuples of "put" or "remove", key, value, if_version (`ANY`), subject, expires_s.

        >>> versions = context.storage.commit([
        ...     ("put", "note/17", {"text": "called back"}, ANY, "store:9021", None),
        ...     ("remove", "todo/17", None, ANY, None, None),
        ... ])
        """
        prepared = []
        for change, key, value, if_version, subject, expires_s in writes:
            content = None if change == "remove" else (json.dumps(value).encode(), subject, expires_s)
            prepared.append((key, content, if_version))
        return self._host.storage.commit(prepared)


def _document(found):
    return found and {**found, "value": json.loads(found["value"])}


class _Cache:
    """What may vanish at any time."""

    def __init__(self, host):
        self._host = host

    def get(self, key, ttl_ms, tags, make):
        """The cached value (JSON), or what `make()` answers, kept for `ttl_ms` unless one of `tags` is invalidated.

        >>> context.cache.get("rate", 60_000, ["rates"], lambda: context.http.send("rates").json())
        1.08
        """
        hit, found = self._host.cache.get(key)
        if hit:
            return json.loads(found)
        value = make()
        self._host.cache.put(found, json.dumps(value).encode(), ttl_ms, list(tags))
        return value

    def invalidate(self, tags):
        """Forgets what was kept under one of these tags: after each write that makes it wrong.

        >>> context.cache.invalidate(["rates"])
        """
        self._host.cache.invalidate(list(tags))


class _Locks:
    """One at a time, across processes, by the grant `locks`."""

    def __init__(self, host):
        self._host = host
        self._kept = set()

    @contextlib.contextmanager
    def held(self, name, *, wait_ms=10_000, lease_ms=30_000):
        """Waits for the lock, and releases it at the end of the block. The lock is what `keep` and `http.send` take.

        >>> with context.locks.held("order-17") as lock:
        ...     response = context.http.send("wiki", method="put", path=["pages", "17"], body="# Home", lock=lock)
        """
        lock = self._host.locks.acquire(name, wait_ms, lease_ms)
        try:
            yield lock
        finally:
            if lock in self._kept:
                self._kept.remove(lock)
            else:
                self._host.locks.release(lock)

    def keep(self, lock, for_ms):
        """Leaves the lock behind for this long, at most a minute: for a write of unknown outcome. `held` does not release it then.

        >>> with context.locks.held("order-17") as lock:
        ...     context.locks.keep(lock, 20_000)
        """
        self._host.locks.keep(lock, for_ms)
        self._kept.add(lock)


class _Log:
    """Lines in the host's log, in five levels: `trace`, `debug`, `info`, `warn`, `error`. Never log a secret or personal data.

    >>> context.log.info("digest made", orders=3)
    """

    def __init__(self, host):
        self._host = host

    def __getattr__(self, level):
        if level not in ("trace", "debug", "info", "warn", "error"):
            raise AttributeError(f"the log has no level {level}")
        return lambda message, **fields: self._host.log.emit(
            level, message, [(name, str(value)) for name, value in fields.items()]
        )
