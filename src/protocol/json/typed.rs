//! A JSON value as a type, read where it lies; what is wrong is told with its path.
//!
//! serde's derived code is made anew for each kind of source that it reads from, and for each layer around one. Everything that is read as
//! a type has this one source, without a layer: bodies, variables, records, and what Workers and ledgers say to each other.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::{Document, Kind, Value, push_index, push_key};

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

/// Reads a text of the gateway's own as a type.
///
/// # Errors
/// It is not JSON, or not of the type.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Misfit> {
    let document = Document::read(text.as_bytes()).map_err(|offence| Misfit { path: offence.path, said: "it is not JSON".to_owned() })?;
    typed(document.root())
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

impl<'d> Source<'d> {
    fn text(self) -> Result<Cow<'d, str>, Fault> {
        self.0.text().ok_or_else(|| de::Error::custom("half a character, expected whole characters"))
    }

    /// That the value is of another kind than a visitor takes. One function for all visitors.
    #[inline(never)]
    fn unexpected(self, expected: &dyn de::Expected) -> Fault {
        let found = match self.0.kind() {
            Kind::Null => Unexpected::Unit,
            Kind::Bool => Unexpected::Bool(self.0.boolean() == Some(true)),
            Kind::Number => Unexpected::Other("number"),
            Kind::String => Unexpected::Other("string"),
            Kind::Array => Unexpected::Seq,
            Kind::Object => Unexpected::Map,
        };
        de::Error::invalid_type(found, expected)
    }

    #[inline(never)]
    fn numeral(self) -> Result<Numeral, Fault> {
        let literal = self.0.number().unwrap_or_default();
        if let Ok(number) = literal.parse() {
            Ok(Numeral::Whole(number))
        } else if let Ok(number) = literal.parse() {
            Ok(Numeral::Below(number))
        } else {
            match literal.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Numeral::Real(number)),
                _ => Err(de::Error::custom("a number without end, expected one that can be reckoned with")),
            }
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.kind() != Kind::Number {
            return Err(self.unexpected(&visitor));
        }
        match self.numeral()? {
            Numeral::Whole(number) => visitor.visit_u64(number),
            Numeral::Below(number) => visitor.visit_i64(number),
            Numeral::Real(number) => visitor.visit_f64(number),
        }
    }

    fn string<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.kind() == Kind::String { visitor.visit_str(&self.text()?) } else { Err(self.unexpected(&visitor)) }
    }

    /// An enum's value: a name, or an object of one name and what it holds.
    fn variant(self) -> Result<Variant<'d>, Fault> {
        let mut members = self.0.members();
        match (self.0.kind(), members.next(), members.next()) {
            (Kind::String, ..) => Ok(Variant { name: self.text()?, value: None }),
            (Kind::Object, Some((name, value)), None) => Ok(Variant { name: Source(name).text()?, value: Some(Source(value)) }),
            _ => Err(self.unexpected(&"a string")),
        }
    }

    fn members(self) -> Members<'d, impl Iterator<Item = (Value<'d>, Value<'d>)>> {
        Members { rest: self.0.members(), value: None }
    }
}

/// What a number's literal says.
enum Numeral {
    Whole(u64),
    Below(i64),
    Real(f64),
}

/// Each kind of visitor is asked only what it may answer: to ask it everything is code for everything, for each type that is read.
macro_rules! of_kind {
    ($way:ident: $($name:ident)+) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$way(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for Source<'_> {
    type Error = Fault;

    of_kind!(number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64);
    of_kind!(string: deserialize_char deserialize_str deserialize_string deserialize_identifier);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool => visitor.visit_bool(self.0.boolean() == Some(true)),
            Kind::Number => self.number(visitor),
            Kind::String => self.string(visitor),
            Kind::Array => self.deserialize_seq(visitor),
            Kind::Object => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Some(is) = self.0.boolean() else { return Err(self.unexpected(&visitor)) };
        visitor.visit_bool(is)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.kind() != Kind::Array {
            return Err(self.unexpected(&visitor));
        }
        visitor.visit_seq(Elements { rest: self.0.elements(), place: 0 })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.kind() == Kind::Object { visitor.visit_map(self.members()) } else { Err(self.unexpected(&visitor)) }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A list in an object's place is refused: serde would take its elements for the fields in their order, which nobody means.
    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_enum(self.variant()?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct
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
    value: Option<(Cow<'d, str>, Value<'d>)>,
}

impl<'de, 'd, I: Iterator<Item = (Value<'d>, Value<'d>)>> MapAccess<'de> for Members<'d, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        let name = Source(key).text()?;
        let read = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(&*name));
        let read = read.map(Some).map_err(|fault| fault.under(Step::Key(name.clone().into_owned())));
        self.value = Some((name, value));
        read
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let (name, value) = self.value.take().ok_or_else(|| <Fault as de::Error>::custom("a value without a key"))?;
        seed.deserialize(Source(value)).map_err(|fault| fault.under(Step::Key(name.into_owned())))
    }
}

/// An enum's variant, and what it holds.
struct Variant<'d> {
    name: Cow<'d, str>,
    value: Option<Source<'d>>,
}

impl<'de, 'd> EnumAccess<'de> for Variant<'d> {
    type Error = Fault;
    type Variant = Held<'d>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Held<'d>), Fault> {
        let name = IntoDeserializer::<Fault>::into_deserializer(&*self.name);
        let read = seed.deserialize(name);
        match (read, self.value) {
            (Ok(variant), value) => Ok((variant, Held(value))),
            (Err(fault), Some(_)) => Err(fault.under(Step::Key(self.name.into_owned()))),
            (Err(fault), None) => Err(fault),
        }
    }
}

/// What a variant holds: nothing when the name stands alone.
struct Held<'d>(Option<Source<'d>>);

impl<'d> Held<'d> {
    fn source(&self) -> Result<Source<'d>, Fault> {
        self.0.ok_or_else(|| de::Error::custom("a name alone, expected an object with the name as its key"))
    }
}

impl<'de> VariantAccess<'de> for Held<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.0 {
            Some(source) if !source.0.is_null() => Err(source.unexpected(&"nothing beside the name")),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.source()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.source()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.source()?.deserialize_map(visitor)
    }
}
