//! Closed schemas: what a JSON value may hold, and the complaints about one that holds something else.

use std::fmt;

use serde_json::{Map, Value};

/// What a property may be. `null` is always allowed where a property is optional.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// A string of at most so many characters.
    Text(usize),
    /// A whole number in a range.
    Int(i64, i64),
    /// A number in a range.
    Number(f64, f64),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// An object with any properties.
    Free,
    /// A closed object.
    Closed(&'static Shape),
    /// An array with at least so many items of one kind.
    List(usize, &'static Kind),
    /// What this function says.
    Own(fn(&Value, &Place<'_>, &mut Complaints)),
}

/// No limit on the length of a string.
pub const LONG: usize = usize::MAX;

/// A property.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
}

/// A property that may be absent or null.
pub const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

/// A property that must be there.
pub const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

/// The properties of a closed object.
pub struct Shape {
    /// All that are allowed.
    pub fields: &'static [Field],
}

/// Where in the body a value is. Made on the stack, and only written out for a complaint.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// A place that begins a path.
    pub const fn root(name: &'a str) -> Self {
        Self { parent: None, step: Step::Key(name) }
    }

    /// A property of the value here.
    pub const fn key(&'a self, name: &'a str) -> Place<'a> {
        Place { parent: Some(self), step: Step::Key(name) }
    }

    /// An item of the array here.
    pub const fn index(&'a self, number: usize) -> Place<'a> {
        Place { parent: Some(self), step: Step::Index(number) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(out, "{parent}.")?;
        }
        match self.step {
            Step::Key(name) => out.write_str(name),
            Step::Index(number) => write!(out, "{number}"),
        }
    }
}

/// All that is wrong with a body.
#[derive(Debug, Default)]
pub struct Complaints(Vec<String>);

impl Complaints {
    /// Adds one.
    pub fn add(&mut self, place: &Place<'_>, what: impl fmt::Display) {
        self.0.push(format!("{place}: {what}"));
    }

    /// Adds that a property has no business there.
    pub fn unsupported(&mut self, place: &Place<'_>) {
        self.add(place, format_args!("property '{place}' is unsupported"));
    }

    /// All of them, a line each; `None` when nothing is wrong.
    pub fn message(&self) -> Option<String> {
        if self.0.is_empty() { None } else { Some(self.0.join("\n")) }
    }
}

impl Shape {
    /// Checks an object's properties.
    pub fn check(&self, object: &Map<String, Value>, place: &Place<'_>, complaints: &mut Complaints) {
        for (name, value) in object {
            let here = place.key(name);
            match self.fields.iter().find(|field| field.name == name) {
                None => complaints.unsupported(&here),
                Some(field) if value.is_null() && !field.required => {}
                Some(field) => field.kind.check(value, &here, complaints),
            }
        }
        for field in self.fields.iter().filter(|field| field.required && !object.contains_key(field.name)) {
            complaints.add(&place.key(field.name), "Field required");
        }
    }
}

impl Kind {
    /// Checks a value.
    pub fn check(&self, value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
        match *self {
            Kind::Any => {}
            Kind::Bool if value.is_boolean() => {}
            Kind::Bool => complaints.add(place, "Input should be a valid boolean"),
            Kind::Text(most) => match value.as_str() {
                None => complaints.add(place, "Input should be a valid string"),
                Some(text) if text.len() > most && text.chars().count() > most => {
                    complaints.add(place, format_args!("String should have at most {most} characters"));
                }
                Some(_) => {}
            },
            Kind::Int(low, high) => match whole(value) {
                None => complaints.add(place, "Input should be a valid integer"),
                Some(number) => in_range(number, low, high, place, complaints),
            },
            Kind::Number(low, high) => match value.as_f64() {
                None => complaints.add(place, "Input should be a valid number"),
                Some(number) => in_range(number, low, high, place, complaints),
            },
            Kind::OneOf(names) => {
                if !value.as_str().is_some_and(|text| names.contains(&text)) {
                    let list: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                    complaints.add(place, format_args!("Input should be {}", list.join(" or ")));
                }
            }
            Kind::Free if value.is_object() => {}
            Kind::Free => complaints.add(place, "Input should be a valid dictionary"),
            Kind::Closed(shape) => match value.as_object() {
                Some(object) => shape.check(object, place, complaints),
                None => complaints.add(place, "Input should be a valid dictionary"),
            },
            Kind::List(least, kind) => match value.as_array() {
                None => complaints.add(place, "Input should be a valid list"),
                Some(items) => {
                    if items.len() < least {
                        complaints.add(place, format_args!("List should have at least {least} item after validation, not {}", items.len()));
                    }
                    for (number, item) in items.iter().enumerate() {
                        kind.check(item, &place.index(number), complaints);
                    }
                }
            },
            Kind::Own(check) => check(value, place, complaints),
        }
    }
}

/// A whole number, also when it is written as 1.0.
pub fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

fn in_range<T: PartialOrd + fmt::Display>(number: T, low: T, high: T, place: &Place<'_>, complaints: &mut Complaints) {
    if number < low {
        complaints.add(place, format_args!("Input should be greater than or equal to {low}"));
    } else if number > high {
        complaints.add(place, format_args!("Input should be less than or equal to {high}"));
    }
}
