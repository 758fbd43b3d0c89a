// What the Worker's own models take: texts of 280 characters, answered without an upstream.
import { differences, fixed, median, spread, table } from "./figures.mjs";
import { cpu, interleave } from "./rounds.mjs";

const asked = ["intents", "sentiments", "languages", "pii", "measures", "moderations", "embeddings"];

export async function understanding(bench) {
  const [hello, own] = await bench.servers("hello-js", bench.contender);
  const lanes = [{ server: hello, scenario: "miss" }, ...asked.map((scenario) => ({ server: own, scenario, label: `/v1/${scenario}` }))];
  const busy = await interleave(bench, lanes, { rounds: bench.rounds, connections: 4, requests: 200, warmup: 16, settleIn: 400 });
  const calm = await interleave(bench, lanes, { rounds: bench.latencyRounds, connections: 8, rate: 100, requests: 200, settleIn: 50, cpu: false });
  const beyond = (lane) => differences(lane.runs.map(cpu), busy[0].runs.map(cpu)).map((us) => us / 1000);
  const p50 = (lane) => lane.runs.map((run) => run.latency_us.p50 / 1000);
  const rows = busy.map((lane, index) => [
    lane.label,
    fixed(median(lane.runs.map(cpu)) / 1000, 3),
    index ? spread(beyond(lane), 3) : "",
    spread(p50(calm[index])),
  ]);
  const most = (figures) => Math.max(...figures.map(median));
  return {
    title: "Answers of the Worker's own models (280 characters)",
    text: table(["", "CPU, ms a request", "more than hello-js, ms", "p50 at 100 a second, ms"], rows),
    goals: [
      { what: "an answer of the edge, the dearest, CPU after hello-js, ms", value: most(busy.slice(1).map(beyond)), limit: 1 },
      { what: "an answer of the edge, the slowest, p50 end to end, ms", value: most(calm.slice(1).map(p50)), limit: 5 },
    ],
  };
}
