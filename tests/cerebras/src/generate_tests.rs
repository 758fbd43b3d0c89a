//! Generated values are checked against their schemas by a small validator of its own.

use serde_json::{Value, json};

use super::{Maker, resolve};
use crate::seed::Dice;
use crate::topics::Topics;

fn is_kind(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => value.is_number(),
    }
}

/// Whether a value fits a schema.
fn fits(schema: &Value, value: &Value, root: &Value) -> bool {
    let fit = |part: &Value| fits(part, value, root);
    let number = |key: &str| schema[key].as_f64();
    let kind = match &schema["type"] {
        Value::String(kind) => is_kind(kind, value),
        Value::Array(kinds) => kinds.iter().any(|kind| is_kind(kind.as_str().unwrap(), value)),
        _ => true,
    };
    let choices = schema["enum"].as_array().is_none_or(|choices| choices.contains(value))
        && schema.get("const").is_none_or(|fixed| fixed == value)
        && schema["anyOf"].as_array().is_none_or(|parts| parts.iter().any(fit))
        && schema["allOf"].as_array().is_none_or(|parts| parts.iter().all(fit))
        && schema["$ref"].as_str().is_none_or(|target| fit(resolve(root, target).unwrap()));
    let range = value.as_f64().is_none_or(|value| {
        number("minimum").is_none_or(|low| value >= low)
            && number("maximum").is_none_or(|high| value <= high)
            && number("exclusiveMinimum").is_none_or(|low| value > low)
            && number("exclusiveMaximum").is_none_or(|high| value < high)
            && number("multipleOf").is_none_or(|step| ((value / step) - (value / step).round()).abs() < 1e-9)
    });
    let length = value.as_str().is_none_or(|text| {
        let length = text.chars().count() as f64;
        number("minLength").is_none_or(|low| length >= low) && number("maxLength").is_none_or(|high| length <= high)
    });
    kind && choices && range && length && object_fits(schema, value, root) && array_fits(schema, value, root)
}

fn object_fits(schema: &Value, value: &Value, root: &Value) -> bool {
    let Some(object) = value.as_object() else { return true };
    let properties = schema["properties"].as_object();
    let known = |name: &str| properties.and_then(|properties| properties.get(name));
    schema["required"].as_array().is_none_or(|names| names.iter().all(|name| object.contains_key(name.as_str().unwrap())))
        && object.iter().all(|(name, inner)| match known(name) {
            Some(property) => fits(property, inner, root),
            None => schema["additionalProperties"] != false,
        })
}

fn array_fits(schema: &Value, value: &Value, root: &Value) -> bool {
    let Some(items) = value.as_array() else { return true };
    let first = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
    let count = items.len() as f64;
    schema["minItems"].as_f64().is_none_or(|low| count >= low)
        && schema["maxItems"].as_f64().is_none_or(|high| count <= high)
        && (schema["uniqueItems"] != true || items.iter().enumerate().all(|(at, item)| !items[..at].contains(item)))
        && items.iter().enumerate().all(|(at, item)| match (first.get(at), schema.get("items")) {
            (Some(schema), _) => fits(schema, item, root),
            (None, Some(Value::Bool(allowed))) => *allowed,
            (None, Some(schema)) => fits(schema, item, root),
            (None, None) => true,
        })
}

fn made(schema: &Value, seed: u64) -> Value {
    Maker::new(schema, &Topics::of("Weather in Oslo for a picnic"), Dice::new(seed)).make()
}

fn always_fits(schema: &Value) {
    for seed in 0..200 {
        let value = made(schema, seed);
        assert!(fits(schema, &value, schema), "{schema}\n{value}");
    }
}

fn object(properties: Value) -> Value {
    let required: Vec<String> = properties.as_object().unwrap().keys().cloned().collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

#[test]
fn the_checker_itself_says_no() {
    let schema = object(json!({"a": {"type": "integer", "minimum": 3}}));
    for wrong in [json!({}), json!({"a": 2}), json!({"a": "x"}), json!({"a": 3, "b": 1}), json!([])] {
        assert!(!fits(&schema, &wrong, &schema), "{wrong}");
    }
}

#[test]
fn simple_kinds_and_bounds() {
    always_fits(&object(json!({
        "name": {"type": "string"}, "short": {"type": "string", "maxLength": 5}, "long": {"type": "string", "minLength": 90},
        "count": {"type": "integer", "minimum": 5, "maximum": 7}, "below": {"type": "integer", "exclusiveMaximum": 0},
        "above": {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6},
        "step": {"type": "integer", "multipleOf": 7, "minimum": 10}, "part": {"type": "number", "multipleOf": 0.25, "maximum": 1},
        "tight": {"type": "number", "minimum": 0.1, "maximum": 0.3}, "price": {"type": "number", "exclusiveMinimum": 0},
        "flag": {"type": "boolean"}, "nothing": {"type": "null"}, "fixed": {"const": {"a": [1]}},
        "kind": {"type": "string", "enum": ["a", "b"]}, "either": {"type": ["string", "null"]}, "any": {},
    })));
}

#[test]
fn arrays() {
    always_fits(&object(json!({
        "plain": {"type": "array", "items": {"type": "integer"}},
        "bounded": {"type": "array", "items": {"type": "string"}, "minItems": 4, "maxItems": 5},
        "none": {"type": "array", "items": {"type": "string"}, "maxItems": 0},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "items": false},
        "pair_and_more": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
        "set": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": true, "minItems": 2},
        "nested": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}},
    })));
}

#[test]
fn choices_and_references() {
    let mut schema = object(json!({
        "shape": {"anyOf": [{"$ref": "#/$defs/circle"}, {"$ref": "#/$defs/square"}, {"type": "null"}]},
        "both": {"allOf": [{"$ref": "#/$defs/circle"}, {"properties": {"colour": {"type": "string"}}, "required": ["colour"]}]},
    }));
    schema["$defs"] = json!({
        "circle": {"type": "object", "properties": {"radius": {"type": "number", "minimum": 1}}, "required": ["radius"]},
        "square": object(json!({"side": {"type": "integer"}})),
    });
    always_fits(&schema);
}

#[test]
fn recursive_schemas_end() {
    let mut schema = object(json!({"root": {"$ref": "#/$defs/node"}}));
    schema["$defs"] = json!({"node": {"type": "object", "properties": {
        "value": {"type": "string"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    }, "required": ["value", "next", "children"], "additionalProperties": false}});
    for seed in 0..20 {
        let value = made(&schema, seed);
        assert!(fits(&schema, &value, &schema) && value.to_string().len() < 1_000_000, "{}", value.to_string().len());
    }
}

#[test]
fn keys_follow_the_schema_and_seeds_repeat() {
    let schema = object(json!({"zebra": {"type": "string"}, "apple": {"type": "integer"}, "city": {"type": "string"}}));
    let value = made(&schema, 9);
    assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["zebra", "apple", "city"]);
    assert_eq!(value["city"], "Oslo");
    assert_eq!(value, made(&schema, 9));
}

#[test]
fn formats_and_patterns() {
    let schema = object(json!({
        "day": {"type": "string", "format": "date"}, "id": {"type": "string", "format": "uuid"},
        "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
    }));
    let value = made(&schema, 1);
    assert_eq!(value["day"].as_str().unwrap().len(), 10);
    assert_eq!(value["id"].as_str().unwrap().len(), 36);
    assert!(value["code"].as_str().unwrap().bytes().all(|letter| letter.is_ascii_uppercase()));
}
