// From the start of the process to the first answer, and what has to be loaded for it.
import fs from "node:fs";
import { gzipSync } from "node:zlib";
import { stop } from "./children.mjs";
import { requestHeaders } from "./contenders.mjs";
import { differences, fixed, median, spread, table } from "./figures.mjs";
import { scenarios } from "./scenarios.mjs";
import { serve } from "./workerd.mjs";

const headers = Object.fromEntries(requestHeaders.map((line) => line.split(": ")));

/** Milliseconds until a fresh process has answered a miss in full. */
async function once(contender, origin) {
  const began = performance.now();
  const server = await serve(contender, origin);
  const response = await fetch(`http://${server.target}/v1/chat/completions`, { method: "POST", headers, body: scenarios.miss.body });
  const text = await response.text();
  const took = performance.now() - began;
  await stop(server.child);
  if (response.status !== 200) throw new Error(`${contender.name}, start: ${response.status} ${text}\n${server.complaints()}`);
  return took;
}

/** Bytes of all modules, each compressed as an upload would be. */
function bundle({ modules }) {
  const files = modules.map((file) => fs.readFileSync(file));
  const sum = (sizes) => sizes.reduce((total, size) => total + size, 0) / 1000;
  return { raw: sum(files.map((file) => file.length)), compressed: sum(files.map((file) => gzipSync(file, { level: 9 }).length)) };
}

export async function startup(bench) {
  const { origin, contender } = bench;
  const names = ["hello-js", "pass-js", contender];
  const entries = names.map((name) => bench.contenders[name](origin));
  const times = Object.fromEntries(names.map((name) => [name, []]));
  // One start each that does not count: the files have to come from the disk once.
  for (let round = -1; round < bench.starts; round += 1) {
    for (const entry of entries) {
      const took = await once(entry, origin);
      if (round >= 0) times[entry.name].push(took);
    }
  }
  const beyond = (name) => differences(times[name], times["pass-js"]);
  const rows = entries.map((entry) => {
    const { raw, compressed } = bundle(entry);
    return [entry.name, fixed(median(times[entry.name]), 1), spread(beyond(entry.name), 1), fixed(raw, 1), fixed(compressed, 1)];
  });
  const own = entries.find((entry) => entry.name === contender);
  return {
    title: `Start (process start to first answer, median of ${bench.starts})`,
    text: table(["", "ms", "ms after pass-js", "modules, kB", "compressed, kB"], rows),
    goals: [
      { what: "start, ms after pass-js", value: median(beyond(contender)), limit: 100 },
      { what: "compressed bundle, kB", value: bundle(own).compressed, limit: 1500 },
    ],
  };
}
