// What counting over time costs: the gateway with the Durable Object for telemetry and without it, in one interleaved run.
import { WITHOUT_TELEMETRY } from "./contenders.mjs";
import { fixed, median, spread, table } from "./figures.mjs";
import { cpu, cpuRatios, interleave, rate } from "./rounds.mjs";

const KINDS = [
  { scenario: "miss", label: "a miss", requests: 800 },
  { scenario: "hit", label: "a hit", requests: 800 },
  { scenario: "stream", label: "a stream at full speed", requests: 400 },
];

export async function telemetry(bench) {
  const [without, own] = await bench.servers(WITHOUT_TELEMETRY, bench.contender);
  const rows = [];
  for (const { scenario, label, requests } of KINDS) {
    const lanes = [without, own].map((server) => ({ server, scenario }));
    const [bare, counted] = await interleave(bench, lanes, { rounds: bench.rounds, requests, warmup: 16, settleIn: 600 });
    const means = [bare, counted].flatMap((lane) => [fixed(median(lane.runs.map(cpu)), 0), fixed(median(lane.runs.map(rate)), 0)]);
    rows.push([label, ...means, spread(cpuRatios(counted, bare))]);
  }
  const head = ["", "CPU without, µs", "req/s without", "CPU with, µs", "req/s with", "CPU with ÷ without"];
  return { title: "What telemetry adds (16 connections)", text: table(head, rows), goals: [] };
}
