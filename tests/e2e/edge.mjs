// The house for end-to-end tests: the built Worker in workerd, with KV, in front of the stand-in for Cerebras.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import readline from "node:readline";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { unstable_readConfig as readConfig } from "wrangler";

const root = path.resolve(import.meta.dirname, "../..");
/** Where the built Worker is. Another folder keeps a run apart from a build that is under way. */
const build = process.env.EDGE_BUILD ?? path.join(root, "build");
const config = readConfig({ config: path.join(root, "wrangler.toml") }, { hideWarnings: true });

export const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** Keys of two tenants; the second has spaces in it. */
export const KEY = "maya-e2e-key";
export const OTHER_KEY = "another tenant's key, with spaces";
/** What opens the administration, and what stored answers are encrypted with. */
export const ADMIN_SECRET = "e2e-admin-secret";
export const EDGE_SECRET = "e2e: a secret of more than thirty-two bytes";
export const KEYS = [
  { sha256: sha256(KEY), tenant: "acme", name: "e2e" },
  { sha256: sha256(OTHER_KEY), tenant: "other", name: "e2e" },
];

/**
 * What is stored of a tenant's answers, opened and sealed as the Worker does it, written a second time from the documents: AES-256-GCM
 * under a key from EDGE_SECRET by HKDF, behind a byte for the layout, eight that name the key, and twelve of an initialization vector.
 */
export function vault(tenant, salt = "", secret = EDGE_SECRET) {
  const key = Buffer.from(hkdfSync("sha256", secret, salt, `maya-edge storage 1\0${tenant}`, 32));
  const id = createHash("sha256").update(key).digest().subarray(0, 8);
  const context = (name) => Buffer.from(`${tenant}\n${name}\n${id.toString("hex")}`);
  return {
    open(name, stored) {
      assert.ok(stored[0] === 1 && id.equals(stored.subarray(1, 9)), "sealed with this key");
      const decipher = createDecipheriv("aes-256-gcm", key, stored.subarray(9, 21));
      decipher.setAAD(context(name)).setAuthTag(stored.subarray(-16));
      return Buffer.concat([decipher.update(stored.subarray(21, -16)), decipher.final()]);
    },
    seal(name, plain) {
      const iv = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(context(name));
      return Buffer.concat([Buffer.from([1]), id, iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
  };
}

/** The stand-in for Cerebras: its address, what it has counted, and the last request that it got. */
export async function startStandIn(...flags) {
  const program = process.env.STAND_IN ?? path.join(root, "target/release/cerebras-stand-in");
  const child = spawn(program, ["--port", "0", "--with-parent", ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    new Promise((resolve) => lines.once("line", (text) => resolve([text]))),
    new Promise((_, reject) => child.once("exit", (code) => reject(new Error(`the stand-in ended with ${code}`)))),
  ]);
  const url = line.split(" ").at(-1);
  return {
    url,
    stats: async () => (await fetch(`${url}/_stats`)).json(),
    last: async () => (await fetch(`${url}/_last`)).json(),
    reset: () => fetch(`${url}/_stats/reset`, { method: "POST" }),
    stop: () => child.kill(),
  };
}

/**
 * The Worker as `wrangler deploy` would upload it, with the variables of wrangler.toml and those given. `cache`, `keys`
 * and `ledger` are whether it has those bindings, or "broken"; `wrongKeys` how many an address may send in a minute, if that is limited; `store` is whether it has a store and its queue; `telemetry` whether anything is counted; `prelude` is code that stands before the Worker's own; `storage` is a folder that outlasts the Worker; `twin` is whether
 * there is a second isolate, which has the same ledgers and namespaces.
 */
export async function startEdge({ vars = {}, local = false, cache = true, prelude = "", storage, ledger = true, keys = true, wrongKeys = 0, twin = false, store = true, telemetry = true } = {}) {
  const index = fs.readFileSync(path.join(build, "index.js"), "utf8").replace(/^globalThis\.MAYA_EDGE_LOCAL = true;\n/, "");
  const bindings = {
    ...config.vars,
    GATEWAY_KEYS: KEYS,
    CEREBRAS_API_KEY: "csk-e2e",
    ADMIN_SECRET,
    EDGE_SECRET,
    // Tests ask for failures by the dozen; those of a test must not keep the next from its model.
    HEALTH: { breakers: false, quotas: false, share_ms: 86_400_000 },
    ...vars,
  };
  for (const [name, value] of Object.entries(bindings)) if (value === undefined) delete bindings[name];
  const logs = [];
  const worker = {
    modules: [
      { type: "ESModule", path: path.join(build, "index.js"), contents: prelude + (local ? "globalThis.MAYA_EDGE_LOCAL = true;\n" : "") + index },
      { type: "CompiledWasm", path: path.join(build, "index_bg.wasm") },
    ],
    modulesRoot: build,
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    bindings,
    durableObjects: {
      ...(ledger === true && { LEDGER: { className: "TenantLedger", useSQLite: true } }),
      ...(store && { STORE: { className: "TenantStore", useSQLite: true } }),
      ...(telemetry && { TELEMETRY: { className: "Telemetry", useSQLite: true } }),
    },
    queueProducers: store ? { BATCHES: "maya-edge-batches" } : {},
    queueConsumers: store ? { "maya-edge-batches": { maxBatchSize: 1, maxBatchTimeout: 0 } } : {},
    kvNamespaces: [cache === true && "CACHE", keys === true && "KEYS"].filter(Boolean),
    ratelimits: wrongKeys ? { WRONG_KEYS: { namespace_id: "1001", simple: { limit: wrongKeys, period: 60 } } } : {},
    // Something that is none of what it is bound as: each call of its methods fails.
    serviceBindings: Object.fromEntries(
      Object.entries({ CACHE: cache, KEYS: keys, LEDGER: ledger })
        .filter(([, state]) => state === "broken")
        .map(([name]) => [name, () => new Response()]),
    ),
    // A socket of the Worker's own: Miniflare's entry in front of it would compress answers and keep it from seeing callers go away.
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  };
  const elsewhere = ([name, object]) => [name, { ...object, scriptName: "first" }];
  const second = { ...worker, name: "second", durableObjects: Object.fromEntries(Object.entries(worker.durableObjects).map(elsewhere)), queueConsumers: {} };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      resourcePersistencePath: storage,
      handleStructuredLogs: ({ level, message }) => logs.push(`${level}: ${message}`),
      ...(twin ? { workers: [{ ...worker, name: "first" }, second] } : worker),
    }),
  );
  await miniflare.ready;
  const at = async (name) => String(await miniflare.unsafeGetDirectURL(name)).replace(/\/$/, "");
  return { url: await at(), logs, miniflare, stop: () => miniflare.dispose(), ...(twin && { twin: { url: await at("second") } }) };
}

/** A message or a note as the ledger reads it: its name around what it says. */
const named = ({ ask, note = ask, notes, ...says }) => {
  if (notes) says.notes = notes.map(named);
  return ["verify", "tenant", "tenants"].includes(note) ? note : { [note]: says };
};

/** Asks a tenant's ledger: its reply (a word beside what it says), and the bytes that come along under `bytes`. */
export async function askLedger(at, tenant, message, bytes = "") {
  const namespace = await at.miniflare.getDurableObjectNamespace("LEDGER");
  const reply = await namespace.get(namespace.idFromName(tenant)).act(JSON.stringify(named(message)), new TextEncoder().encode(bytes));
  let said = JSON.parse(reply.text);
  if (message.ask === "reserve") {
    const [[word, says]] = typeof said === "string" ? [[said, {}]] : Object.entries(said);
    said = { word, ...says };
  }
  return reply.bytes === undefined ? said : { ...said, bytes: new TextDecoder().decode(reply.bytes) };
}

/** A chat request with one message, with what is given beside it. */
export const chat = (content, more = {}) => ({ model: "gpt-oss-120b", messages: [{ role: "user", content }], ...more });

/** Posts JSON (or a text as it is) with the test's key. */
export const post = (edge, body, headers = {}, at = "/v1/chat/completions") =>
  fetch(edge.url + at, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}`, ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });

/** A call of the administration, with its secret. */
export const administer = (edge, method, path, body) =>
  fetch(edge.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_SECRET}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

/** Makes a key over the API: its record, and the key itself under `key`. */
export async function makeKey(edge, body) {
  const response = await administer(edge, "POST", "/admin/keys", body);
  const text = await response.text();
  assert.equal(response.status, 201, text);
  return JSON.parse(text);
}

/** What a tenant has used. */
export async function usageOf(edge, tenant, query = "") {
  const response = await administer(edge, "GET", `/v1/usage?tenant=${tenant}${query}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

/**
 * Stands before the Worker's own code: the code given, in which `act` is what a ledger does with a message, and `this` the ledger. The
 * module imports itself, for the build has renamed the class within.
 */
export const aroundLedger = (body) => `
import * as itself from "./index.js";
queueMicrotask(() => {
  const { prototype } = itself.TenantLedger;
  const whole = prototype.act;
  prototype.act = async function (message, bytes) {
    const act = () => whole.call(this, message, bytes);
    ${body}
  };
});
`;

/**
 * A call whose caller can go away so that workerd notices at once: by a reset. A mere close (FIN) may be half of one, so workerd waits
 * for its next write to fail; in production the network in front of the Worker tells it either way.
 */
export function leavable(edge, body, headers = {}) {
  const text = JSON.stringify(body);
  const request = http.request(`${edge.url}/v1/chat/completions`, {
    method: "POST",
    agent: false,
    headers: { "content-type": "application/json", "content-length": Buffer.byteLength(text), authorization: `Bearer ${KEY}`, ...headers },
  });
  const response = new Promise((resolve, reject) => request.once("response", resolve).on("error", reject));
  response.catch(() => {});
  request.end(text);
  return {
    response,
    leave: () => {
      response.then((message) => message.on("error", () => {})).catch(() => {});
      request.socket.resetAndDestroy();
    },
  };
}

/** A request as it is written, byte for byte, for what `fetch` would refuse or hurry: what came back, as a `Response`. */
export const raw = (edge, text) =>
  new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(edge.url).port), "127.0.0.1");
    let got = "";
    const finish = () => {
      const [, status, lines, body] = /^HTTP\/1\.1 (\d+)[^\r]*\r\n(.*?)\r\n\r\n(.*)$/s.exec(got) ?? [];
      if (status === undefined) return;
      const headers = new Headers(lines.split("\r\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (body.length < Number(headers.get("content-length") ?? 0)) return;
      socket.destroy();
      resolve(new Response(body === "" ? null : body, { status: Number(status), headers }));
    };
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      got += data;
      finish();
    });
    socket.on("close", () => reject(new Error(`no whole response: ${got}`)));
    socket.on("error", reject);
    socket.write(Buffer.from(text, "latin1"));
  });

/** The data of each event in a stream's text, by the grammar of the WHATWG: a blank line ends an event, and what none ends is none. */
export function events(text) {
  const found = [];
  let data = null;
  const lines = text.split(/\r\n|\n|\r/);
  // What stands behind the last line end is an unfinished line.
  for (const line of lines.slice(0, -1)) {
    if (line === "" && data !== null) {
      found.push(data);
      data = null;
    } else if (line.startsWith("data:")) {
      const value = line.slice(line[5] === " " ? 6 : 5);
      data = data === null ? value : `${data}\n${value}`;
    }
  }
  return found;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something is so. The deadline is generous: it only ends a run that has failed already. */
export async function eventually(probe, describe) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const last = await probe();
    if (last) return last;
    if (Date.now() > deadline) throw new Error(`never became so: ${describe}`);
    await pause(20);
  }
}

/** A stream's bytes as text in which each byte is one character, so that nothing is lost or mended on the way. */
export const bytesOf = async (response) => Buffer.from(await response.arrayBuffer()).toString("latin1");

/** What a broken stream must look like to every client: all events are JSON, the last one alone has an error, and there is no `[DONE]`. */
export function assertBroken(text, expected = {}) {
  assert.ok(text.endsWith("\n\n"), `ends within an event: ${text.slice(-200)}`);
  assert.ok(!/(^|\n)(event|id|retry):/.test(text), "only data fields");
  const all = events(text);
  assert.ok(!all.some((data) => data.startsWith("[DONE]")), "no [DONE]");
  const chunks = all.map((data) => {
    try {
      return JSON.parse(data);
    } catch {
      return assert.fail(`not JSON: ${data}`);
    }
  });
  const failed = chunks.filter((chunk) => chunk.error);
  assert.equal(failed.length, 1, `one event with an error: ${text.slice(-400)}`);
  const last = chunks.at(-1);
  assert.equal(last, failed[0], "the error comes last");
  assert.equal(typeof last.status_code, "number");
  for (const name of ["message", "type", "param", "code", "id"]) assert.equal(typeof last.error[name], "string", name);
  if (expected.code !== undefined) assert.equal(last.error.code, expected.code);
  if (expected.status !== undefined) assert.equal(last.status_code, expected.status);
  return { chunks: chunks.slice(0, -1), last };
}

/** An error body as every client can read it: the flat fields and the same under `error`, all of them strings. */
export async function assertError(response, status, code) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get("content-type"), "application/json");
  const body = JSON.parse(text);
  for (const name of ["message", "type", "param", "code"]) {
    assert.equal(typeof body[name], "string", `${name} is a string: ${text}`);
    assert.equal(body.error[name], body[name], `${name} is the same in both envelopes: ${text}`);
  }
  assert.notEqual(body.message, "");
  if (code !== undefined) assert.equal(body.code, code, text);
  return body;
}

/** The whole answer that a stream's text spells, joined the way clients join it. */
export function spelled(text) {
  const all = events(text);
  assert.equal(all.at(-1), "[DONE]");
  const answer = {};
  const choices = new Map();
  const join = (target, source) => {
    for (const [name, value] of Object.entries(source)) {
      if (typeof value === "string" && typeof target[name] === "string" && name !== "role") target[name] += value;
      else if (Array.isArray(value) && Array.isArray(target[name])) target[name].push(...value);
      else if (value && typeof value === "object" && !Array.isArray(value) && target[name]) join(target[name], value);
      else if (value !== null || target[name] === undefined) target[name] = structuredClone(value);
    }
  };
  for (const data of all.slice(0, -1)) {
    const { choices: pieces, object, ...rest } = JSON.parse(data);
    Object.assign(answer, rest);
    assert.ok(object === "chat.completion.chunk" || object === "text_completion", object);
    for (const { delta, ...piece } of pieces ?? []) {
      if (!choices.has(piece.index)) choices.set(piece.index, {});
      const choice = choices.get(piece.index);
      const { index, ...other } = piece;
      choice.index = index;
      join(choice, delta === undefined ? other : { ...other, message: delta });
    }
  }
  for (const choice of choices.values()) {
    for (const call of choice.message?.tool_calls ?? []) delete call.index;
  }
  return { ...answer, choices: [...choices.values()].sort((one, other) => one.index - other.index) };
}
