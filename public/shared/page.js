// What the pages of the console have in common: elements, the key of the session, the theme, and questions to the gateway.

/** Pages are served by the gateway that they ask. */
export const GATEWAY = location.origin;

export const at = (id) => document.getElementById(id);

export const say = (id, text) => {
  // Written only when it changes, because each writing is announced.
  if (at(id).textContent !== text) at(id).textContent = text;
};

/** An element with text, attributes and children: nothing here is written as HTML. */
export function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

/** A text in whose places between backticks stands code. */
export const prose = (text) => text.split("`").map((part, place) => (place % 2 === 1 ? element("code", { text: part }) : part));

const FOCUSABLE = "a, button, input, select, summary, [tabindex]";

/** Puts other children into an element that is renewed while people read it: who was somewhere in it stays there, by keyboard and by scroll. */
export function swap(home, ...children) {
  const place = [...home.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  const scrolls = [...home.querySelectorAll(".scroll")].map(({ scrollLeft, scrollTop }) => [scrollLeft, scrollTop]);
  home.replaceChildren(...children);
  for (const [at, made] of home.querySelectorAll(".scroll").entries()) [made.scrollLeft, made.scrollTop] = scrolls[at] ?? [0, 0];
  if (place >= 0) home.querySelectorAll(FOCUSABLE)[place]?.focus({ preventScroll: true });
}

/** A table with a caption; cells are texts or elements, and `numbers` the columns that hold amounts. */
export function table(caption, heads, rows, numbers = []) {
  const kind = (place) => (numbers.includes(place) ? "number" : undefined);
  const cell = (value, place) => element(place === 0 ? "th" : "td", { scope: place === 0 ? "row" : undefined, class: kind(place) }, value instanceof Node ? value : String(value));
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", { text: caption }),
      element("thead", {}, element("tr", {}, ...heads.map((text, place) => element("th", { scope: "col", text, class: kind(place) })))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell)))),
    ),
  );
}

/** What the gateway refused, in its own words. */
export class Refused extends Error {
  constructor(body, status) {
    super(body?.message ?? body?.error?.message ?? `The gateway answered with status ${status}.`);
    this.status = status;
    this.code = body?.code ?? body?.error?.code ?? null;
  }
}

export const inWords = (error) => (error.code && !(error instanceof DOMException) ? `${error.message} (${error.code})` : error.message);

/** `fetch`, whose failure is told in words: a browser says no more of a network than that something was wrong. */
export async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The gateway could not be reached.", { cause: error });
  }
}

// The key of the session

const PLACE = "maya-edge key";

/** Kept for this tab alone, until it is closed or one signs out; never in an address and never on disk for longer. */
export const session = {
  get key() {
    return sessionStorage.getItem(PLACE) ?? "";
  },
  set key(key) {
    if (key === "") sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, key);
  },
};

/** Asks the gateway as whoever is signed in, and gives the JSON of its answer. */
export async function ask(path, { key = session.key, signal } = {}) {
  const response = await reach(GATEWAY + path, { headers: { authorization: `Bearer ${key}` }, signal, credentials: "omit", cache: "no-store" });
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) throw new Refused(body, response.status);
  return body;
}

/** Sets the form of signing in up. `check(key)` says who it is or throws; `changed(signedIn)` hears of both. Gives a function that signs out. */
export function signIn(check, changed) {
  const show = (signedIn) => {
    at("sign-in").hidden = signedIn;
    at("signed-in").hidden = !signedIn;
    at("sign-out").hidden = !signedIn;
    changed(signedIn);
  };
  const enter = async (key) => {
    at("sign-in-error").hidden = true;
    try {
      // Others cannot stand in a header, and the browser would say that there was no network.
      if (!/^[\x20-\x7e]+$/.test(key)) throw new Error("A key is of plain letters, digits and marks. Copy it again.");
      say("who", await check(key));
      session.key = key;
      show(true);
    } catch (error) {
      session.key = "";
      show(false);
      say("sign-in-error", inWords(error));
      at("sign-in-error").hidden = false;
    }
  };
  at("sign-in-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = at("key").value.trim();
    at("key").value = "";
    if (key === "") return at("key").focus();
    await enter(key);
    if (!at("signed-in").hidden) at("signed-in").focus();
  });
  const leave = (words) => {
    session.key = "";
    show(false);
    if (words) say("sign-in-error", words);
    at("sign-in-error").hidden = !words;
    at("key").focus();
  };
  at("sign-out").addEventListener("click", () => leave());
  if (session.key === "") show(false);
  else enter(session.key);
  return leave;
}

// Light, dark, or as the system has it

const THEMES = ["system", "light", "dark"];

function theme() {
  const root = document.documentElement;
  let chosen = localStorage.getItem("theme");
  const apply = () => {
    if (!THEMES.includes(chosen)) chosen = "system";
    if (chosen === "system") delete root.dataset.theme;
    else root.dataset.theme = chosen;
    say("theme", `Theme: ${chosen}`);
    dispatchEvent(new Event("theme"));
  };
  at("theme").addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    localStorage.setItem("theme", chosen);
    apply();
  });
  apply();
}
theme();

// Words for numbers

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
export const count = (value) => (value === null || value === undefined ? "unknown" : plain.format(value));
export const milliseconds = (value) => (value === null || value === undefined ? "–" : value < 10 ? `${plain.format(value)} ms` : value < 10_000 ? `${Math.round(value).toLocaleString("en")} ms` : `${plain.format(value / 1000)} s`);
export const share = (part, whole) => (whole > 0 ? `${plain.format((100 * part) / whole)} %` : "–");

/** Micro-dollars as dollars, as exact as they are small. */
export function dollars(micro) {
  if (micro === null || micro === undefined) return "unknown";
  const value = micro / 1_000_000;
  const digits = value === 0 ? 2 : Math.abs(value) < 0.01 ? 6 : Math.abs(value) < 1 ? 4 : 2;
  return `$${value.toLocaleString("en", { minimumFractionDigits: digits === 6 ? 2 : digits, maximumFractionDigits: digits })}`;
}
