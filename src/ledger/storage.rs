//! What the ledger asks of its SQLite: the Durable Object's in production, another one's in native tests, with the same statements.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cloud::models::MicroDollars;
use crate::protocol::json::typed::Misfit;

/// The largest whole number that JavaScript holds exactly. SQLite is reached through it, so nothing larger is stored.
const MOST: u64 = (1 << 53) - 1;

/// A value in a row, or for a place in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number below 2^53.
    Integer(u64),
    /// A text.
    Text(String),
    /// Bytes; in statements alone.
    Bytes(Vec<u8>),
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(number.min(MOST))
    }
}

impl From<MicroDollars> for Cell {
    fn from(money: MicroDollars) -> Self {
        money.0.into()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Cell {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Cell;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("null, a whole number or a text")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Cell, E> {
                Ok(Cell::Null)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Cell, E> {
                Ok(Cell::Integer(number))
            }

            // The ledger writes neither of the next three. Who changes the database may, and the audit must be able to say so.
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Cell, E> {
                Ok(Cell::Integer(u64::try_from(number).unwrap_or_default()))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Cell, E> {
                Ok(Cell::Null)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Cell::Null)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Cell, E> {
                Ok(Cell::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Cell, E> {
                Ok(Cell::Text(text))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A row of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// The number in a column; 0 when there is none.
    pub fn number(&self, column: usize) -> u64 {
        self.maybe_number(column).unwrap_or_default()
    }

    /// The number in a column, if there is one.
    pub fn maybe_number(&self, column: usize) -> Option<u64> {
        if let Some(Cell::Integer(number)) = self.0.get(column) { Some(*number) } else { None }
    }

    /// The text in a column; empty when there is none.
    pub fn text(&self, column: usize) -> &str {
        self.maybe_text(column).unwrap_or_default()
    }

    /// The text in a column, if there is one.
    pub fn maybe_text(&self, column: usize) -> Option<&str> {
        if let Some(Cell::Text(text)) = self.0.get(column) { Some(text) } else { None }
    }
}

/// A statement and what stands in its places.
#[derive(Debug)]
pub struct Statement {
    /// The text. It is constant wherever it can be: the runtime keeps statements prepared by their text.
    pub sql: Cow<'static, str>,
    /// `?1`, `?2` and so on.
    pub cells: Vec<Cell>,
}

/// Statements that are carried out together or not at all.
#[derive(Debug, Default)]
pub struct Batch(pub Vec<Statement>);

impl Batch {
    /// Adds a statement.
    pub fn add(&mut self, sql: impl Into<Cow<'static, str>>, cells: impl Into<Vec<Cell>>) {
        self.0.push(Statement { sql: sql.into(), cells: cells.into() });
    }

    /// The batch as JSON, `[[sql, cell, …], …]`, and the bytes that it refers to as `{"from": …, "to": …}`.
    ///
    /// # Errors
    /// None in practice: everything here can be written as JSON.
    pub fn encode(&self) -> Result<(String, Vec<u8>), Failure> {
        let mut bytes = Vec::new();
        let mut rows: Vec<Vec<Wire<'_>>> = Vec::with_capacity(self.0.len());
        for statement in &self.0 {
            let mut row = Vec::with_capacity(statement.cells.len().saturating_add(1));
            row.push(Wire::Text(&statement.sql));
            for cell in &statement.cells {
                row.push(Wire::of(cell, &mut bytes));
            }
            rows.push(row);
        }
        Ok((serde_json::to_string(&rows)?, bytes))
    }
}

/// Cells for one statement as JSON.
///
/// # Errors
/// None in practice: everything here can be written as JSON.
pub fn encode_cells(cells: &[Cell]) -> Result<String, Failure> {
    let mut none = Vec::new();
    let row: Vec<Wire<'_>> = cells.iter().map(|cell| Wire::of(cell, &mut none)).collect();
    Ok(serde_json::to_string(&row)?)
}

enum Wire<'a> {
    Null,
    Integer(u64),
    Text(&'a str),
    Bytes(usize, usize),
}

impl<'a> Wire<'a> {
    fn of(cell: &'a Cell, bytes: &mut Vec<u8>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Integer(number) => Self::Integer(*number),
            Cell::Text(text) => Self::Text(text),
            Cell::Bytes(more) => {
                let from = bytes.len();
                bytes.extend_from_slice(more);
                Self::Bytes(from, bytes.len())
            }
        }
    }
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Integer(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(from, to) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("from", from)?;
                map.serialize_entry("to", to)?;
                map.end()
            }
        }
    }
}

/// Why a message was not carried out: nothing of it was.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<Misfit> for Failure {
    fn from(misfit: Misfit) -> Self {
        // Where alone: what is said of it may quote what was read.
        Self(format!("JSON of another form was expected at `{}`", misfit.path))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        // Where and of what kind alone: the text itself may quote what was read.
        Self(format!("JSON is wrong in line {}, column {} ({:?})", error.line(), error.column(), error.classify()))
    }
}

/// An SQLite database, an alarm clock and a source of randomness.
pub trait Storage {
    /// The rows that a statement finds.
    ///
    /// # Errors
    /// The database's own failure.
    fn query(&self, sql: &str, cells: &[Cell]) -> Result<Vec<Row>, Failure>;

    /// The bytes in the first column of the first row that a statement finds.
    ///
    /// # Errors
    /// The database's own failure.
    fn bytes(&self, sql: &str, cells: &[Cell]) -> Result<Option<Vec<u8>>, Failure>;

    /// Carries out a batch, all of it or nothing, and sets the alarm, in ms since 1970, when one is given.
    ///
    /// # Errors
    /// The database's own failure.
    fn write(&self, batch: &Batch, alarm_ms: Option<u64>) -> Result<(), Failure>;

    /// So many bytes that nobody can guess.
    fn random(&self, count: usize) -> Vec<u8>;
}

/// Cells for a statement.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { [$($crate::ledger::storage::Cell::from($value)),*] };
}
pub(crate) use cells;
