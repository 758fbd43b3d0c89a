//! The tables. What belongs to an end user has a column `alias`, so that it can be found, exported and erased; the end user's id itself
//! stands in `persons` alone.

/// Makes every table that is missing.
pub const TABLES: &[&str] = &[
    // Marks of the audit, the tenant's record, the configuration that was seen last.
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS keys (sha256 TEXT PRIMARY KEY, id TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS keys_by_id ON keys (id)",
    // What is in each slot of each window, and the first ms in which it counts no longer.
    "CREATE TABLE IF NOT EXISTS slots (counter TEXT NOT NULL, slot INTEGER NOT NULL, amount INTEGER NOT NULL, \
     until_ms INTEGER NOT NULL, alias TEXT NOT NULL, PRIMARY KEY (counter, slot)) WITHOUT ROWID",
    // What was spent on a day.
    "CREATE TABLE IF NOT EXISTS spent (owner TEXT NOT NULL, day INTEGER NOT NULL, amount INTEGER NOT NULL, \
     PRIMARY KEY (owner, day)) WITHOUT ROWID",
    // Calls that are being made.
    "CREATE TABLE IF NOT EXISTS reservations (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID",
    // What was answered to calls with an `Idempotency-Key`; a row's size is bounded, so the bytes come in parts.
    "CREATE TABLE IF NOT EXISTS answers (call TEXT PRIMARY KEY, body TEXT NOT NULL, alias TEXT NOT NULL, status INTEGER NOT NULL, \
     content_type TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS answer_parts (call TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (call, part))",
    "CREATE TABLE IF NOT EXISTS usage (day INTEGER NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL, alias TEXT NOT NULL, \
     requests INTEGER NOT NULL, hits INTEGER NOT NULL, failed INTEGER NOT NULL, lost INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, \
     completion_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL, cost INTEGER NOT NULL, unpriced INTEGER NOT NULL, \
     saved INTEGER NOT NULL, saved_unpriced INTEGER NOT NULL, PRIMARY KEY (day, model, key, alias)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS persons (alias TEXT PRIMARY KEY, user TEXT NOT NULL UNIQUE) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL, \
     alias TEXT NOT NULL, details TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)",
    // What the tenant has written down for the gateway to know: JSON, by kind and name. Nothing of end users.
    "CREATE TABLE IF NOT EXISTS documents (kind TEXT NOT NULL, name TEXT NOT NULL, changed_ms INTEGER NOT NULL, body TEXT NOT NULL, \
     PRIMARY KEY (kind, name)) WITHOUT ROWID",
    // Answers that were given, without their words, and what people said of them.
    "CREATE TABLE IF NOT EXISTS given (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, alias TEXT NOT NULL, what TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS given_by_time ON given (at_ms)",
    "CREATE TABLE IF NOT EXISTS feedback (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, alias TEXT NOT NULL, \
     revisions INTEGER NOT NULL, what TEXT NOT NULL, said TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS feedback_by_time ON feedback (changed_ms)",
    // Examples of brands are counted apart from the rest; posts of one order are one answer to an experiment.
    "CREATE INDEX IF NOT EXISTS feedback_approved ON feedback (changed_ms) WHERE said ->> '$.approved' = 1",
    "CREATE INDEX IF NOT EXISTS feedback_unapproved ON feedback (changed_ms) WHERE COALESCE(said ->> '$.approved', 0) = 0",
    "CREATE INDEX IF NOT EXISTS feedback_by_exposure ON feedback (what ->> '$.exposure') WHERE what ->> '$.exposure' IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS feedback_by_call ON feedback (what ->> '$.call') WHERE what ->> '$.call' IS NOT NULL",
    // What was seen of experiments, whose definitions are documents; what each subject has brought to an arm; which arm gave an answer.
    "CREATE TABLE IF NOT EXISTS experiments (id TEXT PRIMARY KEY, key TEXT NOT NULL, trial TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS experiment_subjects (experiment TEXT NOT NULL, subject TEXT NOT NULL, arm INTEGER NOT NULL, \
     alias TEXT NOT NULL, parts TEXT NOT NULL, PRIMARY KEY (experiment, subject, arm)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS experiment_subjects_by_alias ON experiment_subjects (alias) WHERE alias <> ''",
    "CREATE TABLE IF NOT EXISTS experiment_answers (answer TEXT PRIMARY KEY, experiment TEXT NOT NULL, subject TEXT NOT NULL, \
     arm INTEGER NOT NULL, alias TEXT NOT NULL, at_ms INTEGER NOT NULL, told TEXT NOT NULL) WITHOUT ROWID",
    "DROP INDEX IF EXISTS experiment_answers_by_time",
    "CREATE INDEX IF NOT EXISTS experiment_answers_by_age ON experiment_answers (at_ms)",
    "CREATE INDEX IF NOT EXISTS experiment_answers_by_subject ON experiment_answers (experiment, subject)",
    "CREATE INDEX IF NOT EXISTS experiment_answers_by_alias ON experiment_answers (alias) WHERE alias <> ''",
    // The gateway's own ledger knows the tenants.
    "CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY, region TEXT) WITHOUT ROWID",
];
