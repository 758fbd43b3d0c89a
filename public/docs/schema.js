// A JSON Schema as nested lists that one can read.
import { element, prose } from "/shared/page.js";

/** How deep schemas are unfolded; below it the name of the schema has to do. Cycles end here, too. */
const DEEPEST = 6;

/** What a reference of the document points to. */
export const found = (document, pointer) =>
  pointer
    .slice(2)
    .split("/")
    .reduce((at, step) => at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], document);

const nameOf = (pointer) => pointer.split("/").at(-1);

/** The type in words, with its bounds. */
function typeOf(schema) {
  const types = [schema.type ?? []].flat();
  const words = [schema.items?.$ref ? `array of ${nameOf(schema.items.$ref)}` : schema.items?.type && types.includes("array") ? `array of ${schema.items.type}` : types.join(" or ")];
  if ("const" in schema) words.push(`always ${JSON.stringify(schema.const)}`);
  if (schema.enum) words.push(`one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}`);
  if (schema.oneOf) words.push(`one of ${schema.oneOf.length} forms`);
  for (const [word, least, most] of [["", "minimum", "maximum"], [" characters", "minLength", "maxLength"], [" items", "minItems", "maxItems"]]) {
    if (least in schema && most in schema) words.push(`${schema[least]} to ${schema[most]}${word}`);
    else if (schema[least] === 1 && word !== "") words.push("not empty");
    else if (least in schema) words.push(`at least ${schema[least]}${word}`);
    else if (most in schema) words.push(`at most ${schema[most]}${word}`);
  }
  if ("default" in schema) words.push(`by default ${JSON.stringify(schema.default)}`);
  return words.filter(Boolean).join(", ");
}

/** The fields of a schema, or its forms; null when there is nothing to unfold. */
export function unfold(document, schema, depth = 0) {
  if (!schema || depth > DEEPEST) return null;
  if (schema.$ref) return unfold(document, found(document, schema.$ref), depth);
  if (schema.oneOf) {
    const forms = schema.oneOf.filter((form) => form.type !== "null");
    return element("ul", { class: "schema" }, ...forms.map((form) => line(document, form.$ref ? nameOf(form.$ref) : "", form, false, depth)));
  }
  if (schema.items) return unfold(document, schema.items, depth);
  const fields = Object.entries(schema.properties ?? {});
  if (typeof schema.additionalProperties === "object") fields.push(["(any name)", schema.additionalProperties]);
  if (fields.length === 0) return null;
  return element("ul", { class: "schema" }, ...fields.map(([name, inner]) => line(document, name, inner, schema.required?.includes(name) ?? false, depth)));
}

function line(document, name, schema, must, depth) {
  const whole = schema.$ref ? { ...found(document, schema.$ref), title: nameOf(schema.$ref) } : schema;
  const made = element("li", {});
  if (name) made.append(element("code", { text: name }), " ");
  made.append(element("span", { class: "type", text: typeOf(whole) || whole.title || "any value" }));
  if (must) made.append(" ", element("span", { class: "must", text: "required" }));
  const words = schema.description ?? whole.description;
  if (words) made.append(element("div", { class: "hint" }, ...prose(words)));
  const below = unfold(document, whole, depth + 1);
  if (below) {
    // What lies deeper is folded, so that a body can be taken in at a glance.
    made.append(depth === 0 ? below : element("details", {}, element("summary", { text: `Fields${name ? ` of ${name}` : ""}` }), below));
  }
  return made;
}
