// CPU per request and requests a second at 16 connections: misses, the hit path, streams at full speed.
import { WITHOUT_LEDGER } from "./contenders.mjs";
import { median, table } from "./figures.mjs";
import { cpuRatios, head, interleave, rows } from "./rounds.mjs";

export async function misses(bench) {
  const { rounds, contender } = bench;
  const [hello, pass, parse, bare, own] = await bench.servers("hello-js", "pass-js", "parse-js", WITHOUT_LEDGER, contender);
  const lanes = await interleave(
    bench,
    [
      { server: hello, scenario: "miss" },
      { server: pass, scenario: "miss" },
      { server: parse, scenario: "miss" },
      { server: bare, scenario: "miss" },
      { server: own, scenario: "miss" },
      { server: own, scenario: "cacheable", label: `${own.name}, stored in KV` },
    ],
    { rounds, requests: 400, warmup: 16, settleIn: 600 },
  );
  return {
    title: "A miss, not streamed (16 connections)",
    text: table(head, rows(lanes, lanes[1])),
    goals: [{ what: "a miss without ledger, CPU ÷ pass-js", value: median(cpuRatios(lanes[3], lanes[1])), limit: 1.6 }],
  };
}

export async function hits(bench) {
  const { rounds, contender } = bench;
  const [pass, kv, own] = await bench.servers("pass-js", "kv-js", contender);
  const lanes = await interleave(
    bench,
    [
      { server: pass, scenario: "hit", label: "pass-js (always upstream)" },
      { server: kv, scenario: "hit" },
      { server: own, scenario: "hit" },
    ],
    { rounds, requests: 400, warmup: 16, settleIn: 600 },
  );
  return { title: "A hit (16 connections)", text: table(head, rows(lanes, lanes[0])), goals: [] };
}

export async function streams(bench) {
  const { rounds, contender } = bench;
  const [pass, own] = await bench.servers("pass-js", contender);
  const lanes = await interleave(
    bench,
    [
      { server: pass, scenario: "stream" },
      { server: own, scenario: "stream" },
    ],
    { rounds, requests: 200, warmup: 16, settleIn: 400 },
  );
  return {
    title: "A stream of 52 events at full speed (16 connections)",
    text: table(head, rows(lanes, lanes[0])),
    goals: [{ what: "a stream at full speed, CPU ÷ pass-js", value: median(cpuRatios(lanes[1], lanes[0])), limit: 2 }],
  };
}
