//! The misbehaviour that a request asks for, by `[[name=value]]` in a prompt or by the header `x-stand-in: name=value, name`.
//!
//! Time: `latency=MS` before the headers, `latency-model=MODEL:MS` for one model only, `first-byte=MS` after them, `chunk=MS` between the chunks of a stream, `hang` for ever.
//!
//! Instead of an answer: `cut-before`, `status=CODE`, `status-model=MODEL:CODE` for one model only, `rate-requests`, `rate-tokens`,
//! `rate-queue`, with `retry-after=S` if there is to be such a header. `once=CODE`, `once=cut-before` and `once=cut-headers` fail
//! the first call with a body, `times=K` with them the first K.
//!
//! Within an answer: `cut-headers` after the headers, `cut=N` after N events or, if not streamed, in the middle. Streams only:
//! `close=N`, `half=N`, `half-bytes=N`, `error=N`, `flat-error=N`, `hang=N`.
//!
//! What is said: `echo` for the prompt itself (in the arguments of a tool and in JSON, too), `hex=…` for the text that these digits are in
//! UTF-8, so that a model can say what nobody has sent; `words=N`, `chunks=N`, `finish=REASON`, `no-finish`, `refusal`, `empty`,
//! `garbage`, `unicode`, `usage-chunk`, `parallel` for two tool calls at once, and `unfit` for JSON that does not fit the schema that was
//! asked for; `unfit=NAME` only the first time that NAME is heard. Of JSON that was asked for: `fenced` within a fence and talk around it,
//! `halved` only its first half, `prose` a text in its place.

/// What happens instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// The connection closes before any byte of a response.
    Cut,
    /// No answer, ever.
    Hang,
    /// An error of this status.
    Status(u16),
    /// 429, `request_quota_exceeded`.
    RateRequests,
    /// 429, `token_quota_exceeded`.
    RateTokens,
    /// 429, `queue_exceeded`.
    RateQueue,
}

/// What the first calls with a body get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// An error of this status.
    Status(u16),
    /// As `cut-before`.
    CutBefore,
    /// As `cut-headers`.
    CutHeaders,
}

/// How an answer that has begun ends too early. Numbers are whole events unless said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Response headers, then the connection is cut.
    CutHeaders,
    /// The connection is cut.
    Cut(usize),
    /// The body ends properly, without `[DONE]`.
    Close(usize),
    /// The body ends properly with half an event.
    Half(usize),
    /// The body ends properly after so many bytes.
    HalfBytes(usize),
    /// An error frame of the nested form.
    Error(usize),
    /// An error frame of the flat form.
    FlatError(usize),
    /// The stream stalls.
    Hang(usize),
}

/// All that a request asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Milliseconds before the response headers.
    pub latency: u64,
    /// Milliseconds before the response headers of one model each.
    pub latency_model: Vec<(String, u64)>,
    /// Milliseconds between the headers and the first byte of the body.
    pub first_byte: u64,
    /// Milliseconds between the chunks of a stream.
    pub chunk: u64,
    /// Exact number of content chunks in a stream.
    pub chunks: Option<usize>,
    /// Length of the answer in words.
    pub words: Option<usize>,
    /// Something else than an answer.
    pub instead: Option<Instead>,
    /// Failure of the first calls with this very body.
    pub once: Option<Once>,
    /// How many of them fail; 0 is taken as 1.
    pub times: u32,
    /// Value of a `retry-after` header on an error.
    pub retry_after: Option<String>,
    /// Errors for one model each.
    pub status_model: Vec<(String, u16)>,
    /// An early end.
    pub ending: Option<Ending>,
    /// Bytes that are neither JSON nor events.
    pub garbage: bool,
    /// No `finish_reason`.
    pub no_finish: bool,
    /// This `finish_reason`.
    pub finish: Option<String>,
    /// A refusal instead of content.
    pub refusal: bool,
    /// Empty content.
    pub empty: bool,
    /// Usage in a chunk of its own, with `choices: []`.
    pub usage_chunk: bool,
    /// Emoji, CJK and combining accents in the text.
    pub unicode: bool,
    /// JSON that does not fit its schema.
    pub unfit: bool,
    /// The same, the first time that this name is heard.
    pub unfit_once: Option<String>,
    /// JSON within a fence, and talk around it.
    pub fenced: bool,
    /// Half of the JSON.
    pub halved: bool,
    /// Prose in place of JSON.
    pub prose: bool,
    /// Two tool calls at once.
    pub parallel: bool,
    /// The prompt as the answer.
    pub echo: bool,
    /// This text as the answer.
    pub said: Option<String>,
}

impl Faults {
    /// Adds what the `[[…]]` words of a text ask for. Words that mean nothing here are text like any other.
    pub fn read_text(&mut self, text: &str) {
        let mut rest = text;
        while let Some((inside, after)) = next_word(rest) {
            // A prompt may hold double brackets of its own (a wiki link, say).
            let _ = self.add(inside);
            rest = after;
        }
    }

    /// Adds what an `x-stand-in` header asks for; the first word that it doesn't know is an error, since only a mistyped test has one.
    pub fn read_header(&mut self, value: &str) -> Result<(), String> {
        value.split(',').map(str::trim).filter(|word| !word.is_empty()).try_for_each(|word| {
            let word = word.strip_prefix("[[").and_then(|inner| inner.strip_suffix("]]")).unwrap_or(word);
            self.add(word).map_err(|()| format!("x-stand-in: '{word}' is not a known fault"))
        })
    }

    fn add(&mut self, word: &str) -> Result<(), ()> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (word.trim(), None),
        };
        // A count that isn't given is one event.
        let events = || value.map_or(Ok(1), number);
        match name {
            "latency" => self.latency = needed(value)?,
            "latency-model" => {
                let (model, ms) = value.ok_or(())?.rsplit_once(':').ok_or(())?;
                self.latency_model.push((model.to_owned(), number(ms)?));
            }
            "first-byte" => self.first_byte = needed(value)?,
            "chunk" => self.chunk = needed(value)?,
            "chunks" => self.chunks = Some(needed(value)?),
            "words" => self.words = Some(needed(value)?),
            "cut-before" => self.instead = Some(Instead::Cut),
            "cut-headers" => self.ending = Some(Ending::CutHeaders),
            "cut" => self.ending = Some(Ending::Cut(events()?)),
            "close" => self.ending = Some(Ending::Close(events()?)),
            "half" => self.ending = Some(Ending::Half(events()?)),
            "half-bytes" => self.ending = Some(Ending::HalfBytes(needed(value)?)),
            "error" => self.ending = Some(Ending::Error(events()?)),
            "flat-error" => self.ending = Some(Ending::FlatError(events()?)),
            "hang" if value.is_some() => self.ending = Some(Ending::Hang(needed(value)?)),
            "hang" => self.instead = Some(Instead::Hang),
            "status" => self.instead = Some(Instead::Status(status(value)?)),
            "rate-requests" => self.instead = Some(Instead::RateRequests),
            "rate-tokens" => self.instead = Some(Instead::RateTokens),
            "rate-queue" => self.instead = Some(Instead::RateQueue),
            "retry-after" => self.retry_after = Some(value.ok_or(())?.to_owned()),
            "once" => {
                self.once = Some(match value.ok_or(())? {
                    "cut-before" => Once::CutBefore,
                    "cut-headers" => Once::CutHeaders,
                    _ => Once::Status(status(value)?),
                });
            }
            "times" => self.times = needed(value)?,
            "status-model" => {
                let (model, code) = value.ok_or(())?.rsplit_once(':').ok_or(())?;
                self.status_model.push((model.to_owned(), status(Some(code))?));
            }
            "garbage" => self.garbage = true,
            "no-finish" => self.no_finish = true,
            "finish" => self.finish = Some(value.ok_or(())?.to_owned()),
            "refusal" => self.refusal = true,
            "empty" => self.empty = true,
            "usage-chunk" => self.usage_chunk = true,
            "unicode" => self.unicode = true,
            "unfit" if value.is_some() => self.unfit_once = value.map(str::to_owned),
            "unfit" => self.unfit = true,
            "fenced" => self.fenced = true,
            "halved" => self.halved = true,
            "prose" => self.prose = true,
            "parallel" => self.parallel = true,
            "echo" => self.echo = true,
            "hex" => self.said = Some(spelled(value.ok_or(())?).ok_or(())?),
            // It is always on, so asking for it changes nothing.
            "cookie" => {}
            _ => return Err(()),
        }
        Ok(())
    }

    /// The wait, in milliseconds, that this model has.
    pub fn wait_of(&self, model: &str) -> u64 {
        self.latency_model.iter().find(|(name, _)| name == model).map_or(0, |(_, ms)| *ms)
    }

    /// The error that this model gets.
    pub fn for_model(&self, model: &str) -> Option<u16> {
        self.status_model.iter().find(|(name, _)| name == model).map(|(_, code)| *code)
    }
}

/// The text whose bytes are spelled in hexadecimal digits.
fn spelled(digits: &str) -> Option<String> {
    let digits: Vec<u8> = digits.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    String::from_utf8(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()).ok()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, ()> {
    text.parse().map_err(|_| ())
}

fn needed<T: std::str::FromStr>(value: Option<&str>) -> Result<T, ()> {
    number(value.ok_or(())?)
}

/// Statuses that can be sent as a final response.
fn status(value: Option<&str>) -> Result<u16, ()> {
    needed(value).and_then(|code| if (200..600).contains(&code) { Ok(code) } else { Err(()) })
}

/// The inside of the next `[[…]]`, and the text after it.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let start = text.find("[[")? + 2;
    let length = text[start..].find("]]")?;
    Some((&text[start..start + length], &text[start + length + 2..]))
}

/// A text without its `[[…]]` words.
pub fn without(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((inside, after)) = next_word(rest) {
        kept.push_str(&rest[..rest.len() - after.len() - inside.len() - 4]);
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Faults {
        let mut faults = Faults::default();
        faults.read_text(text);
        faults
    }

    #[test]
    fn words_in_a_prompt() {
        let faults = of("Say [[latency=250]] hello [[words=12]][[cut=3]] and [[status-model=gpt-oss-120b:503]]");
        assert_eq!(faults.latency, 250);
        assert_eq!(faults.words, Some(12));
        assert_eq!(faults.ending, Some(Ending::Cut(3)));
        assert_eq!(faults.for_model("gpt-oss-120b"), Some(503));
        assert_eq!(faults.for_model("qwen-3.8-27b"), None);
    }

    #[test]
    fn the_whole_vocabulary_is_known() {
        let words = "latency=1, first-byte=1, chunk=1, chunks=1, words=1, cut-before, cut-headers, cut=1, close=1, half=1, \
            half-bytes=1, error=1, flat-error=1, hang, hang=1, status=500, rate-requests, rate-tokens, rate-queue, \
            retry-after=2, once=500, once=cut-before, once=cut-headers, times=2, garbage, unfit, unfit=a, fenced, halved, prose, no-finish, finish=length, refusal, \
            empty, usage-chunk, unicode, parallel, echo, hex=c3a9, cookie, status-model=a:b:500, latency-model=a:b:5";
        let mut faults = Faults::default();
        assert_eq!(faults.read_header(words), Ok(()));
        assert_eq!(faults.status_model, [("a:b".to_owned(), 500)]);
        assert_eq!((faults.wait_of("a:b"), faults.wait_of("a")), (5, 0));
        for word in words.split(',') {
            assert_ne!((word, of(&format!("[[{}]]", word.trim())) == Faults::default()), (word, word.trim() != "cookie"));
        }
    }

    #[test]
    fn a_mistyped_header_is_told_and_a_strange_prompt_is_not() {
        assert!(Faults::default().read_header("latncy=5").is_err());
        assert!(Faults::default().read_header("latency=soon").is_err());
        assert!(Faults::default().read_header("status=99").is_err());
        assert_eq!(of("see [[Main Page]] and [[open"), Faults::default());
    }

    #[test]
    fn a_text_in_hexadecimal_digits() {
        assert_eq!(of("[[hex=c3a940]]").said.as_deref(), Some("é@"));
        assert_eq!(of("[[hex=ff]] [[hex=x]]"), Faults::default());
    }

    #[test]
    fn hang_with_and_without_a_number() {
        assert_eq!(of("[[hang]]").instead, Some(Instead::Hang));
        assert_eq!(of("[[hang=2]]").ending, Some(Ending::Hang(2)));
    }

    #[test]
    fn once_in_its_forms() {
        assert_eq!(of("[[once=503]] [[times=2]]").once, Some(Once::Status(503)));
        assert_eq!(of("[[once=503]] [[times=2]]").times, 2);
        assert_eq!(of("[[once=cut-before]]").once, Some(Once::CutBefore));
        assert_eq!(of("[[once=cut-headers]]").once, Some(Once::CutHeaders));
    }

    #[test]
    fn the_text_without_its_fault_words() {
        assert_eq!(without("a [[x]] b [[y=1]]"), "a  b ");
        assert_eq!(without("plain [[open"), "plain [[open");
    }
}
