//! Values that fit a JSON schema: what structured outputs and tool arguments are made of.

use serde_json::{Map, Value, json};

use crate::pattern;
use crate::prose::Writer;
use crate::seed::Dice;
use crate::topics::Topics;

/// Beyond this depth only what must be there is made, so that recursive schemas end.
const DEEP: usize = 6;
/// Here even that stops: a schema that demands endless nesting fits nothing.
const DEEPEST: usize = 40;

/// Makes values for one schema.
pub struct Maker<'a> {
    root: &'a Value,
    topics: &'a Topics,
    dice: Dice,
}

impl<'a> Maker<'a> {
    /// A maker for the schema `root`, with words from the prompt.
    pub fn new(root: &'a Value, topics: &'a Topics, dice: Dice) -> Self {
        Self { root, topics, dice }
    }

    /// A value that fits the whole schema.
    pub fn make(mut self) -> Value {
        let root = self.root;
        self.value(root, "", 0)
    }

    fn value(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        let Some(object) = schema.as_object() else {
            return Value::String(self.sentence(4));
        };
        if let Some(fixed) = object.get("const") {
            return fixed.clone();
        }
        if let Some(choices) = object.get("enum").and_then(Value::as_array).filter(|choices| !choices.is_empty()) {
            return self.dice.pick(choices).clone();
        }
        if let Some(target) = object.get("$ref").and_then(Value::as_str) {
            let root = self.root;
            return match resolve(root, target) {
                Some(found) => self.value(found, name, depth + 1),
                None => Value::Null,
            };
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(options) = object.get(key).and_then(Value::as_array).filter(|options| !options.is_empty()) {
                let chosen = self.option(options, depth);
                return self.value(&with_siblings(object, key, chosen), name, depth + 1);
            }
        }
        if let Some(parts) = object.get("allOf").and_then(Value::as_array) {
            let merged = self.merge(object, parts);
            return self.value(&merged, name, depth + 1);
        }
        match self.kind(object, depth) {
            "object" => self.object(object, depth),
            "array" => self.array(object, name, depth),
            "integer" => self.number(object, name, true),
            "number" => self.number(object, name, false),
            "boolean" => Value::Bool(self.dice.chance(1, 2)),
            "null" => Value::Null,
            _ => Value::String(self.text(object, name)),
        }
    }

    /// One of several schemas: something before nothing, but in the depths nothing before something.
    fn option<'s>(&mut self, options: &'s [Value], depth: usize) -> &'s Value {
        let (empty, full): (Vec<&Value>, Vec<&Value>) = options.iter().partition(|option| option["type"] == "null");
        let flat = |option: &&Value| option.get("$ref").is_none() && option["type"] != "object" && option["type"] != "array";
        match (depth > DEEP, empty.first()) {
            (true, Some(nothing)) => nothing,
            (true, None) => full.iter().copied().find(flat).unwrap_or(full[0]),
            (false, Some(nothing)) if full.is_empty() => nothing,
            (false, _) => full[self.dice.below(full.len())],
        }
    }

    fn merge(&mut self, object: &Map<String, Value>, parts: &[Value]) -> Value {
        let mut merged = object.clone();
        merged.shift_remove("allOf");
        for part in parts {
            let part = part.get("$ref").and_then(Value::as_str).and_then(|target| resolve(self.root, target)).unwrap_or(part);
            for (key, value) in part.as_object().into_iter().flatten() {
                match (merged.get_mut(key), value) {
                    (Some(Value::Object(have)), Value::Object(more)) => have.extend(more.clone()),
                    (Some(Value::Array(have)), Value::Array(more)) => have.extend(more.iter().cloned()),
                    (Some(_), _) => {}
                    (None, _) => {
                        merged.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        Value::Object(merged)
    }

    fn kind<'s>(&mut self, object: &'s Map<String, Value>, depth: usize) -> &'s str {
        match object.get("type") {
            Some(Value::String(kind)) => kind,
            Some(Value::Array(kinds)) => {
                let mut names = kinds.iter().filter_map(Value::as_str);
                let null = names.clone().find(|kind| *kind == "null").filter(|_| depth > DEEP);
                null.or_else(|| names.find(|kind| *kind != "null")).unwrap_or("null")
            }
            _ if object.contains_key("properties") => "object",
            _ if object.contains_key("items") || object.contains_key("prefixItems") => "array",
            _ if object.contains_key("minimum") || object.contains_key("maximum") => "number",
            _ => "string",
        }
    }

    /// All properties, in the order of the schema; in the depths only the required ones.
    fn object(&mut self, object: &Map<String, Value>, depth: usize) -> Value {
        let empty = Vec::new();
        let required = object.get("required").and_then(Value::as_array).unwrap_or(&empty);
        let mut made = Map::new();
        for (name, schema) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if depth <= DEEP || required.iter().any(|needed| needed == name) {
                made.insert(name.clone(), self.value(schema, name, depth + 1));
            }
        }
        // Required, but described nowhere.
        for name in required.iter().filter_map(Value::as_str) {
            if !made.contains_key(name) {
                made.insert(name.to_owned(), Value::String(self.sentence(3)));
            }
        }
        Value::Object(made)
    }

    fn array(&mut self, object: &Map<String, Value>, name: &str, depth: usize) -> Value {
        let mut items = Vec::new();
        for schema in object.get("prefixItems").and_then(Value::as_array).into_iter().flatten() {
            items.push(self.value(schema, name, depth + 1));
        }
        let bound = |key: &str| object.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let least = bound("minItems").unwrap_or(0);
        let rest = object.get("items");
        let usual = if depth > DEEP || (rest.is_none() && !items.is_empty()) { items.len() } else { items.len() + self.dice.between(1, 3) };
        let count = usual.max(least).min(bound("maxItems").unwrap_or(usize::MAX)).min(1000);
        let unique = object.get("uniqueItems") == Some(&Value::Bool(true));
        let mut tries = 0;
        while items.len() < count && rest != Some(&Value::Bool(false)) && tries < count * 20 {
            tries += 1;
            let item = match rest {
                Some(schema) => self.value(schema, name, depth + 1),
                None => Value::String(self.sentence(2)),
            };
            if !unique || !items.contains(&item) {
                items.push(item);
            }
        }
        items.truncate(count.max(least));
        Value::Array(items)
    }

    fn number(&mut self, object: &Map<String, Value>, name: &str, whole: bool) -> Value {
        let bound = |key: &str| object.get(key).and_then(Value::as_f64);
        let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(if whole { 1.0 } else { 0.5 });
        // Where a bound is excluded, the smallest step away from it is allowed.
        let low = bound("minimum").map(|low| (low / step).ceil() * step);
        let low = low.or(bound("exclusiveMinimum").map(|low| ((low / step).floor() + 1.0) * step));
        let high = bound("maximum").map(|high| (high / step).floor() * step);
        let high = high.or(bound("exclusiveMaximum").map(|high| ((high / step).ceil() - 1.0) * step));
        let lower = name.to_ascii_lowercase();
        let (usual_low, usual_width) = match lower.as_str() {
            _ if lower.contains("year") => (2000.0, 26.0),
            _ if lower.contains("age") => (18.0, 60.0),
            _ if lower.contains("confidence") || lower.contains("probability") => (0.5, 0.5),
            _ => (1.0, 99.0),
        };
        let (low, high) = match (low, high) {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => (low.max(usual_low), low.max(usual_low) + usual_width),
            (None, Some(high)) => ((high - usual_width).max(usual_low).min(high), high),
            (None, None) => (usual_low, usual_low + usual_width),
        };
        if high < low {
            // Between the bounds lies no multiple of the usual step: halfway there is still a number, if not a whole one.
            let (low, high) = (bound("minimum").or(bound("exclusiveMinimum")), bound("maximum").or(bound("exclusiveMaximum")));
            return json!((low.unwrap_or(0.0) + high.unwrap_or(0.0)) / 2.0);
        }
        let steps = ((high - low) / step).floor().min(1e6) as usize;
        let first = (low / step).ceil();
        let number = (first + self.dice.below(steps + 1) as f64) * step;
        if whole { json!(number as i64) } else { json!((number * 1e6).round() / 1e6) }
    }

    fn text(&mut self, object: &Map<String, Value>, name: &str) -> String {
        if let Some(made) = object.get("pattern").and_then(Value::as_str).and_then(|wanted| pattern::make(wanted, &mut self.dice)) {
            return made;
        }
        let mut text = match object.get("format").and_then(Value::as_str) {
            Some(format) => self.formatted(format),
            None => self.named(name),
        };
        let bound = |key: &str| object.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let least = bound("minLength").unwrap_or(0).min(100_000);
        while text.chars().count() < least {
            text.push(' ');
            text.push_str(&self.sentence(3));
        }
        if let Some(most) = bound("maxLength") {
            text = text.chars().take(most).collect();
        }
        text
    }

    fn formatted(&mut self, format: &str) -> String {
        let (month, day) = (self.dice.between(1, 12), self.dice.between(1, 28));
        match format {
            "date" => format!("2026-{month:02}-{day:02}"),
            "time" => format!("{:02}:{:02}:00Z", self.dice.between(0, 23), self.dice.between(0, 59)),
            "date-time" => format!("2026-{month:02}-{day:02}T09:30:00Z"),
            "duration" => "PT15M".to_owned(),
            "email" => "ada@example.com".to_owned(),
            "uri" | "url" => "https://example.com/page".to_owned(),
            "hostname" => "host.example.com".to_owned(),
            "ipv4" => "192.0.2.10".to_owned(),
            "ipv6" => "2001:db8::10".to_owned(),
            "uuid" => crate::seed::uuid(self.dice.roll()),
            _ => self.sentence(3),
        }
    }

    /// A text that suits a property's name.
    fn named(&mut self, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let known = self.topics.names.first().cloned();
        if has(&["email"]) {
            self.formatted("email")
        } else if has(&["url", "link", "website"]) {
            self.formatted("url")
        } else if has(&["date", "day"]) {
            self.formatted("date")
        } else if has(&["city", "location", "place", "town"]) {
            known.unwrap_or_else(|| "Oslo".to_owned())
        } else if has(&["country"]) {
            known.unwrap_or_else(|| "Norway".to_owned())
        } else if has(&["name", "person", "author"]) {
            known.unwrap_or_else(|| "Ada Lovelace".to_owned())
        } else if has(&["colour", "color"]) {
            "green".to_owned()
        } else if has(&["query", "search", "topic", "subject", "title"]) {
            self.topics.main().to_owned()
        } else if has(&["caption", "post", "spoken"]) || name == "text" {
            format!("{}.", self.sentence(14))
        } else if name == "hashtags" {
            self.topics.main().to_owned()
        } else if name == "id" || name.ends_with("_id") {
            format!("{:08x}", self.dice.roll() >> 32)
        } else {
            self.sentence(5)
        }
    }

    fn sentence(&mut self, words: usize) -> String {
        let dice = Dice::new(self.dice.roll());
        let mut text = Writer::new(dice, self.topics, false).prose(words);
        text.truncate(text.trim_end_matches('.').len());
        text
    }
}

/// What a local reference points to.
pub fn resolve<'v>(root: &'v Value, target: &str) -> Option<&'v Value> {
    root.pointer(target.strip_prefix('#')?)
}

/// The chosen option, with what stands next to the choice: `{"type": "object", "anyOf": […]}`.
fn with_siblings(object: &Map<String, Value>, key: &str, chosen: &Value) -> Value {
    let mut merged = object.clone();
    merged.shift_remove(key);
    for (name, value) in chosen.as_object().into_iter().flatten() {
        match (merged.get_mut(name), value) {
            (Some(Value::Object(have)), Value::Object(more)) if name == "properties" => have.extend(more.clone()),
            _ => {
                merged.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(merged)
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
