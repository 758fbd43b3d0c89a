// Holds values against the schemas of an OpenAPI 3.1 document: as much of JSON Schema as the document uses, and a complaint about the rest.
import assert from "node:assert/strict";

const KNOWN = new Set([
  "type", "properties", "required", "additionalProperties", "items", "enum", "const", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
  "oneOf", "$ref", "description", "examples", "default", "title", "format", "pattern",
]);

const kind = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

export function validator(document) {
  const resolve = (pointer) => pointer.slice(2).split("/").reduce((at, step) => at[step.replaceAll("~1", "/").replaceAll("~0", "~")], document);

  function fault(schema, value, at) {
    if (schema.$ref) return fault(resolve(schema.$ref), value, at);
    const strange = Object.keys(schema).find((word) => !KNOWN.has(word));
    if (strange) return `${at}: the schema has ${strange}, which is not known here`;
    if (schema.oneOf) {
      const faults = schema.oneOf.map((one) => fault(one, value, at));
      return faults.filter((one) => one === null).length === 1 ? null : `${at}: fits not exactly one of ${faults.length}: ${faults.join("; ")}`;
    }
    const types = [schema.type ?? []].flat();
    const is = (type) => type === kind(value) || (type === "integer" && Number.isInteger(value));
    if (types.length > 0 && !types.some(is)) return `${at}: is ${kind(value)}, not ${types}`;
    if (schema.enum && !schema.enum.includes(value)) return `${at}: ${value} is none of ${schema.enum}`;
    if ("const" in schema && schema.const !== value) return `${at}: is not ${schema.const}`;
    if (kind(value) === "number") {
      if (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity)) return `${at}: ${value} is out of bounds`;
    }
    if (kind(value) === "string") {
      const length = [...value].length;
      if (length < (schema.minLength ?? 0) || length > (schema.maxLength ?? Infinity)) return `${at}: has ${length} characters`;
      if (schema.pattern && !new RegExp(schema.pattern, "u").test(value)) return `${at}: is not of the pattern`;
    }
    if (kind(value) === "array") {
      if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? Infinity)) return `${at}: has ${value.length} items`;
      return value.map((item, place) => (schema.items ? fault(schema.items, item, `${at}[${place}]`) : null)).find(Boolean) ?? null;
    }
    if (kind(value) === "object") {
      const missing = (schema.required ?? []).find((name) => !(name in value));
      if (missing) return `${at}.${missing}: is missing`;
      for (const [name, inner] of Object.entries(value)) {
        const own = schema.properties?.[name];
        const rest = schema.additionalProperties;
        if (!own && rest === false) return `${at}.${name}: is not in the schema`;
        const found = own ? fault(own, inner, `${at}.${name}`) : typeof rest === "object" ? fault(rest, inner, `${at}.${name}`) : null;
        if (found) return found;
      }
    }
    return null;
  }

  const operation = (method, path) => document.paths[path]?.[method] ?? assert.fail(`the document has no ${method} ${path}`);
  return {
    fault,
    /** Checks the body of an answer. */
    check(method, path, status, body) {
      let answer = operation(method, path).responses[status];
      if (answer?.$ref) answer = resolve(answer.$ref);
      assert.ok(answer, `the document has no ${status} of ${method} ${path}`);
      const type = "application/json" in answer.content ? "application/json" : Object.keys(answer.content)[0];
      assert.equal(fault(answer.content[type].schema, body, "body"), null, JSON.stringify(body).slice(0, 600));
    },
    /** Every example of the document, with the schema that it belongs to. */
    *examples() {
      for (const [path, methods] of Object.entries(document.paths)) {
        for (const [method, one] of Object.entries(methods)) {
          if (one.requestBody) {
            const { schema, examples = {} } = one.requestBody.content["application/json"] ?? {};
            for (const [name, { value }] of Object.entries(examples)) yield { at: `${method} ${path} ${name}`, path, method, schema, value, asks: true };
          }
          for (let [status, answer] of Object.entries(one.responses ?? {})) {
            if (answer.$ref) answer = resolve(answer.$ref);
            const { schema, examples = {} } = answer.content?.["application/json"] ?? {};
            for (const [name, { value }] of Object.entries(examples)) yield { at: `${method} ${path} ${status} ${name}`, path, method, schema, value };
          }
        }
      }
    },
  };
}
