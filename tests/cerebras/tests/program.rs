//! The program itself: its line on standard output, its arguments, and its end with its parent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_cerebras-stand-in"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn it_tells_its_address_and_ends_with_its_parent() {
    let mut child = start(&["--with-parent", "--tier=none", "--port", "0"]);
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("cerebras stand-in on http://").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /_stats HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"calls\":0"), "{answer}");

    drop(child.stdin.take());
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(10), "still there");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn wrong_arguments_are_told() {
    for arguments in [&["--teir", "free"][..], &["--tier", "gold"], &["--port"], &["--port", "x"], &["--threads", "0"]] {
        let output = start(arguments).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage:"));
    }
}
