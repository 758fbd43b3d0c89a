// Event streams: a whole one passes untouched, and a broken one never looks whole.
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, describe, test } from "node:test";
import {
  assertBroken,
  assertError,
  bytesOf,
  chat,
  eventually,
  events,
  leavable,
  pause,
  post,
  spelled,
  startEdge,
  startStandIn,
} from "./edge.mjs";

let standIn;
let edge;
/** The same Worker with deadlines that a test can wait for. */
let hasty;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
  hasty = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, FIRST_BYTE_MS: 300, TOTAL_MS: 600 } });
});
after(async () => {
  await edge?.stop();
  await hasty?.stop();
  standIn?.stop();
});

const stream = (content, more = {}) => chat(content, { stream: true, ...more });

const streamed = async (body, from = edge, at = undefined) => {
  const response = await post(from, body, {}, at);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  return bytesOf(response);
};

/** A stream less what tells the time. */
const timeless = (text) => text.replaceAll(/"time_info":\{[^}]*\}/g, '"time_info":{}').replaceAll(/"created":[\d.]+/g, '"created":0');

/** The same request as the gateway sends it, straight to the stand-in. */
const straight = async (body) => {
  const text = JSON.stringify(body);
  const response = await fetch(`${standIn.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer csk-e2e", "user-agent": "test" },
    body: `${text.slice(0, -1)},"max_completion_tokens":16384}`,
  });
  assert.equal(response.status, 200);
  return bytesOf(response);
};

/** Reads a stream until it holds so many events. */
const readUntil = async (reader, count) => {
  let text = "";
  while (events(text).length < count || !text.endsWith("\n\n")) {
    const { value, done } = await reader.read();
    assert.ok(!done, `ended early: ${text}`);
    text += Buffer.from(value).toString("latin1");
  }
  return text;
};

describe("a whole stream", () => {
  test("of 52 events passes byte for byte", async () => {
    const body = stream("Tell me of bridges [[chunks=49]]", { reasoning_effort: "none" });
    const [through, plain] = [await streamed(body), await straight(body)];
    assert.equal(events(plain).length, 52);
    assert.equal(timeless(through), timeless(plain));
  });

  test("of emoji, CJK and combining accents passes byte for byte", async () => {
    const body = stream("Grüße 東京 👩‍👩‍👧 [[unicode]] [[words=60]]");
    const [through, plain] = [await streamed(body), await straight(body)];
    assert.ok(/[\x80-\xff]/.test(plain), "there is something beyond ASCII in it");
    assert.equal(timeless(through), timeless(plain));
  });

  test("of 5000 words in 3000 chunks comes to its end", async () => {
    const body = stream("A long story [[words=5000]] [[chunks=3000]]");
    const [through, plain] = [await streamed(body), await straight(body)];
    assert.ok(events(plain).length > 3000);
    assert.equal(timeless(through), timeless(plain));
    assert.equal(events(through).at(-1), "[DONE]");
  });

  test("with usage in a chunk of its own passes byte for byte", async () => {
    const body = stream("Count [[usage-chunk]] [[words=5]]", { stream_options: { include_usage: true } });
    const [through, plain] = [await streamed(body), await straight(body)];
    assert.deepEqual(JSON.parse(events(plain).at(-2)).choices, []);
    assert.equal(timeless(through), timeless(plain));
  });

  test("of two choices, of tool calls, and of text passes byte for byte", async () => {
    const weather = {
      type: "function",
      function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
    };
    for (const body of [
      stream("Both sides [[words=6]]", { n: 2 }),
      stream("weather in Oslo [[parallel]]", { tools: [weather, { ...weather, function: { ...weather.function, name: "get_time" } }] }),
    ]) {
      assert.equal(timeless(await streamed(body)), timeless(await straight(body)));
    }
    const text = await streamed({ model: "gpt-oss-120b", prompt: "Once upon [[words=9]]", stream: true }, edge, "/v1/completions");
    assert.equal(events(text).at(-1), "[DONE]");
    assert.ok(
      events(text)
        .slice(0, -1)
        .every((data) => JSON.parse(data).object === "text_completion"),
    );
  });

  test("reaches the caller event by event, not at its end", async () => {
    // The upstream stalls behind the third event: whoever waited for the end would wait for ever.
    const response = await post(edge, stream("Slowly [[hang=3]]"));
    const reader = response.body.getReader();
    assert.equal(events(await readUntil(reader, 3)).length, 3);
    await reader.cancel();
  });

  test("with pauses between its chunks comes whole", async () => {
    const response = await post(edge, stream("Step by step [[chunk=60]] [[chunks=8]]"));
    const reader = response.body.getReader();
    const started = Date.now();
    await readUntil(reader, 1);
    const first = Date.now() - started;
    let rest = "";
    for (let read = await reader.read(); !read.done; read = await reader.read()) rest += Buffer.from(read.value).toString();
    const whole = Date.now() - started;
    assert.equal(events(rest).at(-1), "[DONE]");
    assert.ok(whole - first > 300, `the first event came ${whole - first} ms before the end`);
  });
});

describe("a stream that breaks ends with one error frame and no [DONE]", () => {
  const incomplete = { code: "upstream_incomplete", status: 502 };

  for (const fault of ["close", "cut", "half"]) {
    test(`when it ends by \`${fault}\` behind any of its events`, async () => {
      for (let count = 1; count < 8; count++) {
        const text = await streamed(stream(`Short [[words=8]] [[${fault}=${count}]]`));
        const { chunks } = assertBroken(text);
        assert.equal(chunks.length, count, "what came before passes");
      }
    });
  }

  test("when it ends early or its connection breaks, with a code that says so", async () => {
    for (const fault of ["close=4", "half=4", "cut=4"]) assertBroken(await streamed(stream(`Short [[${fault}]]`)), incomplete);
  });

  test("when all but [DONE] came", async () => {
    const whole = events(await streamed(stream("Short [[words=8]] [[close=99]]")));
    assert.equal(whole.at(-1), "[DONE]");
    const text = await streamed(stream("Short [[words=8]] [[close=10]]"));
    const { chunks } = assertBroken(text, incomplete);
    assert.ok(chunks.length <= 10);
  });

  /** A small stream cut behind so many bytes. What it says is given, so that it is as long whatever the number of bytes is. */
  const cutAt = (bytes) =>
    stream(`Again [[chunks=4]] [[half-bytes=${String(bytes).padStart(4, "0")}]]`, {
      reasoning_effort: "none",
      prediction: { type: "content", content: 'Größe "12" \\ 3\t東京 👩‍👩‍👧 e\u0301 \u0001 and so on and on, to the end of it' },
    });

  test("when it is cut at any byte: in a character, an escape, a number, a key", async () => {
    const whole = await streamed(cutAt(9999));
    const size = whole.length;
    const tail = "data: [DONE]\n\n".length;
    assert.ok(whole.endsWith("data: [DONE]\n\n") && whole.includes("\\u0001") && /[\xf0-\xf4]/.test(whole));
    const positions = new Set();
    for (let at = 1; at <= 24; at++) positions.add(at);
    // What is said, and the usage and times at the end, byte by byte; the rest in steps that share no period with it.
    for (let at = whole.indexOf('"content"'); at < whole.indexOf('"content"') + 60; at++) positions.add(at);
    for (let at = whole.indexOf('"usage"') - 10; at < whole.indexOf('"usage"') + 60; at++) positions.add(at);
    for (let at = size - tail - 60; at <= size - tail + 6; at++) positions.add(at);
    for (let at = 24; at < size - tail; at += 13) positions.add(at);
    for (const at of positions) {
      const text = await streamed(cutAt(at));
      try {
        assertBroken(text, incomplete);
        // Fingerprints of the answer differ, lengths do not.
        assert.ok(text.length > at);
      } catch (error) {
        error.message = `at byte ${at} of ${size}: ${error.message}`;
        throw error;
      }
    }
  });

  test("when it is cut within the letters of [DONE]", async () => {
    const size = (await streamed(cutAt(9999))).length;
    for (let missing = 3; missing <= 7; missing++) {
      const all = events(await streamed(cutAt(size - missing)));
      // The bytes of `[DO` are with the caller already, and no JSON begins so; what matters is that no client takes it for the end.
      assert.ok(!all.some((data) => data.startsWith("[DONE]")), `${missing} bytes missing: ${all.slice(-2)}`);
      assert.equal(JSON.parse(all.at(-1)).error.code, "upstream_incomplete");
    }
  });

  test("or is whole, when only the line ends behind [DONE] are missing: never both", async () => {
    const size = (await streamed(cutAt(9999))).length;
    for (const missing of [1, 2]) {
      const all = events(await streamed(cutAt(size - missing)));
      const done = all.some((data) => data.startsWith("[DONE]"));
      const failed = all.some((data) => data.startsWith("{") && JSON.parse(data).error);
      assert.ok(done !== failed, `${missing} missing: ${all.slice(-2).join(" | ")}`);
    }
  });

  test("when a choice of two never finishes", async () => {
    const body = (fault) => stream(`Two [[words=6]] ${fault}`, { n: 2, reasoning_effort: "none" });
    const count = events(await streamed(body("[[close=99]]"))).length;
    for (let at = 1; at < count; at++) assertBroken(await streamed(body(`[[close=${String(at).padStart(2, "0")}]]`)), incomplete);
  });

  test("when it holds a tool call, or text", async () => {
    const weather = {
      type: "function",
      function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
    };
    for (const fault of ["close=1", "close=3", "half=2", "cut=3"]) {
      assertBroken(await streamed(stream(`weather in Oslo [[${fault}]]`, { tools: [weather], reasoning_effort: "low" })));
      assertBroken(
        await streamed({ model: "gpt-oss-120b", prompt: `Once [[words=30]] [[${fault}]]`, stream: true }, edge, "/v1/completions"),
      );
    }
  });

  // The runtime has pumped [DONE] to the caller before anybody could judge it; ARCHITECTURE.md names this limit.
  test("when it says [DONE] without any finish reason, by a broken connection, for [DONE] cannot be unsaid", async () => {
    await assert.rejects(streamed(stream("Endless [[no-finish]] [[words=5]]")), /terminated/);
  });

  test("when it is no event stream at all", async () => {
    const response = await post(edge, stream("What? [[garbage]]"));
    if (response.status === 200) assertBroken(await bytesOf(response));
    else await assertError(response, 502, "upstream_unreadable");
  });
});

describe("an error within a stream", () => {
  test("passes once, as the upstream said it", async () => {
    for (const count of [0, 1, 4]) {
      const text = await streamed(stream(`Trouble [[error=${count}]]`));
      const { chunks, last } = assertBroken(text, { status: 500 });
      assert.equal(chunks.length, count);
      assert.equal(last.error.message, "Encountered a server error, please try again.");
    }
  });

  test("of the flat form, which clients take for a chunk, is followed by one that they notice", async () => {
    for (const count of [0, 1, 4]) assertBroken(await streamed(stream(`Trouble [[flat-error=${count}]]`)));
  });
});

describe("deadlines", () => {
  /** Waiting is all that these do, so they wait together. */
  const together = (cases, run) => Promise.all(cases.map(run));

  test("a stream that stalls ends with an error frame", () =>
    together([1, 3], async (count) => {
      const { chunks } = assertBroken(await streamed(stream(`Stalls [[hang=${count}]]`), hasty), { code: "upstream_timeout", status: 504 });
      assert.equal(chunks.length, count);
    }));

  test("an answer that never begins is a 504", () =>
    together([stream("Never [[hang]]"), chat("Never [[hang]]"), stream("Never [[latency=60000]]")], async (body) => {
      const error = await assertError(await post(hasty, body), 504, "upstream_timeout");
      assert.ok(error.message.includes("300 ms") && error.message.includes("FIRST_BYTE_MS"), error.message);
    }));

  test("headers alone are no first byte", () =>
    together([stream("Never [[first-byte=60000]]"), chat("Never [[first-byte=60000]]"), stream("Never [[hang=0]]")], async (body) => {
      await assertError(await post(hasty, body), 504, "upstream_timeout");
    }));

  test("a stream that keeps coming still ends at the total deadline", async () => {
    assertBroken(await streamed(stream("Slow [[chunk=50]] [[chunks=200]]"), hasty), { code: "upstream_timeout", status: 504 });
  });

  test("the total deadline counts all attempts together", async () => {
    await standIn.reset();
    // The first comes in time to fail, and leaves less than a second one takes.
    await assertError(await post(hasty, chat("Slow failures [[latency=280]] [[status=503]]")), 504, "upstream_timeout");
    assert.ok((await standIn.stats()).completions <= 2);
  });

  test("too late is not tried again but with the model that stands in, and the upstream's calls are cancelled", async () => {
    await standIn.reset();
    await together([stream("Never again [[hang]]"), stream("Stalls again [[hang=2]]")], async (body) => (await post(hasty, body)).text());
    await eventually(async () => (await standIn.stats()).cancelled === 3, "all calls are cancelled");
    assert.equal((await standIn.stats()).completions, 3);
  });
});

describe("a caller that goes away", () => {
  const leave = async (body, meanwhile) => {
    await standIn.reset();
    const call = leavable(edge, body);
    await eventually(async () => (await standIn.stats()).completions === 1, "the upstream is called");
    await meanwhile?.(await call.response);
    call.leave();
    await eventually(async () => (await standIn.stats()).cancelled === 1, "the upstream's call is cancelled");
  };

  const three = async (response) => {
    let text = "";
    response.on("data", (chunk) => (text += chunk));
    await eventually(() => events(text).length >= 3, "three events are there");
  };

  test("before any answer cancels the upstream's call, and nobody is left to try again for", async () => {
    for (const body of [chat("Bye [[hang]]"), stream("Bye [[hang]]")]) {
      await leave(body);
      // Longer than the longest wait before a retry.
      await pause(400);
      assert.equal((await standIn.stats()).completions, 1);
    }
  });

  test("between headers and body cancels the upstream's call", async () => {
    await leave(chat("Bye [[first-byte=60000]]"));
    await leave(stream("Bye [[first-byte=60000]]"));
  });

  test("within a stalled stream cancels the upstream's call", async () => {
    await leave(stream("Bye [[hang=3]]"), three);
  });

  test("within a stream that keeps coming cancels the upstream's call", async () => {
    await leave(stream("Bye [[chunk=30]] [[chunks=2000]]"), three);
  });

  test("leaves nothing behind in the Worker's memory", { skip: process.platform !== "linux" && "reads /proc" }, async () => {
    const padding = "x".repeat(8 << 20);
    const leaveOften = async (times) => {
      for (let time = 0; time < times; time++) await leave(chat(`[[hang]] ${time} ${padding}`));
      // What was freed shows once there is something new to be done.
      for (let time = 0; time < 3; time++) await (await post(edge, chat(`[[status=400]] ${padding}`))).text();
      return workerdMegabytes();
    };
    const first = await leaveOften(5);
    const grown = (await leaveOften(12)) - first;
    assert.ok(grown < 120, `12 callers of 8 MiB each have left, and the memory has grown by ${grown} MB`);
  });
});

/** The memory of this process's workerds, in MB. */
function workerdMegabytes() {
  let total = 0;
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
      const value = (name) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
      if (value("Name") === "workerd" && Number(value("PPid")) === process.pid) total += Number(value("VmRSS")) / 1024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return Math.round(total);
}

test("many callers at once get each their own answer", async () => {
  const one = async (number) => {
    const content = `answer number ${number}, ${"and so on ".repeat(number % 7)}`;
    const prediction = { type: "content", content };
    const fault = ["", "[[latency=40]]", "[[chunk=5]]", "[[once=503]]", "[[first-byte=30]]", "[[cut=2]]", "[[status=429]]"][number % 7];
    const streaming = number % 2 === 0;
    const response = await post(
      edge,
      chat(`Number ${number} ${fault} [[chunks=6]]`, { prediction, stream: streaming, reasoning_effort: "none", seed: number }),
    );
    const text = await response.text();
    if (fault === "[[status=429]]") return assert.equal(response.status, 429);
    if (fault === "[[cut=2]]") return streaming ? assertBroken(text) : assert.equal(response.status, 502, text);
    assert.equal(response.status, 200, text);
    const said = streaming ? spelled(text).choices[0].message.content : JSON.parse(text).choices[0].message.content;
    assert.ok(said.startsWith(`answer number ${number}, `), `${number}: ${said}`);
  };
  await Promise.all(Array.from({ length: 84 }, (_, number) => one(number)));
});
