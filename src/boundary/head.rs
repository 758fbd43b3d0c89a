//! What is known of a request before its body is read, and which of its headers are.

/// A request header that the gateway reads. The order is the order of the lines that [`Call::open`] gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "each is named for its header")]
pub enum ReadHeader {
    Authorization,
    ContentType,
    ContentEncoding,
    CacheControl,
    SkipCache,
    CacheTtl,
    CacheKey,
    RequestId,
    Traceparent,
    Tracestate,
    Origin,
    RequestMethod,
    RequestHeaders,
    QueueThreshold,
    VersionPatch,
    Integration,
    IdempotencyKey,
    Gpc,
    DeadlineMs,
    Experiment,
    Subject,
}

pub(super) const READ_HEADERS: &str = "authorization\ncontent-type\ncontent-encoding\ncache-control\ncf-aig-skip-cache\ncf-aig-cache-ttl\n\
cf-aig-cache-key\nx-request-id\ntraceparent\ntracestate\norigin\naccess-control-request-method\naccess-control-request-headers\n\
queue_threshold\nx-cerebras-version-patch\nx-cerebras-3rd-party-integration\nidempotency-key\nsec-gpc\nx-maya-deadline-ms\nx-maya-experiment\n\
x-maya-subject";

/// How many lines stand before the headers: time, method, address.
const LINES_BEFORE: usize = 3;

/// What is known of a request before its body is read.
#[derive(Debug)]
pub struct Head {
    text: String,
    /// Where each line ends.
    ends: Vec<usize>,
    /// Milliseconds since 1970 at the request's arrival.
    pub now_ms: u64,
}

impl Head {
    /// From a text of lines: the time in ms, the method, the address, then the values of the headers in the order of
    /// [`ReadHeader`], each empty when there is none.
    pub fn new(text: String) -> Self {
        let mut ends = Vec::with_capacity(24);
        ends.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at));
        ends.push(text.len());
        let mut head = Self { text, ends, now_ms: 0 };
        head.now_ms = head.line(0).parse().unwrap_or_default();
        head
    }

    fn line(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end.saturating_add(1));
        self.ends.get(index).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }

    /// The method, in capitals.
    pub fn method(&self) -> &str {
        self.line(1)
    }

    /// The path and, behind `?`, the query.
    pub fn target(&self) -> (&str, Option<&str>) {
        let url = self.line(2);
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let target = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/");
        target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
    }

    /// The scheme, host and port that the request came to.
    pub fn origin(&self) -> &str {
        let url = self.line(2);
        let authority = url.find("://").map_or(0, |at| at.saturating_add(3));
        let path = url.get(authority..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| at.saturating_add(authority));
        url.get(..path).unwrap_or_default()
    }

    /// A header's value, when there is one that is not empty.
    pub fn header(&self, header: ReadHeader) -> Option<&str> {
        Some(self.line(LINES_BEFORE.saturating_add(header as usize))).filter(|value| !value.is_empty())
    }
}
