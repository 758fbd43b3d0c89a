// A page that calls the gateway with a browser token, without any library.
//
// The gateway is where the page came from. To use the page elsewhere, change GATEWAY and the `connect-src` of its policy.
const GATEWAY = location.origin;

const at = (id) => document.getElementById(id);
const form = at("prompt-form");
const say = (id, text) => {
  at(id).textContent = text;
};

// The token

/** What a token says of itself; null when it is none. Only the gateway can tell whether it is true. */
function claimsOf(token) {
  try {
    const text = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0))));
    return typeof claims.exp === "number" ? claims : null;
  } catch {
    return null;
  }
}

/** Kept in memory alone: a token that is stored outlives the page. */
const token = () => at("token").value.trim();

function describeToken() {
  const claims = claimsOf(token());
  let state = "No token yet.";
  if (token() !== "" && claims === null) state = "This is not a browser token. Never paste a key into a page.";
  else if (claims && claims.origin !== location.origin) state = `This token is for pages of ${claims.origin}, not of ${location.origin}.`;
  else if (claims && claims.exp * 1000 <= Date.now()) state = "This token has expired. Issue a new one.";
  else if (claims) state = `For ${claims.tenant}${claims.sub ? `, user ${claims.sub}` : ""}; expires at ${new Date(claims.exp * 1000).toLocaleTimeString()}.`;
  // Written only when it changes, because each writing is announced.
  if (at("token-state").textContent !== state) say("token-state", state);
}

/** A link may bring a token behind `#token=`, which no server and no log sees. It leaves the address bar at once. */
function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  at("token").value = given;
  history.replaceState(null, "", location.pathname + location.search);
}

const command = `curl ${GATEWAY}/v1/tokens -H "authorization: Bearer $MAYA_KEY" -H "content-type: application/json" -d '{"origin":"${location.origin}","ttl":"15m"}'`;
say("command", command);
at("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(command);
    say("copied", "Copied.");
  } catch {
    say("copied", "Select it and copy it by hand.");
  }
});
at("token").addEventListener("input", describeToken);
at("token-form").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", () => {
  takeTokenFromAddress();
  describeToken();
});

// The answer

/** What went wrong, in the gateway's words and with what to do here. */
class Refused extends Error {
  constructor(error, status) {
    const next = {
      token_expired: "Issue a new token with the command above and paste it.",
      token_wrong_origin: `Issue a token for ${location.origin} with the command above.`,
      wrong_api_key: "Paste a browser token in step 1.",
    }[error?.code];
    super([error?.message ?? `The gateway answered with status ${status}.`, next].filter(Boolean).join(" "));
  }
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

takeTokenFromAddress();
describeToken();
setInterval(describeToken, 1000);
