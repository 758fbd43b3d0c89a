// The house for end-to-end tests: the built Worker in workerd, with KV, in front of the stand-in for Cerebras.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { unstable_readConfig as readConfig } from "wrangler";

const root = path.resolve(import.meta.dirname, "../..");
const config = readConfig({ config: path.join(root, "wrangler.toml") }, { hideWarnings: true });

export const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** Keys of two tenants; the second has spaces in it. */
export const KEY = "maya-e2e-key";
export const OTHER_KEY = "another tenant's key, with spaces";
const KEYS = [
  { sha256: sha256(KEY), tenant: "acme", name: "e2e" },
  { sha256: sha256(OTHER_KEY), tenant: "other", name: "e2e" },
];

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

/** The Worker as `wrangler deploy` would upload it, with the variables of wrangler.toml and those given. */
export async function startEdge({ vars = {}, local = false, cache = true } = {}) {
  const index = fs.readFileSync(path.join(root, "build/index.js"), "utf8").replace(/^globalThis\.MAYA_EDGE_LOCAL = true;\n/, "");
  const bindings = { ...config.vars, GATEWAY_KEYS: KEYS, CEREBRAS_API_KEY: "csk-e2e", ...vars };
  for (const [name, value] of Object.entries(bindings)) if (value === undefined) delete bindings[name];
  const logs = [];
  const miniflare = new Miniflare(convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules: [
      { type: "ESModule", path: path.join(root, "build/index.js"), contents: (local ? "globalThis.MAYA_EDGE_LOCAL = true;\n" : "") + index },
      { type: "CompiledWasm", path: path.join(root, "build/index_bg.wasm") },
    ],
    modulesRoot: path.join(root, "build"),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    bindings,
    kvNamespaces: cache ? ["CACHE"] : [],
    handleStructuredLogs: ({ level, message }) => logs.push(`${level}: ${message}`),
  }));
  const url = String(await miniflare.ready).replace(/\/$/, "");
  return { url, logs, miniflare, stop: () => miniflare.dispose() };
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

/** The data of each event in a stream's text. */
export const events = (text) =>
  text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice(6));

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something is so, two seconds at the most. */
export async function eventually(probe, describe) {
  let last;
  for (let tries = 0; tries < 100; tries++) {
    last = await probe();
    if (last) return last;
    await pause(20);
  }
  throw new Error(`never became so: ${describe}`);
}
