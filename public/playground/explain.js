// What an answer's headers say, in words.

const NOT_STORED = {
  "fwd=bypass": "The cache has no part in this request: only answers that would be the same again (temperature 0, or a seed) are kept unless you ask for it.",
  "fwd=request": "You wanted no stored answer, or none this old, so Cerebras was asked anew.",
  "fwd=miss": "Nobody had asked this before, or the entry had gone, so Cerebras was asked.",
};
const DETAILS = {
  normalised: "It was matched by the question's normal form, not letter by letter.",
  "no-binding": "No namespace is bound, so nothing is kept.",
  unreachable: "The cache could not be reached.",
  "no-edge-secret": "EDGE_SECRET is not set, so nothing may be kept.",
};

/** Where an answer came from and why. `headers` is a `Headers`; `asked` is the Cache-Control of the request. */
export function explain(headers, asked = "") {
  const status = headers.get("cache-status") ?? "";
  const parts = status.split(";").map((part) => part.trim());
  const model = headers.get("x-maya-model");
  const value = (name) => parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
  const said = [];
  let place = "Cloud";
  if (headers.get("idempotent-replayed") === "true") {
    place = "Ledger";
    said.push("This is the stored answer to an earlier call with the same Idempotency-Key.");
  } else if (parts.includes("hit")) {
    place = "Cache";
    const age = headers.get("age");
    said.push(`A stored answer${age ? `, ${age} s old` : ""}, kept for ${value("ttl") ?? "some"} more seconds. Cerebras was not asked.`);
  } else if (model?.startsWith("maya-edge-")) {
    place = "Edge";
    said.push("A small model inside the gateway answered. Cerebras was not asked.");
  } else {
    const reason = parts.find((part) => part in NOT_STORED);
    if (asked === "no-store") said.push("You asked the cache to take no part, so Cerebras was asked, and nothing is kept.");
    else if (reason) said.push(NOT_STORED[reason]);
    if (parts.includes("stored")) said.push("The answer is kept for the next who asks.");
  }
  const detail = DETAILS[value("detail")];
  if (detail) said.push(detail);
  const route = headers.get("x-maya-route");
  if (route) said.push(`The model was chosen so: ${route}.`);
  const health = headers.get("x-maya-health");
  if (health) said.push(`Not asked for now: ${health}.`);
  const attempts = Number(headers.get("x-maya-attempts"));
  if (place === "Cloud" && attempts > 1) said.push(`It took ${attempts} calls.`);
  const guardrails = headers.get("x-maya-guardrails");
  if (guardrails) said.push(`Guardrails: ${guardrails}.`);
  return { place, why: said.join(" ") };
}

const REASONS = {
  above_threshold: "It is surer than its threshold.",
  below_threshold: "It is less sure than its threshold.",
  not_english: "The model knows English alone.",
  unknown_language: "The language is unknown to it.",
  no_known_word: "It knows none of the words.",
};

/** The same of what small models told of a text: one result of `/v1/sentiments` and its like. */
export function explainResult({ answered_by: by, reason = "", unsure, confidence }) {
  const [first, ...rest] = reason.split(";").map((part) => part.trim());
  const surety = typeof confidence === "number" ? ` Confidence: ${Math.round(confidence * 100) / 100}.` : "";
  const why = rest.find((part) => part.startsWith("edge="))?.slice("edge=".length) ?? first;
  const said = REASONS[why] ?? (why ? `Its reason: ${why}.` : "");
  if (by === "edge") return { place: "Edge", why: `A small model inside the gateway told it; Cerebras was not asked. ${said}${unsure ? " It would rather have asked the cloud." : ""}${surety}` };
  return { place: "Cloud", why: `The gateway's own model was unsure, so Cerebras was asked. ${said}${surety}` };
}

/** What tokens cost in micro-dollars at a catalogue's prices, which are dollars a token; null when one is unknown. */
export function price(usage, pricing) {
  const [input, output] = [Number.parseFloat(pricing?.prompt), Number.parseFloat(pricing?.completion)];
  if (!usage || Number.isNaN(input) || Number.isNaN(output)) return null;
  return (usage.prompt_tokens * input + usage.completion_tokens * output) * 1_000_000;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The request as a command. The key is a variable: what is copied may be pasted anywhere. */
export function command(address, body, cache) {
  const lines = [`curl -sS ${body.stream ? "-N " : ""}${address}`, '-H "authorization: Bearer $MAYA_KEY"', '-H "content-type: application/json"'];
  if (cache) lines.push(`-H ${quoted(`cache-control: ${cache}`)}`);
  return [...lines, `-d ${quoted(JSON.stringify(body))}`].join(" \\\n  ");
}
