// Raw workerd with a configuration of its own: miniflare and `wrangler dev` cost several times what a Worker does.
import fs from "node:fs";
import path from "node:path";
import { root } from "../scripts/toolchain.mjs";
import { lineOf, SERVER_CORE, start, temporaryFolder } from "./children.mjs";

// Not the `.bin` entry, which may be a launcher in JavaScript: its process would be the one that is measured.
const binary = [
  path.join(root, `node_modules/@cloudflare/workerd-${process.platform}-${process.arch === "x64" ? "64" : process.arch}/bin/workerd`),
  path.join(root, "node_modules/workerd/bin/workerd"),
].find((file) => fs.existsSync(file));

// It has to read what it is sent, because a queue's message that nobody reads keeps its sender waiting, and a sender wants these figures.
const sink = `export default {
  async fetch(request) {
    await request.arrayBuffer();
    return Response.json({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } } });
  },
};`;

const memoryFolder = fs.existsSync("/dev/shm") ? "/dev/shm" : undefined;

/** Text as Cap'n Proto writes it. */
const text = (value) =>
  `"${value.replace(/["\\\x00-\x1f]/g, (c) => (c === '"' || c === "\\" ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`))}"`;

/** A binding of a contender as Cap'n Proto; `kind` is one of those below. */
function binding({ name, kind, value }) {
  const forms = {
    text: () => `text = ${text(value)}`,
    json: () => `json = ${text(JSON.stringify(value))}`,
    kv: () => `kvNamespace = "kv"`,
    durableObject: () => `durableObjectNamespace = ${text(value)}`,
    // Whatever else the Worker is bound to (assets, queues) answers at once with nothing, so that it costs nothing here.
    sink: () => `service = "sink"`,
    queue: () => `queue = "sink"`,
    analytics: () => `analyticsEngine = "sink"`,
  };
  return `(name = ${text(name)}, ${forms[kind]()})`;
}

/** Copies the modules beside the configuration, where `embed` finds them, and lists them. */
function modules(contender, folder) {
  return contender.modules.map((file, index) => {
    const local = `module-${index}${path.extname(file)}`;
    fs.copyFileSync(file, path.join(folder, local));
    const kind = file.endsWith(".wasm") ? "wasm" : "esModule";
    return `(name = ${text(path.basename(file))}, ${kind} = embed ${text(local)})`;
  });
}

function configuration(contender, folder, { kvPort, v8Flags }) {
  const list = (items) => `[${items.join(", ")}]`;
  const objects = contender.durableObjects ?? [];
  const namespaces = objects.map(({ className, sql }) => `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = ${sql})`);
  const storage = objects.length > 0 ? `durableObjectNamespaces = ${list(namespaces)}, durableObjectStorage = (localDisk = "objects"),` : "";
  // Not workerd's own storage in memory, which knows no SQL; but a folder in memory where there is one, because a disk's waits would be
  // measured instead of the Worker's work.
  const disk = objects.length > 0 ? `(name = "objects", disk = (path = ${text(temporaryFolder("objects", memoryFolder))}, writable = true)),` : "";
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "outbound", network = (allow = ["public", "private", "local"])),
    (name = "kv", external = (address = "127.0.0.1:${kvPort}", http = ())),
    (name = "sink", worker = .sink),
    ${disk}
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  v8Flags = ${list(v8Flags.map(text))},
);
const main :Workerd.Worker = (
  modules = ${list(modules(contender, folder))},
  compatibilityDate = ${text(contender.compatibilityDate)},
  compatibilityFlags = ${list((contender.compatibilityFlags ?? []).map(text))},
  bindings = ${list(contender.bindings.map(binding))},
  ${storage}
  globalOutbound = "outbound",
);
const sink :Workerd.Worker = (
  modules = [(name = "sink.js", esModule = ${text(sink)})],
  compatibilityDate = ${text(contender.compatibilityDate)},
);
`;
}

/**
 * Starts workerd for a contender and returns `{child, port, target}` once it listens.
 * `wrap` is a command to run it under; `patience` says how long the start may take.
 */
export async function serve(contender, origin, { v8Flags = [], wrap = [], patience = 20_000, core = SERVER_CORE } = {}) {
  const folder = temporaryFolder(contender.name);
  fs.writeFileSync(path.join(folder, "config.capnp"), configuration(contender, folder, { kvPort: origin.kv, v8Flags }));
  const experimental = contender.bindings.some(({ kind }) => kind === "analytics") ? ["--experimental"] : [];
  const [program, ...args] = [...wrap, binary, "serve", ...experimental, "config.capnp", "--control-fd=3"];
  const child = start(program, args, { core, cwd: folder, stdio: ["ignore", "ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (piece) => {
    complaints = (complaints + piece).slice(-4_000);
  });
  const listening = (line) => {
    const message = JSON.parse(line);
    return message.event === "listen" && message.socket === "http" ? message.port : undefined;
  };
  try {
    const port = await lineOf(child.stdio[3], listening, patience, contender.name);
    const { name, upstreamCalls } = contender;
    return { name, upstreamCalls, child, folder, port, target: `127.0.0.1:${port}`, complaints: () => complaints };
  } catch (error) {
    throw new Error(`${error.message}\n${complaints}`);
  }
}
