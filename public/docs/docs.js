// The reference: /openapi.json as a page. Every word of the document is put in as text, never as markup.
import { GATEWAY, at, element, prose, say, table } from "/shared/page.js";
import { found, unfold } from "./schema.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const operations = [];

const anchorOf = (method, path) => `${method}${path}`.replaceAll(/[^a-zA-Z0-9]+/g, "-").replace(/-$/, "");
const json = (value) => JSON.stringify(value, null, 2);

/** A command that tries an operation, as `npm start` serves it. */
function command(method, path, operation, example) {
  const administers = path.startsWith("/admin") || path === "/metrics";
  const open = operation.security?.length === 0;
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}"${GATEWAY}${path}"`];
  if (!open) lines.push(`-H "authorization: Bearer ${administers ? "$ADMIN_SECRET" : "$MAYA_KEY"}"`);
  if (example !== undefined) lines.push('-H "content-type: application/json"', `-d '${JSON.stringify(example).replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n  ");
}

const code = (text, label) => element("pre", { tabindex: "0", role: "group", "aria-label": label, text });

function examples(title, given = {}) {
  return Object.entries(given).map(([name, { value }]) => element("details", {}, element("summary", { text: `${title}: ${name}` }), code(json(value), `${title}: ${name}`)));
}

function answers(document, operation) {
  return Object.entries(operation.responses ?? {}).map(([status, given]) => {
    const answer = given.$ref ? found(document, given.$ref) : given;
    const [media, { schema, examples: own } = {}] = Object.entries(answer.content ?? {})[0] ?? [];
    const made = element("details", {}, element("summary", {}, ...prose(`${status}: ${answer.description ?? ""}${media && media !== "application/json" ? ` (${media})` : ""}`)));
    const fields = unfold(document, schema);
    if (fields) made.append(fields);
    made.append(...examples("Example", own));
    return made;
  });
}

function shown(document, method, path, operation) {
  const id = anchorOf(method, path);
  const made = element("section", { class: "card operation", id, "aria-labelledby": `${id}-title` });
  const heading = element("h2", { id: `${id}-title` }, element("span", { class: `method ${method}`, text: method.toUpperCase() }), element("a", { href: `#${id}`, text: path }));
  made.append(heading, element("p", {}, ...prose(operation.summary ?? "")));
  if (operation.description) made.append(element("p", { class: "hint" }, ...prose(operation.description)));
  const parameters = [...(document.paths[path].parameters ?? []), ...(operation.parameters ?? [])].map((one) => (one.$ref ? found(document, one.$ref) : one));
  if (parameters.length > 0) {
    made.append(element("h3", { text: "Parameters" }), table(`Parameters of ${method.toUpperCase()} ${path}`, ["Name", "Where", "Meaning"], parameters.map((one) => [element("code", { text: one.name }), `${one.in}${one.required ? ", required" : ""}`, element("span", {}, ...prose(one.description ?? one.schema?.type ?? ""))])));
  }
  const [media, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (body) {
    made.append(element("h3", { text: media === "application/json" ? "Body" : `Body (${media})` }));
    const fields = unfold(document, body.schema);
    if (fields) made.append(fields);
    made.append(...examples("Example", body.examples));
  }
  made.append(element("h3", { text: "Answers" }), ...answers(document, operation));
  const example = media === "application/json" ? Object.values(body.examples ?? {})[0]?.value : undefined;
  const text = command(method, path, operation, example);
  const copied = element("span", { class: "hint", role: "status" });
  const button = element("button", { type: "button", text: "Copy", "aria-label": `Copy the command for ${method.toUpperCase()} ${path}` });
  button.addEventListener("click", async () => {
    copied.textContent = await navigator.clipboard.writeText(text).then(
      () => "Copied.",
      () => "Select it and copy it by hand.",
    );
  });
  made.append(element("h3", { text: "Try it" }), code(text, `Command for ${method.toUpperCase()} ${path}`), element("p", { class: "row" }, button, copied));
  return made;
}

function search() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const { text, section, entry } of operations) {
    const fits = words.every((word) => text.includes(word));
    section.hidden = !fits;
    entry.hidden = !fits;
    if (fits) left++;
  }
  for (const group of at("list").children) group.hidden = ![...group.querySelectorAll("li")].some((entry) => !entry.hidden);
  say("found", words.length === 0 ? `${operations.length} operations` : `${left} of ${operations.length} operations`);
}

function build(document) {
  say("title", document.info.title);
  say("summary", [document.info.summary, document.info.description].filter(Boolean).join(". "));
  say("version", `OpenAPI ${document.openapi}, version ${document.info.version}`);
  const groups = new Map((document.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((method) => method in methods)) {
      const operation = methods[method];
      const tag = operation.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ method, path, operation });
    }
  }
  for (const [tag, members] of groups) {
    const list = element("ul", {});
    for (const { method, path, operation } of members) {
      const section = shown(document, method, path, operation);
      const entry = element("li", {}, element("a", { href: `#${section.id}` }, element("span", { class: `method ${method}`, text: method.toUpperCase() }), ` ${path}`));
      list.append(entry);
      at("operations").append(section);
      operations.push({ section, entry, text: `${method} ${path} ${operation.summary ?? ""} ${tag} ${JSON.stringify(operation.requestBody ?? "")}`.toLowerCase() });
    }
    if (members.length > 0) at("list").append(element("div", {}, element("h2", { text: tag }), list));
  }
  search();
  // The place in the address is there only now.
  const aim = window.document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (aim) aim.scrollIntoView();
}

at("search").addEventListener("input", search);
// With a modifier: a single letter would be in the way of those who speak to their browser.
addEventListener("keydown", (event) => {
  if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  event.preventDefault();
  at("search").focus();
});

try {
  const response = await fetch("/openapi.json", { credentials: "omit" });
  if (!response.ok) throw new Error(`status ${response.status}`);
  build(await response.json());
} catch (error) {
  say("error", `The description could not be read: ${error.message}.`);
  at("error").hidden = false;
}
