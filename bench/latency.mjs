// What a gateway adds to the caller's wait: everything is compared with the same requests sent straight to the origin.
import { WITHOUT_LEDGER } from "./contenders.mjs";
import { differences, fixed, median, spread, table } from "./figures.mjs";
import { cpu, cpuRatios, interleave, rate } from "./rounds.mjs";

const points = ["p50", "p95", "p99"];
const at = (lane, point, of = "latency_us") => lane.runs.map((run) => run[of][point] / 1000);
const added = (lane, direct, point, of) => differences(at(lane, point, of), at(direct, point, of));

async function lanes(bench, scenario) {
  const servers = await bench.servers("pass-js", WITHOUT_LEDGER, bench.contender);
  return [bench.origin, ...servers].map((server) => ({ server, scenario }));
}

/** A fixed rate that no contender is troubled by: what is left is the gateway's own time. */
async function openLoop(bench) {
  const options = { rounds: bench.latencyRounds, connections: 32, rate: 100, requests: 300, settleIn: 100, cpu: false };
  const [direct, ...others] = await interleave(bench, await lanes(bench, "slow"), options);
  const rows = others.map((lane) => [lane.label, ...points.map((point) => spread(added(lane, direct, point)))]);
  const straight = ["direct, in all", ...points.map((point) => fixed(median(at(direct, point)), 2))];
  const [, bare, own] = others;
  const ledger = { what: "what the ledger adds to a miss, p50, ms", value: median(added(own, bare, "p50")), limit: 1 };
  return [table(["added, ms", ...points], [straight, ...rows]), ledger];
}

async function closedLoop(bench) {
  const rows = [];
  for (const [connections, requests] of [
    [1, 400],
    [16, 1000],
    [64, 1000],
  ]) {
    const options = { rounds: bench.latencyRounds, connections, requests, warmup: connections, cpu: false };
    const [direct, ...others] = await interleave(bench, await lanes(bench, "miss"), options);
    for (const lane of others) {
      const figures = points.map((point) => spread(added(lane, direct, point)));
      rows.push([`${lane.label}, ${connections}`, fixed(median(lane.runs.map(rate)), 0), ...figures]);
    }
  }
  return table(["added, ms, by connections", "req/s", ...points], rows);
}

export async function latency(bench) {
  const [open, ledger] = await openLoop(bench);
  const closed = await closedLoop(bench);
  const text = [
    "Open loop: 100 requests a second, an upstream of 20 ms; what counts is the added p50.",
    open,
    "Closed loop against the fastest upstream: the server is busy all the time, so this is mostly its own queue.",
    closed,
  ];
  return { title: "Added latency", text: text.join("\n\n"), goals: [ledger] };
}

/** Streams as they really come: paced, so that a gateway that waits for full buffers shows. */
export async function paced(bench) {
  const options = { rounds: bench.rounds, connections: 8, requests: 24, settleIn: 8 };
  const [direct, ...others] = await interleave(bench, await lanes(bench, "paced"), options);
  const [pass, , own] = others;
  const of = "first_byte_us";
  const rows = [
    [direct.label, fixed(median(at(direct, "p50", of)), 2), "", "", ""],
    ...others.map((lane) => [
      lane.label,
      fixed(median(at(lane, "p50", of)), 2),
      spread(added(lane, direct, "p50", of)),
      fixed(median(lane.runs.map(cpu)), 0),
      spread(cpuRatios(lane, pass)),
    ]),
  ];
  return {
    title: "A stream of 52 events, 20 ms to the first, then one every 2.3 ms (8 connections)",
    text: table(["", "first byte, ms", "added, ms", "CPU, µs a stream", "CPU ÷ pass-js"], rows),
    goals: [
      { what: "a paced stream, first byte, ms after pass-js", value: median(added(own, pass, "p50", of)), limit: 2 },
      { what: "a paced stream, CPU ÷ pass-js", value: median(cpuRatios(own, pass)), limit: 2 },
    ],
  };
}
