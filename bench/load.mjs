// The two native programs of bench/load: the origin, and one run of the load generator.
import fs from "node:fs";
import path from "node:path";
import { lineOf, LOAD_CORE, start, temporaryFolder } from "./children.mjs";
import { requestHeaders } from "./contenders.mjs";
import { scenarios } from "./scenarios.mjs";

/** Where cargo put the programs. */
export function programs(targetFolder) {
  return { load: path.join(targetFolder, "release/edge-load"), origin: path.join(targetFolder, "release/edge-origin") };
}

export async function startOrigin({ origin }) {
  const child = start(origin, [], { core: LOAD_CORE, stdio: ["ignore", "pipe", "inherit"] });
  const { port, kv } = await lineOf(child.stdout, (line) => JSON.parse(line), 5_000, "edge-origin");
  const target = `127.0.0.1:${port}`;
  const url = `http://${target}`;
  const counts = async () => (await fetch(`${url}/_stats`)).json();
  return { name: "direct", upstreamCalls: { miss: 1, hit: 1 }, child, port, kv, target, url, counts };
}

const folder = temporaryFolder("requests");
// No two runs of a benchmark share a unique prompt.
let next = 0;

/**
 * One run of the load generator against a server (`{target, child}`). Any error ends the benchmark: a figure of failed requests is
 * no figure. So does a number of upstream calls that the scenario does not allow.
 */
export async function load({ programs, origin }, server, name, { connections = 16, warmup = 0, requests, rate, maxSeconds = 60, cpu = true }) {
  const scenario = scenarios[name];
  const file = path.join(folder, `${name}.json`);
  if (!fs.existsSync(file)) fs.writeFileSync(file, scenario.body);
  const options = {
    target: server.target,
    "body-file": file,
    path: scenario.path,
    connections,
    warmup,
    requests,
    rate,
    first: next,
    "expect-end": scenario.end,
    "max-seconds": maxSeconds,
    // The origin as server is the direct way; its threads end with the connections, and nobody asks what it costs.
    "cpu-of": cpu && server !== origin ? server.child.pid : undefined,
  };
  next += warmup + requests;
  const args = Object.entries(options).flatMap(([option, value]) => (value === undefined ? [] : [`--${option}`, String(value)]));
  const headers = requestHeaders.flatMap((line) => ["--header", line]);
  const before = await origin.counts();
  const child = start(programs.load, [...args, ...headers], { core: LOAD_CORE, stdio: ["ignore", "pipe", "inherit"] });
  const result = await lineOf(child.stdout, (line) => JSON.parse(line), (maxSeconds * 2 + 30) * 1000, "edge-load");
  const after = await origin.counts();
  if (result.errors > 0) {
    const log = server.complaints?.() ?? "";
    throw new Error(`${server.name}, ${name}: ${result.errors} of ${requests} requests failed, the first one so: ${result.first_error}\n${log}`);
  }
  const sent = warmup + requests;
  const per = (count) => (after[count] - before[count]) / sent;
  return { ...result, upstream: per("calls"), kvGets: per("kv_gets"), kvPuts: per("kv_puts") };
}

/** Ends the benchmark when the origin's own count contradicts what a run claims to measure. */
export function proveUpstream(server, name, run) {
  const wanted = scenarios[name].upstream ?? server.upstreamCalls[name === "hit" ? "hit" : "miss"];
  if (run.upstream === wanted) return;
  throw new Error(`${server.name}, ${name}: ${run.upstream} upstream calls a request, expected ${wanted}: not what it is called`);
}
