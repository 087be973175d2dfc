"""What the component is made from: the contract's imports and exports around the plugin's own `plugin.py`."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import tools as contract
from wit_world.imports import cache, crypto, http, locks, log, peers, session, storage, types

from orderdesk_plugin import ANY, Output, Pause, ToolError
from plugin import plugin


def _asking(ask):
    """Makes the contract's errors the SDK's."""

    def asked(*arguments):
        try:
            return ask(*arguments)
        except Err as error:
            record = error.value
            raise ToolError(
                record.kind.name.lower().replace("_", "-"),
                record.code,
                record.message,
                retry_after_ms=record.retry_after_ms,
                outcome_unknown=record.outcome_unknown,
                extra=record.extra and json.loads(record.extra),
            ) from None

    return staticmethod(asked)


def _record(error):
    return types.Error(
        kind=types.ErrorKind[error.kind.upper().replace("-", "_")],
        code=error.code,
        message=error.message,
        retry_after_ms=error.retry_after_ms,
        outcome_unknown=error.outcome_unknown,
        extra=None if error.extra is None else json.dumps(error.extra),
    )


def _send(request):
    def value(value):
        if isinstance(value, str):
            return http.HeaderValue_Text(value)
        return http.HeaderValue_Sealed(http.SealedHeader(value.get("prefix", ""), value["value"]))

    request = {**request, "method": http.Method[request["method"].upper()], "extra": None}
    request["headers"] = [(name, value(text)) for name, text in request["headers"]]
    response = http.send(http.Request(**request))
    return response.status, response.headers, response.body


def _document(found):
    if found is None:
        return None
    return {"key": found.key, "value": found.value, "version": found.version, "subject": found.subject}


def _commit(writes):
    def condition(version):
        if version is ANY:
            return storage.Condition_None_()
        return storage.Condition_Absent() if version is None else storage.Condition_Version(version)

    def change(content):
        return storage.Change_Remove() if content is None else storage.Change_Put(storage.Content(*content))

    return storage.commit([storage.Write(key, change(content), condition(version)) for key, content, version in writes])


def _lookup(key):
    found = cache.get(key)
    return isinstance(found, cache.Lookup_Hit), found.value


def _seal(plaintext, audiences, subject=None):
    kinds = {"endpoint": crypto.Audience_Endpoint, "hmac": crypto.Audience_Hmac}
    return crypto.seal(plaintext, [kinds[kind](name) for kind, name in audiences], subject)


class Host:
    """What the SDK asks of a host, answered by the contract's imports."""

    class peers:
        call_tool = _asking(peers.call_tool)

    class http:
        send = _asking(_send)

    class storage:
        get = _asking(lambda namespace, key: _document(storage.get(namespace, key)))
        scan = _asking(lambda *query: [_document(found) for found in storage.scan(*query)])
        commit = _asking(_commit)

    class cache:
        get = _asking(_lookup)
        put = _asking(cache.put)
        invalidate = _asking(cache.invalidate)

    class crypto:
        seal = _asking(_seal)
        revoke = _asking(crypto.revoke)
        verify_hmac = _asking(crypto.verify_hmac)
        sha256 = _asking(crypto.sha256)
        random = _asking(crypto.random)

    class locks:
        acquire = _asking(locks.acquire)
        release = _asking(locks.release)
        keep = _asking(locks.keep)

    class session:
        current = _asking(session.current)
        authenticate = _asking(session.authenticate)
        act_on = _asking(session.act_on)
        time_left_ms = _asking(session.time_left_ms)
        cancelled = _asking(session.cancelled)
        settings = _asking(session.settings)

        @staticmethod
        def progress(done, total=None, message=""):
            session.progress(float(done), None if total is None else float(total), message)

    class log:
        emit = staticmethod(lambda level, message, fields: log.emit(log.Level[level.upper()], message, fields))


def _described(tool):
    return contract.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=json.dumps(tool.input_schema),
        output_schema=None if tool.output_schema is None else json.dumps(tool.output_schema),
        hints=contract.Hints(tool.read_only, tool.destructive, tool.idempotent, tool.open_world),
        toolset=tool.toolset,
        by_default=tool.by_default,
        extra=None,
    )


def _content(piece):
    if isinstance(piece, str):
        return contract.Content_Text(piece)
    if "data" in piece:
        return contract.Content_Blob(contract.Blob(piece["mime"], piece["data"]))
    return contract.Content_Link(
        types.Link(piece["uri"], piece["name"], piece.get("mime"), piece.get("description"))
    )


class Tools(exports.Tools):
    """The contract's one required export."""

    def describe(self):
        schema = plugin.settings_schema
        return contract.Manifest(
            name=plugin.name,
            version=plugin.version,
            description=plugin.description,
            wishes=[contract.Wish(grant, reason) for grant, reason in plugin.wishes],
            settings_schema=None if schema is None else json.dumps(schema),
            extra=None,
        )

    def list_tools(self):
        return [_described(tool) for tool in plugin.tools.values()]

    def call_tool(self, call):
        resumed = call.resumption
        try:
            answer = plugin.call(
                Host,
                call.tool,
                json.loads(call.arguments),
                preview=call.mode is contract.Mode.PREVIEW,
                confirmed_basis=call.confirmation and call.confirmation.basis,
                state=resumed and json.loads(resumed.state),
                answers=resumed and {answer.id: json.loads(answer.value) for answer in resumed.answers},
            )
        except ToolError as error:
            raise Err(_record(error)) from None
        if isinstance(answer, Pause):
            questions = [
                contract.Question(question["id"], question["kind"], json.dumps(question["parameters"]))
                for question in answer.questions
            ]
            return contract.Outcome_Pause(contract.Pause(json.dumps(answer.state).encode(), questions, answer.message))
        assert isinstance(answer, Output)
        content = [_content(piece) for piece in answer.content]
        return contract.Outcome_Complete(contract.Output(content, json.dumps(answer.structured), answer.basis, None))
