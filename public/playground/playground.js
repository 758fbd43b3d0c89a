// The playground: one chat request, and everything that the gateway tells about its answer.
import { GATEWAY, Refused, ask, at, dollars, element, inWords, milliseconds, prose, reach, say, session, signIn, table } from "/shared/page.js";
import { command, explain, explainResult, price } from "./explain.js";

const address = () => `${GATEWAY}/v1/${at("what").value || "chat/completions"}`;
/** Whether an answer is wanted, and not what small models tell of a text. */
const chats = () => at("what").value === "";
/** Models that the gateway names beside those of the catalogue. */
const NAMES = ["auto", "auto:quality", "auto:latency", "auto:cost", "fast", "quality"];
let catalogue = new Map();

async function check(key) {
  try {
    const { data } = await ask("/v1/models", { key });
    const names = [...NAMES, ...data.map(({ id }) => id)];
    at("models").replaceChildren(...names.map((value) => element("option", { value })));
  } catch (error) {
    // A key may be for completions alone; then names have to be typed.
    if (error.code !== "scope_missing") throw error;
  }
  // Prices are a help: without the catalogue the cost is told as unknown.
  const { data } = await ask("/public/v1/models", { key }).catch(() => ({ data: [] }));
  catalogue = new Map(data.map((model) => [model.id, model.pricing]));
  return "Signed in.";
}

function order() {
  if (!chats()) return { input: at("prompt").value };
  const system = at("system").value.trim();
  const temperature = at("temperature").value.trim();
  return {
    model: at("model").value.trim(),
    messages: [...(system ? [{ role: "system", content: system }] : []), { role: "user", content: at("prompt").value }],
    ...(temperature !== "" && { temperature: Number(temperature) }),
    ...(at("stream").checked && { stream: true }),
  };
}

/** The data of each event of a stream, as its bytes come. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trimStart();
  }
}

function tell(headers, { place, why }) {
  say("place", place);
  say("why", why);
  say("answered-by", headers.get("x-maya-model") ?? "–");
  const shown = [...headers].filter(([name]) => /^(x-|cache-status|age|server-timing|ratelimit|retry-after|inference-id|idempotent)/.test(name));
  at("header-table").replaceChildren(table("Headers of the answer that the gateway and Cerebras set", ["Header", "Value"], shown.map(([name, value]) => [name, element("code", { text: value })])));
  at("told").hidden = false;
  return place;
}

function account(usage, model, place) {
  say("tokens", usage ? `${usage.prompt_tokens} / ${usage.completion_tokens}` : "–");
  const cost = price(usage, catalogue.get(model));
  const free = place !== "Cloud";
  say("cost", free ? "$0.00" : dollars(cost));
  if (free) say("cost-note", cost === null ? "Nothing was paid for this answer." : `Nothing was paid for this answer; asking Cerebras again would have cost ${dollars(cost)}.`);
  else say("cost-note", cost === null ? "The catalogue has no price for this model, or the answer told no tokens." : "Tokens of the answer at the prices of Cerebras's public catalogue. What is booked stands in the dashboard.");
}

async function send(signal) {
  const started = performance.now();
  const since = () => milliseconds(performance.now() - started);
  const body = order();
  const cache = chats() ? at("cache").value : "";
  const response = await reach(address(), {
    method: "POST",
    headers: { authorization: `Bearer ${session.key}`, "content-type": "application/json", ...(cache && { "cache-control": cache }) },
    body: JSON.stringify(body),
    signal,
    credentials: "omit",
    // With "default" the browser would add nothing; "no-store" would send a Cache-Control of its own.
    cache: "default",
  });
  if (!response.ok) {
    tell(response.headers, { place: "Refused", why: `Status ${response.status}: nothing was answered.` });
    throw new Refused(await response.json().catch(() => null), response.status);
  }
  const model = response.headers.get("x-maya-model");
  if ("input" in body) {
    const { results, usage } = await response.json();
    say("first", since());
    at("answer").textContent = JSON.stringify(results[0], null, 2);
    const place = tell(response.headers, explainResult(results[0]));
    say("whole", since());
    account(place === "Cloud" ? usage.cloud : null, model, place);
    say("state", `Answered: ${place}.`);
    return;
  }
  const place = tell(response.headers, explain(response.headers, cache));
  let usage = null;
  if (!body.stream) {
    const answer = await response.json();
    say("first", since());
    at("answer").textContent = answer.choices?.[0]?.message?.content ?? "";
    usage = answer.usage;
  } else {
    let begun = false;
    let finished = false;
    for await (const data of events(response.body)) {
      if (data === "[DONE]") {
        finished = true;
        break;
      }
      const event = JSON.parse(data);
      if (event.error) throw new Refused(event.error, event.status_code);
      const text = event.choices?.[0]?.delta?.content;
      if (text) {
        if (!begun) say("first", since());
        begun = true;
        at("answer").append(text);
      }
      usage = event.usage ?? usage;
    }
    if (!finished) throw new Error("The connection broke before the answer was complete. Send the prompt again.");
  }
  say("whole", since());
  account(usage, model, place);
  say("state", `Answered: ${place}.`);
}

/** Shows the fields that what is asked for has. One that is not shown takes no part, not even by being empty. */
function fields() {
  for (const field of document.querySelectorAll("[data-chat]")) {
    field.hidden = !chats();
    for (const input of field.querySelectorAll("input, select, textarea")) input.disabled = !chats();
  }
}
at("what").addEventListener("change", fields);
// A browser may bring back what was chosen before a reload.
fields();

let running = null;

function busy(is) {
  // A button that is disabled loses the focus, and who uses the keyboard their place: Send only says that it waits.
  at("send").setAttribute("aria-disabled", String(is));
  if (!is && document.activeElement === at("stop")) at("send").focus();
  at("stop").disabled = !is;
  at("answer").setAttribute("aria-busy", String(is));
}

function complain(message) {
  at("error").replaceChildren(...prose(message));
  at("error").hidden = false;
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (running) return;
  at("error").hidden = true;
  at("told").hidden = true;
  at("answer").replaceChildren();
  for (const id of ["first", "whole", "tokens", "cost"]) say(id, "–");
  say("cost-note", "");
  say("state", "Asking…");
  running = new AbortController();
  busy(true);
  try {
    await send(running.signal);
  } catch (error) {
    say("state", error.name === "AbortError" ? "Stopped." : "");
    if (error.name !== "AbortError") complain(inWords(error));
  } finally {
    running = null;
    busy(false);
  }
});
at("stop").addEventListener("click", () => running?.abort());
at("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("ask").requestSubmit();
});
at("copy").addEventListener("click", async () => {
  const text = command(address(), order(), chats() ? at("cache").value : "");
  at("command").textContent = text;
  at("command").hidden = false;
  try {
    await navigator.clipboard.writeText(text);
    say("copied", "Copied. MAYA_KEY stands for your key.");
  } catch {
    say("copied", "Select it and copy it by hand. MAYA_KEY stands for your key.");
  }
});

signIn(check, (signedIn) => {
  if (!signedIn) running?.abort();
});
