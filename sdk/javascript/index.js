// The SDK for plugins in JavaScript. Runs in QuickJS (the component) and in Node.js (the tests): no imports, no globals of either.

/**
 * What a tool fails with. `kind` is one of the contract's words (`invalid-input`, `not-found`, `conflict`, `unauthorized`, `denied`,
 * `rate-limited`, `cancelled`, `timeout`, `too-large`, `upstream`, `unavailable`, `internal`, `other`), `code` a stable word of your
 * own, and `message` what the model reads: what is wrong, with what, what to do next. Errors of the host and of other plugins' tools
 * are of this class too; let them pass and the caller reads them unchanged.
 *
 * @example
 * function pageGet({ id }) {
 *   if (id === "17") return { title: "Home" };
 *   throw new ToolError("not-found", "page-not-found", `There is no page ${id}. Find pages with pages_list.`);
 * }
 * @example
 * // A write that may have arrived, and a wait before the next attempt:
 * const slow = new ToolError("timeout", "wiki-slow", "The wiki did not answer.", { retryAfterMs: 2000, outcomeUnknown: true });
 */
export class ToolError extends Error {
  constructor(kind, code, message, { retryAfterMs = null, outcomeUnknown = false, extra = null } = {}) {
    super(message);
    this.name = "ToolError";
    Object.assign(this, { kind, code, retryAfterMs, outcomeUnknown, extra });
  }

  /**
   * The contract's record; `component.js` and the tests use it.
   *
   * @example
   * const { kind, code } = new ToolError("not-found", "page-not-found", "There is no page 17.").record;
   */
  get record() {
    const { kind, code, message, retryAfterMs, outcomeUnknown, extra } = this;
    return { kind, code, message, retryAfterMs, outcomeUnknown, extra: extra === null ? null : JSON.stringify(extra) };
  }

  /**
   * The error that this record, or whatever else was thrown, is; null if it is none of the contract's.
   *
   * @example
   * try {
   *   context.peers.call("orders_get", { order_id: "17" });
   * } catch (thrown) {
   *   if (ToolError.of(thrown)?.code !== "order-not-found") throw thrown;
   * }
   */
  static of(thrown) {
    if (thrown instanceof ToolError) return thrown;
    const record = thrown?.payload ?? thrown;
    if (typeof record?.kind === "string" && typeof record.message === "string") {
      const { kind, code, message, retryAfterMs, outcomeUnknown, extra } = record;
      return new ToolError(kind, code ?? null, message, {
        retryAfterMs: retryAfterMs ?? null,
        outcomeUnknown: outcomeUnknown ?? false,
        extra: typeof extra === "string" ? JSON.parse(extra) : (extra ?? null),
      });
    }
    return null;
  }
}

/**
 * A result with something to read beside the structured object, or a preview that rests on `basis`. A piece of `content` is a text, or
 * `{ tag: "blob", val: { mime, data } }`, or `{ tag: "link", val: { uri, name, mime, description } }`.
 *
 * @example
 * const answer = new Output({ orders: 3 }, { content: ["Three orders are late."] });
 * @example
 * // A preview: whoever confirms it sends the basis back, as `context.confirmedBasis`.
 * const preview = new Output({ would_move: 3 }, { basis: "digest of the three orders" });
 */
export class Output {
  constructor(structured, { content = [], basis = null } = {}) {
    Object.assign(this, { structured, content, basis });
  }
}

/**
 * A stop in the middle: with questions, the person is asked; without, the host calls again when convenient. What `state` holds stands in
 * `context.state` then.
 *
 * @example
 * // Work in steps, a page in each:
 * function count(_, context) {
 *   const { page, orders } = context.state ?? { page: 1, orders: 0 };
 *   if (page > 3) return { orders };
 *   return new Pause({ state: { page: page + 1, orders: orders + 50 }, message: `page ${page} of 3` });
 * }
 */
export class Pause {
  constructor({ state = null, questions = [], message = null } = {}) {
    Object.assign(this, { state, questions, message });
  }

  /**
   * May this be done? `context.answers[id]` is `true` or `false` when the tool is called again.
   *
   * @example
   * function clear(_, context) {
   *   if (!("sure" in context.answers)) return Pause.confirm("sure", "Clear all notes?");
   *   return { cleared: context.answers.sure };
   * }
   */
  static confirm(id, message, state = null) {
    return new Pause({ state, questions: [{ id, kind: "confirm", parameters: { message } }] });
  }
}

const TOOL_KEYS = ["title", "description", "input", "output", "readOnly", "destructive", "idempotent", "openWorld", "toolset", "onlyInToolset", "run"];
const PLUGIN_KEYS = ["name", "version", "description", "wishes", "settings", "tools"];

/**
 * Describes a plugin; `export default` what it answers. `input`, `output` and `settings` are the properties of an object, each a JSON
 * Schema; `optional: true` in one means that it may be left out. A tool's `run(arguments, context)` answers an object, an `Output`
 * or a `Pause`, and throws a `ToolError`.
 *
 * @example
 * export default plugin({
 *   name: "pages",
 *   version: "0.1.0",
 *   description: "Reads the wiki's pages.",
 *   wishes: [{ grant: 'http = [{ endpoint = "wiki", allow = ["GET /pages/*"] }]', reason: "to read pages" }],
 *   tools: {
 *     pages_get: {
 *       title: "Read a page",
 *       description: 'Reads a page. Use it when somebody asks what the wiki says. Example: {"id": "17"}.',
 *       readOnly: true,
 *       input: { id: { type: "string", description: "The page's id." } },
 *       output: { title: { type: "string", description: "What it is called." } },
 *       run: ({ id }, context) => context.http.send({ endpoint: "wiki", path: ["pages", id] }).json(),
 *     },
 *   },
 * });
 */
export function plugin(definition) {
  known("plugin", definition, PLUGIN_KEYS);
  for (const key of ["name", "version"]) {
    if (typeof definition[key] !== "string") throw new TypeError(`plugin: \`${key}\` is missing`);
  }
  const { wishes = [], tools = {} } = definition;
  for (const wish of wishes) known("plugin: a wish", wish, ["grant", "reason"]);
  for (const [name, tool] of Object.entries(tools)) {
    known(`tool ${name}`, tool, TOOL_KEYS);
    if (typeof tool.run !== "function") throw new TypeError(`tool ${name}: \`run\` must be a function`);
    if (tool.run.constructor.name === "AsyncFunction") throw new TypeError(`tool ${name}: \`run\` cannot be async; what the host lends answers at once`);
    schema(tool.input, false);
  }
  return { description: "", ...definition, wishes, tools };
}

function known(what, object, keys) {
  for (const key of Object.keys(object)) {
    if (!keys.includes(key)) throw new TypeError(`${what}: there is no \`${key}\`; there are ${keys.join(", ")}`);
  }
}

function schema(properties = {}, open = true) {
  const required = [];
  const described = {};
  for (const [name, property] of Object.entries(properties)) {
    if (typeof property !== "object" || property === null) throw new TypeError(`property ${name} is no JSON Schema`);
    const { optional = false, ...rest } = property;
    described[name] = rest;
    if (!optional) required.push(name);
  }
  const object = { type: "object", properties: described };
  if (required.length) object.required = required;
  if (!open) object.additionalProperties = false;
  return object;
}

/**
 * What the plugin says of itself; `component.js` and tests use it.
 *
 * @example
 * assert.equal(describe(plugin({ name: "pages", version: "0.1.0" })).name, "pages");
 */
export function describe({ name, version, description, wishes, settings }) {
  return { name, version, description, wishes, settingsSchema: settings ? JSON.stringify(schema(settings, false)) : null, extra: null };
}

/**
 * The tools as the host lists them; `component.js` and tests use it.
 *
 * @example
 * const pages = plugin({ name: "pages", version: "0.1.0", tools: { pages_list: { readOnly: true, run: () => ({ pages: [] }) } } });
 * assert.ok(listTools(pages).every((tool) => tool.hints.readOnly));
 */
export function listTools({ tools }) {
  return Object.entries(tools).map(([name, tool]) => ({
    name,
    title: tool.title ?? name,
    description: tool.description ?? "",
    inputSchema: JSON.stringify(schema(tool.input, false)),
    outputSchema: tool.output ? JSON.stringify(schema(tool.output)) : null,
    hints: {
      readOnly: tool.readOnly ?? false,
      destructive: tool.destructive ?? false,
      idempotent: tool.idempotent ?? false,
      openWorld: tool.openWorld ?? false,
    },
    toolset: tool.toolset ?? null,
    byDefault: !tool.onlyInToolset,
    extra: null,
  }));
}

/**
 * Runs a tool: the one way that components and tests share. Throws a `ToolError`. Tests have it shorter by `call` and `run` of
 * `testing.js`.
 *
 * @example
 * const pages = plugin({ name: "pages", version: "0.1.0", tools: { pages_list: { run: () => ({ pages: [] }) } } });
 * const outcome = callTool(pages, fakeHost(), { tool: "pages_list", arguments: "{}", mode: "run" });
 * assert.equal(outcome.val.structured, '{"pages":[]}');
 */
export function callTool({ tools, name }, host, call) {
  const tool = Object.hasOwn(tools, call.tool) ? tools[call.tool] : null;
  if (!tool) throw new ToolError("not-found", "tool-not-found", `The plugin ${name} has no tool ${call.tool}.`);
  let answer;
  try {
    answer = tool.run(JSON.parse(call.arguments), new Context(host, call));
  } catch (thrown) {
    const error = ToolError.of(thrown);
    if (error) throw error;
    host.log.emit("error", `${call.tool}: ${thrown?.stack ? `${thrown}\n${thrown.stack}` : String(thrown)}`, []);
    throw new ToolError("internal", "plugin-failed", `The tool ${call.tool} has a fault. Tell the operator; the log says more.`);
  }
  if (answer instanceof Pause) {
    const questions = answer.questions.map(({ id, kind, parameters }) => ({ id, kind, parameters: JSON.stringify(parameters) }));
    return { tag: "pause", val: { state: bytes(JSON.stringify(answer.state)), questions, message: answer.message } };
  }
  const output = answer instanceof Output ? answer : new Output(answer);
  if (typeof output.structured !== "object" || output.structured === null || Array.isArray(output.structured)) {
    throw new ToolError("internal", "result-not-an-object", `The tool ${call.tool} answered no object.`);
  }
  const content = output.content.map((piece) => (typeof piece === "string" ? { tag: "text", val: piece } : piece));
  return { tag: "complete", val: { content, structured: JSON.stringify(output.structured), basis: output.basis, extra: null } };
}

/**
 * What a tool is given beside its arguments. Every function throws a `ToolError`.
 *
 * @example
 * function move({ ids }, context) {
 *   if (context.preview) return { would_move: ids.length };
 *   for (const id of ids) context.peers.call("orders_move", { order_id: id });
 *   return { moved: ids.length };
 * }
 */
export class Context {
  #host;
  #kept = new Set();

  constructor(host, call) {
    this.#host = host;
    /** The caller wants to see the difference, not to make it; the host lets nothing be written. */
    this.preview = call.mode === "preview";
    /** What the preview rested on that the caller saw and confirms: where it no longer holds, answer `conflict`. */
    this.confirmedBasis = call.confirmation?.basis ?? null;
    /** What an earlier `Pause` of this call kept. */
    this.state = call.resumption ? JSON.parse(text(call.resumption.state)) : null;
    /** What the person answered, by the questions' ids. */
    this.answers = {};
    for (const { id, value } of call.resumption?.answers ?? []) this.answers[id] = JSON.parse(value);
  }

  /**
   * Other plugins' tools, by the grant `tools`. The first choice for custom tools: no endpoint, no key.
   *
   * @example
   * const { orders } = context.peers.call("orders_list", { limit: 10 });
   */
  get peers() {
    return { call: (tool, args = {}) => JSON.parse(asking(() => this.#host.peers.callTool(tool, JSON.stringify(args)))) };
  }

  /**
   * Requests to endpoints, by the grant `http`. Any HTTP status is a response; an error means that there is none.
   *
   * @example
   * const response = context.http.send({ endpoint: "wiki", path: ["pages", "17"], query: [["fields", "title"]] });
   * const title = response.status === 200 ? response.json().title : null;
   * @example
   * // A secret in a header, a body in JSON, and a write that may be repeated:
   * context.http.send({
   *   endpoint: "wiki",
   *   method: "put",
   *   path: ["pages", "17"],
   *   headers: [["Authorization", { prefix: "Bearer ", value: handle }]],
   *   body: { title: "Home" },
   *   safeToRepeat: true,
   * });
   */
  get http() {
    return {
      send: ({ endpoint, method = "get", path = [], query = [], headers = [], body = null, safeToRepeat, timeoutMs = null, hold = 0, lock = null }) => {
        const response = asking(() =>
          this.#host.http.send({
            endpoint,
            method,
            path: path.map(String),
            query: query.map(([name, value]) => [name, String(value)]),
            headers: headers.map(([name, value]) => [name, typeof value === "string" ? { tag: "text", val: value } : { tag: "sealed", val: { prefix: "", ...value } }]),
            body: body === null || body instanceof Uint8Array ? body : bytes(typeof body === "string" ? body : JSON.stringify(body)),
            safeToRepeat: safeToRepeat ?? ["get", "head"].includes(method),
            timeoutMs,
            hold,
            lock,
            extra: null,
          }),
        );
        return { ...response, text: () => text(response.body), json: () => JSON.parse(text(response.body)) };
      },
    };
  }

  /**
   * Durable documents of this tenant; values are JSON. `namespace` is another plugin's, by the grant `read`.
   *
   * @example
   * const found = context.storage.get("count");
   * // `conflict` if somebody else counted meanwhile; a version of null means: if there is none yet.
   * context.storage.put("count", (found?.value ?? 0) + 1, { ifVersion: found?.version ?? null });
   * @example
   * for (const { key, value } of context.storage.scan("note/")) context.log.info(value.text, { key });
   * // All or nothing:
   * context.storage.commit((write) => [write.put("note/17", { text: "called back" }), write.remove("todo/17")]);
   */
  get storage() {
    const storage = this.#host.storage;
    const document = (found) => found && { ...found, value: JSON.parse(text(found.value)) };
    const commit = (writes) => asking(() => storage.commit(writes));
    const condition = (version) => (version === undefined ? { tag: "none" } : version === null ? { tag: "absent" } : { tag: "version", val: version });
    const put = (key, value, { ifVersion, subject = null, expiresS = null } = {}) => ({
      key,
      change: { tag: "put", val: { value: bytes(JSON.stringify(value)), subject, expiresS } },
      condition: condition(ifVersion),
    });
    const remove = (key, { ifVersion } = {}) => ({ key, change: { tag: "remove" }, condition: condition(ifVersion) });
    return {
      get: (key, { namespace = null } = {}) => document(asking(() => storage.get(namespace, key))),
      scan: (prefix, { namespace = null, after = null, limit = 1000 } = {}) => asking(() => storage.scan(namespace, prefix, after, limit)).map(document),
      /** `ifVersion`: the version it must still have; `null`: it must not exist. Answers the new version. */
      put: (key, value, options) => commit([put(key, value, options)])[0],
      remove: (key, options) => void commit([remove(key, options)]),
      /** All or nothing: `storage.commit((write) => [write.put("a", 1), write.remove("b")])`. */
      commit: (writes) => commit(writes({ put, remove })),
    };
  }

  /**
   * What may vanish at any time; values are JSON.
   *
   * @example
   * const rate = context.cache.get("rate", 60_000, ["rates"], () => context.http.send({ endpoint: "rates" }).json());
   * context.cache.invalidate(["rates"]); // what was kept under this tag is asked for anew
   */
  get cache() {
    const cache = this.#host.cache;
    return {
      get: (key, ttlMs, tags, make) => {
        const found = asking(() => cache.get(key));
        if (found.tag === "hit") return JSON.parse(text(found.val));
        const value = make();
        asking(() => cache.put(found.val, bytes(JSON.stringify(value)), ttlMs, tags));
        return value;
      },
      invalidate: (tags) => void asking(() => cache.invalidate(tags)),
    };
  }

  /**
   * Secrets by handle, digests, random bytes. An audience is `["endpoint", NAME]` or `["hmac", PLUGIN]`; a signature is its 32 bytes.
   *
   * @example
   * const token = context.crypto.seal("t0ken", [["endpoint", "wiki"]]); // a handle, for a header of requests to that endpoint
   * context.crypto.revoke(token);
   * @example
   * const digest = context.crypto.sha256("abc");
   * const nonce = context.crypto.random(16);
   */
  get crypto() {
    const crypto = this.#host.crypto;
    return {
      seal: (plaintext, audiences, subject = null) => asking(() => crypto.seal(bytes(plaintext), audiences.map(([tag, val]) => ({ tag, val })), subject)),
      revoke: (handle) => void asking(() => crypto.revoke(handle)),
      verifyHmac: (handle, message, signature) => asking(() => crypto.verifyHmac(handle, bytes(message), bytes(signature))),
      sha256: (data) => Uint8Array.from(crypto.sha256(bytes(data))),
      random: (length) => Uint8Array.from(asking(() => crypto.random(length))),
    };
  }

  /**
   * One at a time, across processes, by the grant `locks`. `keep(lock, forMs)` leaves a lock behind for a write of unknown outcome;
   * `with` does not release it then.
   *
   * @example
   * const moved = context.locks.with("order-17", { waitMs: 5000, leaseMs: 30000 }, () => {
   *   // … read the order, change it, write it …
   *   return true;
   * });
   */
  get locks() {
    const locks = this.#host.locks;
    const kept = this.#kept;
    return {
      with: (name, { waitMs = 10_000, leaseMs = 30_000 }, work) => {
        const lock = asking(() => locks.acquire(name, waitMs, leaseMs));
        try {
          return work(lock);
        } finally {
          if (!kept.delete(lock)) asking(() => locks.release(lock));
        }
      },
      keep(lock, forMs) {
        asking(() => locks.keep(lock, forMs));
        kept.add(lock);
      },
    };
  }

  /**
   * Who is calling, what the call is about, and what it may still use.
   *
   * @example
   * context.session.actOn("store:9021");
   * for (let page = 1; page <= 3 && !context.session.cancelled(); page += 1) {
   *   context.session.progress(page, 3, `page ${page} of 3`);
   * }
   */
  get session() {
    const session = this.#host.session;
    return {
      current: () => session.current(),
      authenticate: (handle) => asking(() => session.authenticate(handle)),
      actOn: (subject) => void asking(() => session.actOn(subject)),
      timeLeftMs: () => session.timeLeftMs(),
      cancelled: () => session.cancelled(),
      progress: (done, total = null, message = "") => session.progress(done, total, message),
    };
  }

  /**
   * Lines in the host's log, in five levels: `trace`, `debug`, `info`, `warn`, `error`. Never log a secret or personal data.
   *
   * @example
   * context.log.info("digest made", { orders: 3 });
   */
  get log() {
    const line = (level) => (message, fields = {}) => this.#host.log.emit(level, message, Object.entries(fields).map(([name, value]) => [name, String(value)]));
    return { trace: line("trace"), debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  }

  /**
   * What the operator configured, validated against the plugin's `settings`.
   *
   * @example
   * const { late_after_days: days = 3 } = context.settings;
   */
  get settings() {
    return JSON.parse(this.#host.session.settings());
  }
}

function asking(ask) {
  try {
    return ask();
  } catch (thrown) {
    throw ToolError.of(thrown) ?? thrown;
  }
}

/**
 * The bytes of a text in UTF-8 (QuickJS has no TextEncoder), or of a list of numbers.
 *
 * @example
 * assert.equal(bytes("Größe").length, 7);
 */
export function bytes(value) {
  if (typeof value !== "string") return Uint8Array.from(value);
  const encoded = unescape(encodeURIComponent(value.toWellFormed?.() ?? value));
  return Uint8Array.from(encoded, (character) => character.charCodeAt(0));
}

/**
 * The text of bytes in UTF-8; what is none becomes U+FFFD.
 *
 * @example
 * assert.equal(text(bytes("Größe")), "Größe");
 */
export function text(value) {
  let binary = "";
  for (let at = 0; at < value.length; at += 4096) binary += String.fromCharCode(...value.slice(at, at + 4096));
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    return binary.replace(/[\x80-\xff]/g, "\ufffd");
  }
}
