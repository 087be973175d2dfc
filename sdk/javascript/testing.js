// A host for tests in Node.js: fakes of everything that a host lends. What operators configure (grants, limits) it does not know.

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

import { bytes, callTool, listTools, text, ToolError } from "./index.js";

/**
 * `peers`: other plugins' tools, by name: `{ orders_list: (args) => ({ orders: [] }) }`. `endpoints`: services, by name:
 * `{ wiki: (request) => ({ status: 200, body: {…} }) }`. `settings`: what the operator configured. `caller`: who calls.
 * What happened stands in `calls`, `requests`, `lines` and `progress`; `secret(value)` is a handle, as the host gives one for an argument
 * with `x-sealed`.
 *
 * @example
 * const pages = plugin({
 *   name: "pages",
 *   version: "0.1.0",
 *   tools: { pages_get: { run: ({ id }, context) => context.http.send({ endpoint: "wiki", path: ["pages", id] }).json() } },
 * });
 * const host = fakeHost({ endpoints: { wiki: (request) => ({ status: 200, body: { title: `Page ${request.path[1]}` } }) } });
 * assert.deepEqual(call(pages, host, "pages_get", { id: "17" }), { title: "Page 17" });
 * assert.equal(host.requests.length, 1);
 */
export function fakeHost({ peers = {}, endpoints = {}, settings = {}, caller = {} } = {}) {
  const seen = { calls: [], requests: [], lines: [], progress: [], subject: null };
  const documents = new Map();
  const entries = new Map();
  const secrets = new Map();
  const held = new Set();
  const kept = new Set();
  let counter = 0;
  let readOnly = false;
  const id = (what) => `${what}-${(counter += 1)}`;
  const fail = (kind, code, message) => {
    throw new ToolError(kind, code, message);
  };
  const mayWrite = (what) => readOnly && fail("denied", "read-only", `${what} was refused: this call may only read.`);
  const own = (namespace) => namespace === null || fail("denied", "not-granted", `The namespace ${namespace} is another plugin's.`);

  const host = {
    peers: {
      callTool(tool, args) {
        seen.calls.push([tool, JSON.parse(args)]);
        if (!Object.hasOwn(peers, tool)) fail("denied", "not-granted", `There is no tool ${tool}.`);
        return JSON.stringify(peers[tool](JSON.parse(args)));
      },
    },
    http: {
      send(request) {
        seen.requests.push(request);
        if (!["get", "head"].includes(request.method)) mayWrite("A request that writes");
        if (!Object.hasOwn(endpoints, request.endpoint)) fail("denied", "http-not-granted", `There is no endpoint ${request.endpoint}.`);
        const { status = 200, headers = [], body = "" } = endpoints[request.endpoint](request);
        return { status, headers, body: typeof body === "string" ? bytes(body) : bytes(JSON.stringify(body)) };
      },
    },
    storage: {
      get: (namespace, key) => own(namespace) && (documents.get(key) ?? null),
      scan: (namespace, prefix, after, limit) =>
        own(namespace) &&
        [...documents.values()]
          .filter(({ key }) => key.startsWith(prefix) && (after === null || key > after))
          .sort((a, b) => (a.key < b.key ? -1 : 1))
          .slice(0, limit),
      commit(writes) {
        mayWrite("Storing");
        for (const { key, condition } of writes) {
          const found = documents.get(key);
          const holds = condition.tag === "none" || (condition.tag === "absent" ? !found : found?.version === condition.val);
          if (!holds) fail("conflict", "document-changed", `The document ${key} is not as expected.`);
        }
        return writes.map(({ key, change }) => {
          if (change.tag === "remove") return documents.delete(key), null;
          const version = id("version");
          documents.set(key, { key, value: change.val.value, version, subject: change.val.subject });
          return version;
        });
      },
    },
    cache: {
      get: (key) => (entries.has(key) ? { tag: "hit", val: entries.get(key).value } : { tag: "miss", val: key }),
      put: (ticket, value, _ttl, tags) => void entries.set(ticket, { value, tags }),
      invalidate: (tags) => entries.forEach((entry, key) => entry.tags.some((tag) => tags.includes(tag)) && entries.delete(key)),
    },
    crypto: {
      seal: (plaintext) => {
        const handle = id("sealed");
        secrets.set(handle, plaintext);
        return handle;
      },
      revoke: (handle) => void secrets.delete(handle),
      verifyHmac: (handle, message, signature) => {
        const key = secrets.get(handle) ?? fail("not-found", "secret-not-found", "This handle opens nothing.");
        const expected = createHmac("sha256", key).update(message).digest();
        return expected.length === signature.length && timingSafeEqual(expected, signature);
      },
      sha256: (data) => createHash("sha256").update(data).digest(),
      random: (length) => (length > 1024 ? fail("too-large", "too-much-random", "At most 1,024 random bytes at once.") : randomBytes(length)),
    },
    locks: {
      acquire(name) {
        mayWrite("Taking a lock");
        if (held.has(name) || kept.has(name)) fail("conflict", held.has(name) ? "locked" : "lock-kept", `Somebody else has ${name}.`);
        held.add(name);
        return name;
      },
      release: (lock) => void (held.delete(lock) || fail("conflict", "lock-not-held", "This call does not hold the lock any more.")),
      keep(lock) {
        mayWrite("Keeping a lock");
        host.locks.release(lock);
        kept.add(lock);
      },
    },
    session: {
      current: () => ({ tenant: "tenant-1", keyId: "key-1", readOnly, singleClient: false, client: null, ...caller }),
      authenticate: () => host.session.current(),
      actOn: (subject) => void (seen.subject = subject),
      timeLeftMs: () => 60_000,
      cancelled: () => false,
      progress: (done, total, message) => void seen.progress.push({ done, total, message }),
      settings: () => JSON.stringify(settings),
    },
    log: { emit: (level, message, fields) => void seen.lines.push({ level, message, fields: Object.fromEntries(fields) }) },
  };
  return { ...host, ...seen, seen, secret: (value) => host.crypto.seal(bytes(value)), within: (only, work) => ((readOnly = only), work()) };
}

/**
 * Calls a tool and answers its structured result; throws a `ToolError`. The host validates arguments against the schema before: so not here.
 *
 * @example
 * const desk = plugin({ name: "desk", version: "0.1.0", tools: { desk_hours: { run: () => ({ opens: "9:00" }) } } });
 * assert.deepEqual(call(desk, fakeHost(), "desk_hours"), { opens: "9:00" });
 * assert.throws(() => call(desk, fakeHost(), "desk_minutes"), { code: "tool-not-found" });
 */
export function call(plugin, host, tool, args = {}, options = {}) {
  const outcome = run(plugin, host, tool, args, options);
  if (outcome.tag === "pause") throw new ToolError("internal", "paused", `${tool} paused: use run() to see with what.`);
  return JSON.parse(outcome.val.structured);
}

/**
 * Calls a tool and answers all that it answered: `{ tag: "complete", val }` or `{ tag: "pause", val }`. `preview: true` asks for a preview;
 * `confirmedBasis` confirms one; `state` and `answers` go on after a pause.
 *
 * @example
 * const clear = (_, context) => ("sure" in context.answers ? { cleared: context.answers.sure } : Pause.confirm("sure", "Clear all?"));
 * const notes = plugin({ name: "notes", version: "0.1.0", tools: { notes_clear: { run: clear } } });
 * assert.equal(run(notes, fakeHost(), "notes_clear").val.questions[0].id, "sure");
 * const done = run(notes, fakeHost(), "notes_clear", {}, { answers: { sure: true } });
 * assert.equal(done.val.structured, '{"cleared":true}');
 */
export function run(plugin, host, tool, args = {}, { preview = false, confirmedBasis = null, state = null, answers = null } = {}) {
  const listed = listTools(plugin).find(({ name }) => name === tool);
  const resumption = answers && {
    state: bytes(JSON.stringify(state)),
    answers: Object.entries(answers).map(([id, value]) => ({ id, value: JSON.stringify(value) })),
  };
  const call = {
    tool,
    arguments: JSON.stringify(args),
    mode: preview ? "preview" : "run",
    confirmation: confirmedBasis === null ? null : { basis: confirmedBasis },
    resumption,
    extra: null,
  };
  return host.within(preview || (listed?.hints.readOnly ?? false), () => callTool(plugin, host, call));
}

export { text };
