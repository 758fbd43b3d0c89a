// What Maya itself adds to posts: everything but the upstream's time.
import { differences, fixed, median, spread, table } from "./figures.mjs";
import { cpu, interleave } from "./rounds.mjs";

export async function content(bench) {
  const [pass, own] = await bench.servers("pass-js", bench.contender);
  const lanes = [
    { server: pass, scenario: "miss" },
    { server: own, scenario: "posts", label: "/v1/posts: two platforms, all steps" },
    { server: own, scenario: "preview", label: "/v1/posts/preview: 14 platforms" },
    { server: own, scenario: "score", label: "/v1/posts/score: two platforms" },
  ];
  const busy = await interleave(bench, lanes, { rounds: bench.rounds, connections: 4, requests: 100, warmup: 16, settleIn: 200 });
  const beyond = (lane) => differences(lane.runs.map(cpu), busy[0].runs.map(cpu)).map((us) => us / 1000);
  const rows = busy.map((lane, index) => [lane.label, fixed(median(lane.runs.map(cpu)) / 1000, 3), index ? spread(beyond(lane), 3) : ""]);
  return {
    title: "Posts",
    text: table(["", "CPU, ms a request", "more than pass-js, ms"], rows),
    goals: [{ what: "a post, CPU beyond a pass-through to the model, ms", value: median(beyond(busy[1])), limit: 10 }],
  };
}
