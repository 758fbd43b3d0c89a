//! The ledger's books upon a real SQLite, the same engine as a Durable Object's.
#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::Cell as Place;
use std::rc::Rc;

use maya_edge::ledger::books::{Books, Reply};
use maya_edge::ledger::message::{Called, Message, Note, Reserve, Word};
use maya_edge::ledger::storage::{Batch, Cell, Failure, Row, Storage};
use maya_edge::ledger::terms::Terms;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value, json};

/// The time at which tests begin: 23 November 2026, 12:00 UTC, in ms since 1970.
pub const NOON: u64 = 1_795_435_200_000;

/// A database in memory that outlives the books that are opened upon it.
#[derive(Clone)]
pub struct Database(Rc<Inner>);

struct Inner {
    connection: Connection,
    alarm_ms: Place<Option<u64>>,
    writes: Place<u64>,
    reads: Place<u64>,
    dice: Place<u64>,
    /// How many more statements succeed before one fails.
    failing: Place<Option<u64>>,
}

impl Default for Database {
    fn default() -> Self {
        Self(Rc::new(Inner {
            connection: connection(),
            alarm_ms: Place::default(),
            writes: Place::default(),
            reads: Place::default(),
            dice: Place::new(1),
            failing: Place::default(),
        }))
    }
}

/// As in a Durable Object, every number is bound as JavaScript's: a double.
fn bound(cells: &[Cell]) -> Vec<Sql> {
    cells
        .iter()
        .map(|cell| match cell {
            Cell::Null => Sql::Null,
            Cell::Integer(number) => Sql::Real(*number as f64),
            Cell::Text(text) => Sql::Text(text.clone()),
            Cell::Bytes(bytes) => Sql::Blob(bytes.clone()),
        })
        .collect()
}

fn failed(error: rusqlite::Error) -> Failure {
    Failure(error.to_string())
}

impl Database {
    pub fn alarm_ms(&self) -> Option<u64> {
        self.0.alarm_ms.get()
    }

    pub fn crossings(&self) -> (u64, u64) {
        (self.0.reads.get(), self.0.writes.get())
    }

    /// Makes the statement after so many fail.
    pub fn fail_after(&self, statements: u64) {
        self.0.failing.set(Some(statements));
    }

    /// Changes the database behind the ledger's back.
    pub fn tamper(&self, sql: &str) {
        self.0.connection.execute_batch(sql).unwrap();
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.0.connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).unwrap().unwrap_or_default()
    }

    /// Every row of every table as text.
    pub fn everything(&self) -> String {
        let tables = ["facts", "keys", "slots", "spent", "reservations", "answers", "answer_parts", "usage", "persons", "audit", "tenants"];
        let mut text = String::new();
        for table in tables {
            let mut statement = self.0.connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cell = |at| match row.get_ref(at).unwrap() {
                    ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    other => format!("{other:?}"),
                };
                text.push_str(&format!("{table}: {}\n", (0..columns).map(cell).collect::<Vec<_>>().join(", ")));
            }
        }
        text
    }
}

impl Storage for Database {
    fn query(&self, sql: &str, cells: &[Cell]) -> Result<Vec<Row>, Failure> {
        self.0.reads.set(self.0.reads.get() + 1);
        let mut statement = self.0.connection.prepare_cached(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(bound(cells))).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let cell = |at| match row.get_ref(at).unwrap() {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number.try_into().unwrap_or_default()),
                ValueRef::Text(text) => Cell::Text(String::from_utf8(text.to_vec()).unwrap()),
                ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Null,
            };
            found.push(Row((0..columns).map(cell).collect()));
        }
        Ok(found)
    }

    fn bytes(&self, sql: &str, cells: &[Cell]) -> Result<Option<Vec<u8>>, Failure> {
        let mut statement = self.0.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params_from_iter(bound(cells))).map_err(failed)?;
        Ok(rows.next().map_err(failed)?.map(|row| row.get(0).unwrap()))
    }

    fn write(&self, batch: &Batch, alarm_ms: Option<u64>) -> Result<(), Failure> {
        self.0.writes.set(self.0.writes.get() + 1);
        let transaction = self.0.connection.unchecked_transaction().map_err(failed)?;
        for statement in &batch.0 {
            match self.0.failing.get() {
                Some(0) => {
                    self.0.failing.set(None);
                    return Err(Failure("the disk is full".to_owned()));
                }
                left => self.0.failing.set(left.map(|left| left - 1)),
            }
            let mut prepared = transaction.prepare_cached(&statement.sql).map_err(failed)?;
            prepared.execute(params_from_iter(bound(&statement.cells))).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        if alarm_ms.is_some() {
            self.0.alarm_ms.set(alarm_ms);
        }
        Ok(())
    }

    fn random(&self, count: usize) -> Vec<u8> {
        let mut dice = self.0.dice.get();
        let bytes = (0..count)
            .map(|_| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 56) as u8
            })
            .collect();
        self.0.dice.set(dice);
        bytes
    }
}

/// A ledger and its clock.
pub struct Ledger {
    pub database: Database,
    pub books: Books<Database>,
    pub now_ms: u64,
    reserved: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        let database = Database::default();
        let books = Books::open(database.clone(), NOON).unwrap();
        Self { database, books, now_ms: NOON, reserved: 0 }
    }
}

impl Ledger {
    /// Opens the books anew, as after an eviction.
    pub fn reopen(&mut self) {
        self.books = Books::open(self.database.clone(), self.now_ms).unwrap();
    }

    pub fn act(&mut self, message: &Message, bytes: &[u8]) -> Reply {
        self.books.act(self.now_ms, &serde_json::to_string(message).unwrap(), bytes).unwrap()
    }

    /// Asks with a message as the ledger reads it, or with its name under `ask` beside what it says.
    pub fn ask(&mut self, mut message: Value) -> Value {
        if let Some(Value::String(name)) = message.as_object_mut().and_then(|message| message.remove("ask")) {
            let alone = matches!(name.as_str(), "verify" | "tenant" | "tenants");
            message = if alone { json!(name) } else { json!({name: message}) };
        }
        let reply = self.books.act(self.now_ms, &message.to_string(), &[]).unwrap();
        serde_json::from_str(&reply.text).unwrap()
    }

    /// The alarm, if its time has come.
    pub fn ring(&mut self) {
        if self.database.alarm_ms().is_some_and(|due| due <= self.now_ms) {
            self.database.0.alarm_ms.set(None);
            self.books.alarm(self.now_ms).unwrap();
        }
    }

    pub fn reserve(&mut self, call: Reserve) -> Word {
        self.reserve_with_bytes(call).0
    }

    pub fn reserve_with_bytes(&mut self, call: Reserve) -> (Word, Option<Vec<u8>>) {
        let reply = self.act(&Message::Reserve(call), &[]);
        (serde_json::from_str(&reply.text).unwrap(), reply.bytes)
    }

    pub fn note(&mut self, note: Note) {
        self.act(&Message::Note { notes: vec![note] }, &[]);
    }

    /// The name of a reservation that no other has.
    pub fn next_id(&mut self) -> String {
        self.reserved += 1;
        format!("r{}", self.reserved)
    }

    pub fn usage(&mut self, query: Value) -> Value {
        self.ask(json!({"usage": query}))
    }

    pub fn audit(&mut self) -> Vec<Value> {
        self.ask(json!({"audit": {"limit": 1000}}))["entries"].as_array().unwrap().clone()
    }
}

pub fn terms(value: Value) -> Terms {
    serde_json::from_value(value).unwrap()
}

/// A call of a configured key with terms of its own.
pub fn call(id: &str, own: Value) -> Reserve {
    Reserve {
        id: id.to_owned(),
        key: "k1".to_owned(),
        model: "m1".to_owned(),
        tokens: 100,
        cost: Some(maya_edge::cloud::models::MicroDollars(1000)),
        terms: vec![("k1".to_owned(), terms(own))],
        lease_ms: 60_000,
        ..Reserve::default()
    }
}

/// What became of the call with a reservation.
pub fn called(id: &str, at_ms: u64) -> Called {
    Called { reservation: id.to_owned(), at_ms, key: "k1".to_owned(), model: "m1".to_owned(), status: 200, ..Called::default() }
}

pub fn granted(word: &Word) -> bool {
    matches!(word, Word::Granted { .. })
}

/// SQLite as the runtime has it: a UNION has five parts at the most.
fn connection() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5).unwrap();
    connection
}
