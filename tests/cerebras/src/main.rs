//! Starts the stand-in: `cerebras-stand-in [--port N] [--host A] [--tier free|developer|paid|none] [--key csk-…] [--threads N] [--with-parent]`.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use cerebras_stand_in::limits::Tier;
use cerebras_stand_in::server;
use cerebras_stand_in::state::{Options, State};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

const USAGE: &str = "usage: cerebras-stand-in [--port N] [--host 127.0.0.1] [--tier free|developer|paid|none] [--key csk-...]
                         [--threads N] [--with-parent]

  --port         0, the default, takes any free port
  --tier         rate limits; `none` shows those of `paid` and refuses nothing
  --key          the only key that is accepted; any `csk-...` when absent
  --threads      1, the default, keeps everything on one core
  --with-parent  ends when standard input is closed
";

struct Settings {
    host: String,
    port: u16,
    threads: usize,
    with_parent: bool,
    options: Options,
}

fn settings(mut words: impl Iterator<Item = String>) -> Result<Settings, String> {
    let mut settings = Settings { host: "127.0.0.1".to_owned(), port: 0, threads: 1, with_parent: false, options: Options::default() };
    while let Some(word) = words.next() {
        let (name, given) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        if name == "--with-parent" {
            settings.with_parent = true;
            continue;
        }
        if !["--port", "--host", "--tier", "--key", "--threads"].contains(&name.as_str()) {
            return Err(format!("unknown argument {name}"));
        }
        let value = given.or_else(|| words.next()).ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = || format!("{name} cannot be {value}");
        match name.as_str() {
            "--port" => settings.port = value.parse().map_err(|_| wrong())?,
            "--threads" => settings.threads = value.parse().ok().filter(|threads| (1..=64).contains(threads)).ok_or_else(wrong)?,
            "--host" => settings.host = value,
            "--key" => settings.options.key = Some(value),
            _ => {
                settings.options.tier = match value.as_str() {
                    "free" => Tier::Free,
                    "developer" => Tier::Developer,
                    "paid" => Tier::Paid,
                    "none" => Tier::None,
                    _ => return Err(wrong()),
                }
            }
        }
    }
    Ok(settings)
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}

/// Whoever started this holds the other end of standard input: when it is gone, so is the reason to run.
fn end_with_parent() {
    std::thread::spawn(|| {
        let mut buffer = [0; 256];
        while io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        std::process::exit(0);
    });
}

async fn serve(settings: Settings) -> io::Result<()> {
    let listener = TcpListener::bind((settings.host.as_str(), settings.port)).await?;
    let address = listener.local_addr()?;
    let mut out = io::stdout();
    writeln!(out, "cerebras stand-in on http://{address}")?;
    out.flush()?;
    if settings.with_parent {
        end_with_parent();
    }
    match server::run(listener, Arc::new(State::new(settings.options))).await? {}
}

fn main() -> ExitCode {
    let settings = match settings(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let result = runtime(settings.threads).and_then(|runtime| runtime.block_on(serve(settings)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cerebras-stand-in: {error}");
            ExitCode::FAILURE
        }
    }
}
