// A page that calls the gateway with a browser token, without any library.
//
import { GATEWAY, Refused, at, claimsOf, say, token, tokenField } from "./token.js";

const form = at("prompt-form");

// The answer

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

const milliseconds = (since) => `${Math.round(performance.now() - since)} ms`;

async function ask(signal) {
  const started = performance.now();
  const body = {
    model: at("model").value.trim(),
    messages: [{ role: "user", content: at("prompt").value }],
    stream: true,
    ...(at("cached").checked && { temperature: 0 }),
  };
  const response = await fetch(`${GATEWAY}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token()}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
    credentials: "omit",
  });
  say("request-id", response.headers.get("x-request-id") ?? "–");
  say("cache", response.headers.get("cache-status")?.replace(/^maya-edge; /, "") ?? "not asked");
  say("answered-by", response.headers.get("x-maya-model") ?? "–");
  if (!response.ok) throw new Refused(await response.json().catch(() => null), response.status);

  let finished = false;
  let begun = false;
  for await (const data of events(response.body)) {
    if (data === "[DONE]") {
      finished = true;
      break;
    }
    const event = JSON.parse(data);
    if (event.error) throw new Refused(event.error, event.status_code);
    const text = event.choices?.[0]?.delta?.content;
    if (text) {
      if (!begun) say("first", milliseconds(started));
      begun = true;
      at("answer").append(text);
    }
    if (event.usage) say("used", `${event.usage.prompt_tokens} in, ${event.usage.completion_tokens} out`);
  }
  if (!finished) throw new Error("The connection broke before the answer was complete. Send the prompt again.");
  say("whole", milliseconds(started));
}

let running = null;

function show(busy) {
  // A button that is disabled loses the focus, and who uses the keyboard their place. So Send only says that it waits, and Stop hands
  // the focus on.
  at("send").setAttribute("aria-disabled", String(busy));
  if (!busy && document.activeElement === at("stop")) at("send").focus();
  at("stop").disabled = !busy;
  at("answer").setAttribute("aria-busy", String(busy));
}

function complain(message) {
  say("error", message);
  at("error").hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (running) return;
  at("error").hidden = true;
  at("answer").replaceChildren();
  for (const id of ["first", "whole", "cache", "answered-by", "used", "request-id"]) say(id, "–");
  // What may be a key is not sent: it has no place in a page.
  if (claimsOf(token()) === null) {
    complain("There is no browser token yet. Issue one with the command above and paste it.");
    at("token").focus();
    return;
  }
  running = new AbortController();
  show(true);
  try {
    await ask(running.signal);
  } catch (error) {
    if (error.name === "AbortError") complain("Stopped.");
    else if (error instanceof TypeError) complain("The gateway could not be reached, or does not let pages of this origin read its answer.");
    else complain(error.message);
  } finally {
    running = null;
    show(false);
  }
});
at("stop").addEventListener("click", () => running?.abort());
at("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

tokenField({});
