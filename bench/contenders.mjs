// Who is compared: a name, modules (the first is the main one) and bindings. All get the same requests.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { root } from "../scripts/toolchain.mjs";

/** maya-edge as it is when nobody is limited and nothing is counted. */
export const WITHOUT_LEDGER = "maya-edge without ledger";
/** maya-edge as it is when nothing is counted over time. */
export const WITHOUT_TELEMETRY = "maya-edge without telemetry";
const CALLER_KEY = "maya-bench";
/** What a caller sends, to every contender and to the origin. */
export const requestHeaders = [
  `authorization: Bearer ${CALLER_KEY}`,
  "content-type: application/json",
  "accept: application/json",
  "user-agent: edge-load",
];

// How many calls to the origin one request may cause, by the kind of the request.
const always = { miss: 1, hit: 1 };
const whenMissed = { miss: 1, hit: 0 };
const never = { miss: 0, hit: 0 };

/** A Worker of this folder: the upstream's address and key, KV, and nothing switched on. */
const javascript = (name, upstreamCalls, { compatibilityDate }) => (origin) => ({
  name,
  upstreamCalls,
  modules: [path.join(import.meta.dirname, `${name.replace("-js", "")}.js`)],
  compatibilityDate,
  bindings: [
    { name: "UPSTREAM", kind: "text", value: origin.url },
    { name: "CEREBRAS_API_KEY", kind: "text", value: "csk-benchmark" },
    { name: "CACHE", kind: "kv" },
  ],
});

/** The main module and all that it imports by a relative path. */
function modulesFrom(main) {
  const found = [main];
  for (const file of found) {
    if (!/\.m?js$/.test(file)) continue;
    for (const [, relative] of fs.readFileSync(file, "utf8").matchAll(/\b(?:from|import)\s*\(?\s*["'](\.\.?\/[^"']+)["']/g)) {
      const imported = path.resolve(path.dirname(file), relative);
      if (!found.includes(imported) && fs.existsSync(imported)) found.push(imported);
    }
  }
  return found;
}

/**
 * The Worker as wrangler.toml describes it, every feature as it is configured there; or without one of its Durable Objects, which shows
 * what that costs.
 */
const gateway = (name, config, { without } = {}) => (origin) => {
  const main = path.join(root, "build/index.js");
  if (!fs.existsSync(main)) throw new Error("build/index.js is missing: `npm run build` makes it");
  const base = new URL(config.vars?.CEREBRAS_BASE_URL || "https://api.cerebras.ai");
  const vars = {
    ...config.vars,
    CEREBRAS_API_KEY: "csk-benchmark",
    EDGE_SECRET: "benchmark: what stored answers are encrypted with",
    ...(without === "LEDGER" ? { LEDGER_FAILURE: "allow" } : {}),
    CEREBRAS_BASE_URL: `${origin.url}${base.pathname.replace(/\/$/, "")}`,
    GATEWAY_KEYS: [{ sha256: createHash("sha256").update(CALLER_KEY).digest("hex"), tenant: "bench", name: "bench" }],
  };
  const classes = config.migrations?.flatMap((step) => step.new_sqlite_classes ?? []) ?? [];
  const objects = (config.durable_objects?.bindings ?? []).filter((one) => one.name !== without);
  const namespaces = new Set(["CACHE", ...(config.kv_namespaces ?? []).map((one) => one.binding)]);
  const sinks = [config.assets?.binding, ...(config.services ?? []).map((one) => one.binding)].filter(Boolean);
  return {
    name,
    upstreamCalls: whenMissed,
    modules: modulesFrom(main),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    durableObjects: objects.map((one) => ({ className: one.class_name, sql: classes.includes(one.class_name) })),
    bindings: [
      ...Object.entries(vars).map(([name, value]) => ({ name, kind: typeof value === "string" ? "text" : "json", value })),
      ...[...namespaces].map((name) => ({ name, kind: "kv" })),
      ...objects.map((one) => ({ name: one.name, kind: "durableObject", value: one.class_name })),
      ...sinks.map((name) => ({ name, kind: "sink" })),
      ...(config.queues?.producers ?? []).map((one) => ({ name: one.binding, kind: "queue" })),
      ...(config.analytics_engine_datasets ?? []).map((one) => ({ name: one.binding, kind: "analytics" })),
    ],
  };
};

async function readConfiguration() {
  const file = path.join(root, "wrangler.toml");
  const defaults = { compatibility_date: "2026-11-01", compatibility_flags: ["enable_request_signal"] };
  if (!fs.existsSync(file)) return defaults;
  const { unstable_readConfig } = await import("wrangler");
  return { ...defaults, ...unstable_readConfig({ config: file }, { hideWarnings: true }) };
}

/** Functions that make a contender for an origin, by name. The yardsticks get the same date, but no flag: flags cost, too. */
export async function contenders() {
  const config = await readConfiguration();
  const date = { compatibilityDate: config.compatibility_date };
  return {
    "hello-js": javascript("hello-js", never, date),
    "pass-js": javascript("pass-js", always, date),
    "parse-js": javascript("parse-js", always, date),
    "kv-js": javascript("kv-js", whenMissed, date),
    "maya-edge": gateway("maya-edge", config),
    [WITHOUT_LEDGER]: gateway(WITHOUT_LEDGER, config, { without: "LEDGER" }),
    [WITHOUT_TELEMETRY]: gateway(WITHOUT_TELEMETRY, config, { without: "TELEMETRY" }),
  };
}
