// A post as each platform takes it, live: the gateway counts and fits, so what is seen here is what it would do.
import { GATEWAY, Refused, at, claimsOf, say, token, tokenField } from "./token.js";

const PLATFORMS = ["x", "bluesky", "threads", "mastodon", "linkedin", "instagram", "facebook", "tiktok", "youtube", "pinterest", "reddit", "telegram", "discord", "sms"];
const NAMES = { x: "X", linkedin: "LinkedIn", tiktok: "TikTok", youtube: "YouTube", sms: "SMS" };
const AT_FIRST = new Set(["x", "bluesky", "threads", "linkedin"]);
/** How long the keys must rest before the gateway is asked, in ms. */
const REST_MS = 200;

const named = (platform) => NAMES[platform] ?? platform[0].toUpperCase() + platform.slice(1);

/** An element with text and children, for nothing here is written as HTML. */
function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

for (const platform of PLATFORMS) {
  const box = element("input", { type: "checkbox", id: `on-${platform}`, value: platform });
  box.checked = AT_FIRST.has(platform);
  at("platforms").append(element("p", { class: "choice" }, box, element("label", { for: box.id, text: named(platform) })));
}

const chosen = () => [...at("platforms").querySelectorAll("input:checked")].map((box) => box.value);

function order() {
  const brand = at("brand").value.trim();
  return { text: at("text").value, platforms: chosen(), ...(brand && { brand }) };
}

async function ask(path, body, signal) {
  const response = await fetch(GATEWAY + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token()}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
    credentials: "omit",
  });
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw new Refused(answer, response.status);
  return answer;
}

function complain(error) {
  if (error.name === "AbortError") return;
  const unreachable = error instanceof TypeError ? "The gateway could not be reached, or does not let pages of this origin read its answer." : error.message;
  say("error", unreachable);
  at("error").hidden = false;
}

/** A platform's card: the count, what is wrong, and the text as it would stand. */
function card({ platform, length, limit, faults = [], text, thread = [], shortened = false, fold, degraded = false, reason, score }) {
  const over = length > limit;
  const count = element("span", { class: over ? "count over" : "count", text: `${length} / ${limit}` });
  const made = element("article", { id: `post-${platform}` }, element("h3", {}, element("span", { text: named(platform) }), count));
  made.append(element("meter", { min: 0, max: limit, high: limit * 0.9, value: Math.min(length, limit), "aria-label": `${named(platform)}: ${length} of ${limit}` }));
  const said = faults.map((fault) => fault.message ?? fault.code);
  if (shortened && thread.length === 0) said.push("Shortened to fit.");
  if (degraded) said.push(`Made by rule, not by a model${reason ? `: ${reason}` : ""}.`);
  if (said.length > 0) made.append(element("ul", {}, ...said.map((text) => element("li", { text }))));
  const parts = thread.length > 0 ? thread : [text ?? ""];
  for (const part of parts) made.append(element("div", { class: "text", text: part }));
  const notes = [];
  if (fold && [...(text ?? "")].length > fold) notes.push(`About ${fold} characters show before "see more".`);
  if (typeof score === "number") notes.push(`Score ${Math.round(score)}.`);
  if (notes.length > 0) made.append(element("p", { class: "hint", text: notes.join(" ") }));
  return made;
}

function show(posts) {
  at("posts").replaceChildren(...posts.map(card));
}

function showWording({ score, hits = [] }) {
  const words = hits.length === 0 ? "Nothing here reads as a machine's." : `${Math.round(score)} of 100; lower is plainer.`;
  say("wording", words);
  at("hits").replaceChildren(...hits.slice(0, 12).map((hit) => element("li", { text: hit.reason ?? hit.kind })));
}

// Live

let previewing = null;
let resting;

async function preview() {
  previewing?.abort();
  if (claimsOf(token()) === null || chosen().length === 0) return show([]);
  previewing = new AbortController();
  const { signal } = previewing;
  try {
    const { posts, wording } = await ask("/v1/posts/preview", { ...order(), store: false }, signal);
    // An answer to what is no longer there is nobody's.
    if (signal.aborted) return;
    at("error").hidden = true;
    show(posts);
    showWording(wording);
  } catch (error) {
    complain(error);
  }
}

function changed() {
  clearTimeout(resting);
  resting = setTimeout(preview, REST_MS);
}

for (const id of ["text", "brand", "platforms"]) at(id).addEventListener("input", changed);

// Adapting

let adapting = null;

function busy(is) {
  at("adapt").setAttribute("aria-disabled", String(is));
  if (!is && document.activeElement === at("stop")) at("adapt").focus();
  at("stop").disabled = !is;
}

at("post-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (adapting) return;
  at("error").hidden = true;
  if (claimsOf(token()) === null) {
    complain(new Error("There is no browser token yet. Issue one with the command above and paste it."));
    at("token-box").open = true;
    at("token").focus();
    return;
  }
  previewing?.abort();
  clearTimeout(resting);
  adapting = new AbortController();
  busy(true);
  say("state", "Adapting…");
  try {
    const { posts } = await ask("/v1/posts/adapt", order(), adapting.signal);
    show(posts);
    say("state", "Adapted. Change the text to see it as written.");
  } catch (error) {
    say("state", error.name === "AbortError" ? "Stopped." : "");
    complain(error);
  } finally {
    adapting = null;
    busy(false);
  }
});
at("stop").addEventListener("click", () => adapting?.abort());
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("post-form").requestSubmit();
});

tokenField({ scopes: ["content"] }, changed);
changed();
