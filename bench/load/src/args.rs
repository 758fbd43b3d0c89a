//! `--name value` arguments.

use std::collections::HashMap;
use std::process::exit;
use std::str::FromStr;

/// The arguments of a program, every option with its values in the order given.
pub struct Args(HashMap<String, Vec<String>>);

impl Args {
    /// Reads the process's arguments; one that is not of the form `--name value` ends the program.
    pub fn from_env() -> Self {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        let mut rest = std::env::args().skip(1);
        while let Some(name) = rest.next() {
            match (name.strip_prefix("--"), rest.next()) {
                (Some(name), Some(value)) => found.entry(name.to_owned()).or_default().push(value),
                _ => fail(&format!("expected `--name value`, found `{name}`")),
            }
        }
        Self(found)
    }

    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).last().map(String::as_str)
    }

    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).map(|text| text.parse().unwrap_or_else(|_| fail(&format!("--{name}: `{text}` is not a number"))))
    }

    pub fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_else(|| fail(&format!("--{name} is missing")))
    }
}

/// Ends the program with a line on standard error.
pub fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(2)
}
