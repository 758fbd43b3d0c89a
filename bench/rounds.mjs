// Interleaved rounds: a machine that is slow for a while is slow for all contenders.
import { fixed, median, ratios, spread } from "./figures.mjs";
import { load, proveUpstream } from "./load.mjs";

/**
 * Runs blocks round by round, one block a lane, the order turned every round. A lane is `{server, scenario, label}`. Returns the lanes
 * with their `runs`.
 */
export async function interleave(bench, lanes, { rounds, settleIn = 0, ...block }) {
  const filled = lanes.map((lane) => ({ label: lane.server.name, ...lane, runs: [] }));
  // The runtime compiles what is hot, and a cache has to be filled, before anything counts.
  for (const { server, scenario } of filled) {
    if (settleIn) await load(bench, server, scenario, { ...block, warmup: 0, rate: undefined, requests: settleIn });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const lane of round % 2 ? [...filled].reverse() : filled) {
      const run = await load(bench, lane.server, lane.scenario, block);
      proveUpstream(lane.server, lane.scenario, run);
      lane.runs.push(run);
    }
  }
  return filled;
}

export const cpu = (run) => run.cpu_us / run.requests;
export const rate = (run) => run.requests / run.seconds;

export const head = ["", "CPU, µs a request", "CPU ÷ pass-js", "req/s", "req/s ÷ pass-js", "upstream calls", "KV reads", "KV writes"];

/** CPU of a lane over that of another, round by round. */
export const cpuRatios = (lane, base) => ratios(lane.runs.map(cpu), base.runs.map(cpu));

/** One row of figures a lane, with ratios to the lane `base`; counts are per request. */
export const rows = (lanes, base) =>
  lanes.map((lane) => [
    lane.label,
    fixed(median(lane.runs.map(cpu)), 0),
    spread(cpuRatios(lane, base)),
    fixed(median(lane.runs.map(rate)), 0),
    spread(ratios(lane.runs.map(rate), base.runs.map(rate))),
    ...["upstream", "kvGets", "kvPuts"].map((count) => fixed(median(lane.runs.map((run) => run[count])), 2).replace(/\.?0+$/, "")),
  ]);
