//! A JSON value as a type, read where it lies; what is wrong is told with its path.
//!
//! serde's derived code is made anew for each kind of source that it reads from, and for each layer around one. Bodies and variables have
//! this one source, without a layer: that is a tenth of the Worker's size.

use std::fmt;

use serde::Deserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::{Kind, Value, push_index, push_key};

/// Why a value is not of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where, such as `limits[0].window`; empty at the root.
    pub path: String,
    /// What serde says of it. It may quote the value.
    pub said: String,
}

/// Reads a value as a type.
///
/// # Errors
/// Where it does not fit, and why.
pub fn typed<T: DeserializeOwned>(value: Value<'_>) -> Result<T, Misfit> {
    T::deserialize(Source(value)).map_err(|fault| {
        let mut path = String::new();
        for step in fault.steps.iter().rev() {
            match step {
                Step::Key(key) => push_key(&mut path, key),
                Step::Place(place) => push_index(&mut path, *place),
            }
        }
        Misfit { path, said: fault.said }
    })
}

/// A step on the way to what is wrong.
#[derive(Debug)]
enum Step {
    Key(String),
    Place(usize),
}

/// What is wrong, and the way to it, the last step first.
#[derive(Debug)]
struct Fault {
    said: String,
    steps: Vec<Step>,
}

impl Fault {
    fn under(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.said)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self { said: said.to_string(), steps: Vec::new() }
    }
}

#[derive(Clone, Copy)]
struct Source<'d>(Value<'d>);

impl Source<'_> {
    fn text(self) -> Result<String, Fault> {
        self.0.text().map(std::borrow::Cow::into_owned).ok_or_else(|| de::Error::custom("half a character, expected whole characters"))
    }

    fn unexpected<T>(self, expected: &dyn de::Expected) -> Result<T, Fault> {
        let found = match self.0.kind() {
            Kind::Null => Unexpected::Unit,
            Kind::Bool => Unexpected::Bool(self.0.boolean() == Some(true)),
            Kind::Number => Unexpected::Other("number"),
            Kind::String => Unexpected::Other("string"),
            Kind::Array => Unexpected::Seq,
            Kind::Object => Unexpected::Map,
        };
        Err(de::Error::invalid_type(found, expected))
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let literal = self.0.number().unwrap_or_default();
        if let Ok(number) = literal.parse::<u64>() {
            visitor.visit_u64(number)
        } else if let Ok(number) = literal.parse::<i64>() {
            visitor.visit_i64(number)
        } else {
            match literal.parse::<f64>() {
                Ok(number) if number.is_finite() => visitor.visit_f64(number),
                _ => Err(de::Error::custom("a number without end, expected one that can be reckoned with")),
            }
        }
    }
}

impl<'de> Deserializer<'de> for Source<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool => visitor.visit_bool(self.0.boolean() == Some(true)),
            Kind::Number => self.number(visitor),
            Kind::String => visitor.visit_string(self.text()?),
            Kind::Array => visitor.visit_seq(Elements { rest: self.0.elements(), place: 0 }),
            Kind::Object => visitor.visit_map(Members { rest: self.0.members(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A list in an object's place is refused: serde would take its elements for the fields in their order, which nobody means.
    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        if self.0.kind() == Kind::Object { self.deserialize_any(visitor) } else { self.unexpected(&visitor) }
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let mut members = self.0.members();
        match (self.0.kind(), members.next(), members.next()) {
            (Kind::String, ..) => visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(self.text()?)),
            (Kind::Object, Some((name, value)), None) => visitor.visit_enum(Variant { name: Source(name).text()?, value: Source(value) }),
            _ => self.unexpected(&"a string"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct Elements<I> {
    rest: I,
    place: usize,
}

impl<'de, 'd, I: Iterator<Item = Value<'d>>> SeqAccess<'de> for Elements<I> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let place = self.place;
        self.place = place.saturating_add(1);
        seed.deserialize(Source(value)).map(Some).map_err(|fault| fault.under(Step::Place(place)))
    }
}

struct Members<'d, I> {
    rest: I,
    value: Option<(String, Value<'d>)>,
}

impl<'de, 'd, I: Iterator<Item = (Value<'d>, Value<'d>)>> MapAccess<'de> for Members<'d, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        let name = Source(key).text()?;
        let read = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(name.as_str()));
        let read = read.map(Some).map_err(|fault| fault.under(Step::Key(name.clone())));
        self.value = Some((name, value));
        read
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let (name, value) = self.value.take().ok_or_else(|| <Fault as de::Error>::custom("a value without a key"))?;
        seed.deserialize(Source(value)).map_err(|fault| fault.under(Step::Key(name)))
    }
}

/// An enum's variant that holds something.
struct Variant<'d> {
    name: String,
    value: Source<'d>,
}

impl<'de, 'd> EnumAccess<'de> for Variant<'d> {
    type Error = Fault;
    type Variant = Source<'d>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Source<'d>), Fault> {
        let name = IntoDeserializer::<Fault>::into_deserializer(self.name.as_str());
        Ok((seed.deserialize(name).map_err(|fault: Fault| fault.under(Step::Key(self.name.clone())))?, self.value))
    }
}

impl<'de> VariantAccess<'de> for Source<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        if self.0.is_null() { Ok(()) } else { self.unexpected(&"nothing beside the name") }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }
}
