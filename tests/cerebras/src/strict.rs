//! The schemas that strict mode takes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

const MOST_LETTERS: usize = 5_000;
const MOST_DEPTH: usize = 10;
const MOST_PROPERTIES: usize = 500;
const MOST_ENUM_VALUES: usize = 500;
/// With more enum values than this, their letters are counted too.
const MANY_ENUM_VALUES: usize = 250;
const MOST_ENUM_LETTERS: usize = 7_500;

static KNOWN: [&str; 19] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "enum",
    "anyOf",
    "items",
    "prefixItems",
    "$ref",
    "$defs",
    "description",
    "title",
    "$schema",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "const",
];
static TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];

#[derive(Default)]
struct Survey {
    unknown: BTreeSet<String>,
    properties: usize,
    enum_values: usize,
    enum_letters: usize,
    wrong: Option<String>,
}

/// Checks a schema; what comes back is the message of the refusal.
pub fn check(schema: &Value) -> Result<(), String> {
    let Some(root) = schema.as_object() else {
        return Err("A schema is required when \"strict\" is true".to_owned());
    };
    if root.get("type").and_then(Value::as_str) != Some("object") {
        return Err("Root of the JSON schema must have type 'object'".to_owned());
    }
    let letters = schema.to_string().chars().count();
    if letters > MOST_LETTERS {
        return Err(format!("JSON schema is too long: {letters} characters while the limit is {MOST_LETTERS}"));
    }
    let mut survey = Survey::default();
    survey.schema(schema, 1);
    for definition in root.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        survey.schema(definition.1, 1);
    }
    survey.verdict(schema)
}

impl Survey {
    fn verdict(self, root: &Value) -> Result<(), String> {
        if !self.unknown.is_empty() {
            let names: Vec<String> = self.unknown.iter().map(|name| format!("'{name}'")).collect();
            return Err(format!("Unsupported JSON schema fields: {{{}}}", names.join(", ")));
        }
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if self.properties > MOST_PROPERTIES {
            return Err(format!("JSON schema has {} properties while the limit is {MOST_PROPERTIES}", self.properties));
        }
        if self.enum_values > MOST_ENUM_VALUES {
            return Err(format!("JSON schema has {} enum values while the limit is {MOST_ENUM_VALUES}", self.enum_values));
        }
        if self.enum_values > MANY_ENUM_VALUES && self.enum_letters > MOST_ENUM_LETTERS {
            return Err(format!("JSON schema enum values have more than {MOST_ENUM_LETTERS} characters in total"));
        }
        if recursive(root, root, &mut Vec::new()) {
            return Err("Recursive JSON schemas are not supported".to_owned());
        }
        Ok(())
    }

    fn fault(&mut self, text: impl Into<String>) {
        self.wrong.get_or_insert_with(|| text.into());
    }

    fn schema(&mut self, schema: &Value, depth: usize) {
        let Some(object) = schema.as_object() else {
            return self.fault("Every JSON schema must be an object");
        };
        if depth > MOST_DEPTH {
            return self.fault(format!("JSON schema is nested deeper than {MOST_DEPTH} levels"));
        }
        self.unknown.extend(object.keys().filter(|key| !KNOWN.contains(&key.as_str())).cloned());
        match object.get("type") {
            None => {}
            Some(Value::String(kind)) if TYPES.contains(&kind.as_str()) => {}
            Some(Value::Array(_)) => self.fault("Lists of types are not supported, use 'anyOf'"),
            Some(other) => self.fault(format!("Unsupported JSON schema type: {other}")),
        }
        if object.get("$ref").is_some_and(|target| !target.as_str().is_some_and(|target| target == "#" || target.starts_with("#/$defs/"))) {
            self.fault("'$ref' must point to '#/$defs/'");
        }
        self.enums(object);
        self.object(object, depth);
        for part in ["anyOf", "prefixItems"].iter().filter_map(|key| object.get(*key)).filter_map(Value::as_array).flatten() {
            self.schema(part, depth + 1);
        }
        match object.get("items") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => self.fault("'items: true' is not supported"),
            Some(items) => self.schema(items, depth + 1),
        }
    }

    fn enums(&mut self, object: &Map<String, Value>) {
        let values = object.get("enum").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.enum_values += values.len();
        self.enum_letters += values.iter().filter_map(Value::as_str).map(|text| text.chars().count()).sum::<usize>();
    }

    fn object(&mut self, object: &Map<String, Value>, depth: usize) {
        let properties = object.get("properties").and_then(Value::as_object);
        let is_object = object.get("type").and_then(Value::as_str) == Some("object") || properties.is_some();
        if is_object && object.get("additionalProperties") != Some(&Value::Bool(false)) {
            self.fault("'additionalProperties' must be false at every object of a strict JSON schema");
        }
        self.properties += properties.map_or(0, Map::len);
        for property in properties.into_iter().flatten() {
            self.schema(property.1, depth + 1);
        }
    }
}

/// Whether a reference leads back to where it stands.
fn recursive<'v>(root: &'v Value, schema: &'v Value, path: &mut Vec<&'v str>) -> bool {
    let inner = |value: &'v Value, path: &mut Vec<&'v str>| recursive(root, value, path);
    match schema {
        Value::Array(items) => items.iter().any(|item| inner(item, path)),
        Value::Object(object) => {
            if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                if target == "#" || path.contains(&target) {
                    return true;
                }
                path.push(target);
                let found = crate::generate::resolve(root, target).is_some_and(|found| recursive(root, found, path));
                path.pop();
                return found;
            }
            // Definitions count where they are used.
            object.iter().filter(|(key, _)| !matches!(key.as_str(), "$defs" | "enum" | "const")).any(|(_, value)| inner(value, path))
        }
        _ => false,
    }
}
