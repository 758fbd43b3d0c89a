// npm run bench -- [--quick] [--only miss,stream,…] [--write] [--no-build] [--contender NAME]
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { build as buildWorker } from "../scripts/build.mjs";
import { ensure, main, root, run, SetupError } from "../scripts/toolchain.mjs";
import { batch } from "./batch.mjs";
import { contenders } from "./contenders.mjs";
import { content } from "./content.mjs";
import { instructions } from "./instructions.mjs";
import { latency, paced } from "./latency.mjs";
import { programs, startOrigin } from "./load.mjs";
import { conditions, goals, print, write } from "./report.mjs";
import { startup } from "./startup.mjs";
import { telemetry } from "./telemetry.mjs";
import { hits, misses, streams } from "./throughput.mjs";
import { understanding } from "./understanding.mjs";
import { serve } from "./workerd.mjs";

const sections = { miss: [misses], stream: [streams, paced], hit: [hits], latency: [latency], telemetry: [telemetry], edge: [understanding], content: [content], batch: [batch], start: [startup], instructions: [instructions] };

function options() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      write: { type: "boolean", default: false },
      contender: { type: "string", default: "maya-edge" },
      "no-build": { type: "boolean", default: false },
    },
  });
  // A quick run leaves out what takes minutes.
  const usual = Object.keys(sections).filter((name) => !values.quick || name !== "instructions");
  const only = values.only?.split(",") ?? usual;
  const unknown = only.find((name) => !sections[name]);
  if (unknown !== undefined) throw new SetupError(`--only: no part \`${unknown}\`; there are ${Object.keys(sections).join(", ")}`);
  if (values.write && (values.only || values.quick)) throw new SetupError("--write keeps whole runs only, without --only and --quick");
  return { ...values, only };
}

function build({ "no-build": skip, contender }) {
  if (skip) return;
  const env = ensure();
  if (contender === "maya-edge") buildWorker(env);
  run("cargo", ["build", "--release", "--quiet", "-p", "edge-load", "-p", "cerebras-stand-in"], { env });
}

/** Servers stay up between the parts: what they compiled once stays compiled. */
function servers(all, origin) {
  const running = {};
  return async (...names) => {
    for (const name of names) running[name] ??= await serve(all[name](origin), origin);
    return names.map((name) => running[name]);
  };
}

await main(async () => {
  const chosen = options();
  build(chosen);
  const binaries = programs(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"));
  if (!fs.existsSync(binaries.load)) throw new SetupError("bench/load is not built: leave --no-build out");
  const origin = await startOrigin(binaries);
  const all = await contenders();
  if (!all[chosen.contender]) throw new SetupError(`--contender: there are ${Object.keys(all).join(", ")}`);
  const bench = {
    programs: binaries,
    origin,
    contenders: all,
    servers: servers(all, origin),
    contender: chosen.contender,
    quick: chosen.quick,
    rounds: chosen.quick ? 5 : 15,
    latencyRounds: chosen.quick ? 1 : 3,
    starts: chosen.quick ? 3 : 9,
  };
  const results = [];
  const keep = (section) => {
    results.push(section);
    console.log(print(section));
    if (section.note) console.log(`${section.note}\n`);
  };
  console.log(`${conditions(chosen)}\n`);
  for (const name of chosen.only) for (const measure of sections[name]) keep(await measure(bench));
  const [summary] = goals(results);
  if (summary) console.log(print(summary));
  if (chosen.write) write([conditions(chosen), ...[summary, ...results].map(print)].join("\n\n"));
  process.exit(0);
});
