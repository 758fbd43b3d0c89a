// Instructions per request: the figure that repeats on a noisy machine, so the one to compare between commits.
//
// workerd runs under valgrind's cachegrind, which counts every instruction of the process (runtime, compiled JavaScript and wasm; not
// the kernel). Two runs that differ only in N requests of one kind differ by what those requests take, start-up and warm-up cancel.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { stop } from "./children.mjs";
import { WITHOUT_LEDGER } from "./contenders.mjs";
import { fixed, table } from "./figures.mjs";
import { load, proveUpstream, startOrigin } from "./load.mjs";
import { kept } from "./report.mjs";
import { serve } from "./workerd.mjs";

// A gateway's code is compiled and settled after about 200 requests of the first kind; later kinds share most of it.
const WARMUP = { first: 250, later: 150 };
const COUNTED = 300;
// Time must not decide what is compiled when, nor where the heap's collections fall. And wasm is optimized from the start, as it is in
// an isolate that has served a thousand requests: else the counted ones would hold the compiler's work.
const V8_FLAGS = ["--single-threaded", "--predictable", "--no-liftoff"];
const PATIENCE = 240_000;

/** Instructions of a whole life of the server: each scenario's warm-up in turn, and `COUNTED` more of `counted`. */
async function life(bench, name, scenarios, counted) {
  // An origin of its own, because two lives run side by side and its counts prove what each did.
  const origin = await startOrigin(bench.programs);
  const own = { ...bench, origin };
  const wrap = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--smc-check=all-non-file", "--cachegrind-out-file=counts"];
  const server = await serve(bench.contenders[name](origin), origin, { v8Flags: V8_FLAGS, wrap, patience: PATIENCE, core: undefined });
  const options = { connections: 1, cpu: false, maxSeconds: PATIENCE / 1000 };
  for (const [position, scenario] of scenarios.entries()) {
    const warmup = position === 0 ? WARMUP.first : WARMUP.later;
    if (scenario === "hit") await load(own, server, scenario, { ...options, requests: 1 });
    const run = await load(own, server, scenario, { ...options, requests: scenario === counted ? warmup + COUNTED : warmup });
    proveUpstream(server, scenario, run);
  }
  // The counts are written when the process ends.
  await stop(server.child, PATIENCE);
  await stop(origin.child);
  const summary = /^summary: (\d+)/m.exec(fs.readFileSync(path.join(server.folder, "counts"), "utf8"));
  if (!summary) throw new Error(`${name}: valgrind wrote no summary`);
  return Number(summary[1]);
}

/** Runs tasks with as many at a time as there are cores: another process's load does not change a count. */
async function sideBySide(tasks) {
  const results = [];
  const waiting = tasks.map((task, index) => ({ task, index }));
  const work = async () => {
    // The last ones first: they take longest.
    for (let next = waiting.pop(); next; next = waiting.pop()) results[next.index] = await next.task();
  };
  await Promise.all(Array.from({ length: Math.min(2, os.availableParallelism()) }, work));
  return results;
}

const labels = { miss: "a miss", cacheable: "a miss that is stored in KV", hit: "a hit", stream: "a stream of 52 events" };

/** What moved since BENCHMARKS.md was written, for whoever is about to commit; 2 % is well beyond what repeats. */
function changes(figures) {
  const known = figures.flatMap(({ label, value }) => (kept(label) ? [{ label, percent: (value / kept(label) - 1) * 100 }] : []));
  if (known.length === 0) return undefined;
  const words = known.map(({ label, percent }) => `${label} ${percent >= 0 ? "+" : ""}${percent.toFixed(1)} %${percent > 2 ? " (!)" : ""}`);
  return `Against BENCHMARKS.md: ${words.join("; ")}.`;
}

export async function instructions(bench) {
  if (spawnSync("valgrind", ["--version"]).status !== 0) {
    return { title: "Instructions per request", text: "Not measured: valgrind is missing (`apt-get install valgrind`).", goals: [] };
  }
  const kinds = { "pass-js": ["miss", "stream"], [WITHOUT_LEDGER]: ["miss", "stream"], [bench.contender]: ["miss", "cacheable", "hit", "stream"] };
  const wanted = Object.entries(kinds).flatMap(([name, scenarios]) => [undefined, ...scenarios].map((counted) => ({ name, scenarios, counted })));
  const totals = await sideBySide(wanted.map(({ name, scenarios, counted }) => () => life(bench, name, scenarios, counted)));
  const total = (name, counted) => totals[wanted.findIndex((one) => one.name === name && one.counted === counted)];
  const thousands = (name, scenario) => (total(name, scenario) - total(name, undefined)) / COUNTED / 1000;
  // A stored miss and a hit are compared with what the pass-through does for the same request: a miss.
  const over = (name, scenario) => thousands(name, scenario) / thousands("pass-js", scenario === "stream" ? "stream" : "miss");
  const figures = wanted
    .filter(({ counted }) => counted)
    .map(({ name, counted }) => ({ label: `${name}, ${labels[counted]}`, value: thousands(name, counted), ratio: over(name, counted) }));
  const rows = figures.map(({ label, value, ratio }) => [label, fixed(value, 1), fixed(ratio, 3)]);
  return {
    title: "Instructions per request",
    text: table(["", "thousand instructions", "÷ pass-js"], rows),
    note: changes(figures),
    goals: [
      { what: "a miss without ledger, instructions ÷ pass-js", value: over(WITHOUT_LEDGER, "miss"), limit: 1.7 },
      { what: "a stream without ledger, instructions ÷ pass-js", value: over(WITHOUT_LEDGER, "stream"), limit: 2 },
    ],
  };
}
