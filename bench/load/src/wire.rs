//! HTTP/1.1 messages over one kept-alive blocking connection, either side.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(usize),
    Chunked,
    /// Neither header: a request has no body then, a response lasts until the connection closes.
    Unframed,
}

/// The head of a message.
pub struct Head {
    /// Request line or status line.
    pub first: String,
    pub framing: Framing,
    /// The sender ends the connection after this message.
    pub close: bool,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("head is not text"))?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut head = Self { first, framing: Framing::Unframed, close: false, headers };
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            head.framing = Framing::Chunked;
        } else if let Some(value) = head.header("content-length") {
            head.framing = Framing::Length(value.parse().map_err(|_| malformed("content-length"))?);
        }
        head.close = head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(head)
    }

    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.first.split(' ').nth(1)?.parse().ok()
    }
}

/// A connection with what has been read from it and not yet used.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    used: usize,
}

impl Wire {
    /// Every wait on the connection is bounded by `patience`.
    pub fn new(stream: TcpStream, patience: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024), used: 0 })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads a head; none when the other side closed the connection between two messages.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        self.drop_used();
        let mut searched = 0;
        loop {
            if let Some(end) = find(&self.buffer[searched..], b"\r\n\r\n") {
                let end = searched + end;
                let head = Head::parse(&self.buffer[..end])?;
                self.used = end + 4;
                return Ok(Some(head));
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.fill()? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(malformed("connection closed within a head")) };
            }
        }
    }

    /// Reads a body to its end into `body` and returns when its first byte was there.
    pub fn body(&mut self, framing: Framing, body: &mut Vec<u8>) -> io::Result<Option<Instant>> {
        body.clear();
        match framing {
            Framing::Length(length) => self.take(length, body),
            Framing::Chunked => self.chunks(body),
            Framing::Unframed => Err(malformed("a body without framing")),
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<Option<Instant>> {
        let mut first = None;
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16).map_err(|_| malformed("chunk size"))?;
            if size == 0 {
                // Trailers, then the empty line.
                while !self.line()?.is_empty() {}
                return Ok(first);
            }
            let came = self.take(size, body)?;
            first = first.or(came);
            if !self.line()?.is_empty() {
                return Err(malformed("chunk longer than its size"));
            }
        }
    }

    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<Option<Instant>> {
        let mut missing = length;
        let mut first = None;
        while missing > 0 {
            if self.used == self.buffer.len() {
                self.fill_or_fail()?;
            }
            first = first.or_else(|| Some(Instant::now()));
            let here = missing.min(self.buffer.len() - self.used);
            body.extend_from_slice(&self.buffer[self.used..self.used + here]);
            self.used += here;
            missing -= here;
        }
        Ok(first)
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer[self.used..], b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[self.used..self.used + end]).into_owned();
                self.used += end + 2;
                return Ok(line);
            }
            self.fill_or_fail()?;
        }
    }

    fn fill_or_fail(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(malformed("connection closed within a body")),
            _ => Ok(()),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.drop_used();
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    fn drop_used(&mut self) {
        self.buffer.drain(..self.used);
        self.used = 0;
    }
}

/// Where `needle` begins in `hay`.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Sends pieces with pauses between them and reads one message of them.
    fn exchange(pieces: &'static [&'static str]) -> io::Result<(Head, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let sender = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        });
        let mut wire = Wire::new(TcpStream::connect(address)?, Duration::from_secs(5))?;
        let head = wire.head()?.ok_or_else(|| malformed("nothing came"))?;
        let mut body = Vec::new();
        wire.body(head.framing, &mut body)?;
        sender.join().unwrap();
        Ok((head, body))
    }

    #[test]
    fn length_in_pieces() {
        let (head, body) = exchange(&["HTTP/1.1 200 O", "K\r\nContent-Length: 5\r\n\r", "\nab", "cde"]).unwrap();
        assert_eq!(head.status(), Some(200));
        assert_eq!(body, b"abcde");
    }

    #[test]
    fn chunks_in_pieces() {
        let (_, body) =
            exchange(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "c\r\n2;x=y\r", "\nde\r\n0\r\n\r\n"]).unwrap();
        assert_eq!(body, b"abcde");
    }

    #[test]
    fn a_cut_body_is_an_error() {
        assert!(exchange(&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]).is_err());
        assert!(exchange(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]).is_err());
    }
}
