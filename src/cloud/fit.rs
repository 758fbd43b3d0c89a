//! Whether a value fits a JSON schema, of the kind that Cerebras's strict mode takes: a model's word for it is not enough.

use serde_json::{Map, Value};

/// What is wrong with a value, in words for the model that made it; none when it fits. Names places and expectations, never quotes the
/// value. Knows `type`, `properties`, `required`, `additionalProperties: false`, `items`, `enum`, `minimum` and `maximum`.
pub fn fault(schema: &Value, value: &Value) -> Option<String> {
    at("answer", schema, value)
}

fn at(path: &str, schema: &Value, value: &Value) -> Option<String> {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        return Some(format!("`{path}` is none of the values that it may have"));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => object(path, schema, value),
        Some("array") => {
            let Some(items) = value.as_array() else { return Some(format!("`{path}` must be an array")) };
            let of_item = schema.get("items")?;
            items.iter().enumerate().find_map(|(place, item)| at(&format!("{path}[{place}]"), of_item, item))
        }
        Some("number") => number(path, schema, value.as_f64()),
        Some("integer") if value.as_i64().is_none() && value.as_u64().is_none() => Some(format!("`{path}` must be a whole number")),
        Some("integer") => number(path, schema, value.as_f64()),
        Some("string") if !value.is_string() => Some(format!("`{path}` must be a string")),
        Some("boolean") if !value.is_boolean() => Some(format!("`{path}` must be true or false")),
        Some("null") if !value.is_null() => Some(format!("`{path}` must be null")),
        _ => None,
    }
}

fn object(path: &str, schema: &Value, value: &Value) -> Option<String> {
    let Some(fields) = value.as_object() else { return Some(format!("`{path}` must be an object")) };
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let mut required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.find(|name| !fields.contains_key(*name)) {
        return Some(format!("`{path}.{missing}` is missing"));
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) && fields.keys().any(|name| !known.contains_key(name)) {
        return Some(format!("`{path}` has a field that it may not have"));
    }
    known.iter().find_map(|(name, of_field)| at(&format!("{path}.{name}"), of_field, fields.get(name)?))
}

fn number(path: &str, schema: &Value, given: Option<f64>) -> Option<String> {
    let Some(number) = given.filter(|number| number.is_finite()) else { return Some(format!("`{path}` must be a number")) };
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let least = bound("minimum").filter(|least| number < *least).map(|least| format!("`{path}` must not be below {least}"));
    least.or_else(|| bound("maximum").filter(|most| number > *most).map(|most| format!("`{path}` must not be above {most}")))
}
