//! Takes matches out of a text, puts them back, and does both on streams.

use std::collections::BTreeMap;

use super::segments::{LONGEST_PLACEHOLDER, Segments};
use super::{Found, Kind, scan_segment};

/// What placeholders stand for. It holds what was taken out, so it is as secret as the text was.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Replacements {
    originals: BTreeMap<String, String>,
    placeholders: BTreeMap<(Kind, String), String>,
    counts: BTreeMap<Kind, usize>,
}

impl Replacements {
    /// The placeholder of a value: the same for the same value.
    pub fn placeholder(&mut self, kind: Kind, original: &str) -> &str {
        let Self { originals, placeholders, counts } = self;
        placeholders.entry((kind, original.to_owned())).or_insert_with(|| {
            let count = counts.entry(kind).or_default();
            *count = count.saturating_add(1);
            let placeholder = format!("[{}_{count}]", kind.name());
            originals.insert(placeholder.clone(), original.to_owned());
            placeholder
        })
    }

    /// What a placeholder stands for.
    pub fn original(&self, placeholder: &str) -> Option<&str> {
        self.originals.get(placeholder).map(String::as_str)
    }

    /// Every placeholder with what it stands for.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.originals.iter().map(|(placeholder, original)| (placeholder.as_str(), original.as_str()))
    }

    /// How many values of a kind were taken out.
    pub fn count(&self, kind: Kind) -> usize {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Whether nothing was taken out.
    pub fn is_empty(&self) -> bool {
        self.originals.is_empty()
    }
}

impl std::fmt::Debug for Replacements {
    /// Counts only: what was taken out belongs in no log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_map().entries(self.counts.iter()).finish()
    }
}

/// A text without its matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// The text, with placeholders such as `[EMAIL_1]`.
    pub text: String,
    /// What they stand for.
    pub replacements: Replacements,
}

/// Takes every match out of a text. [`restore`] of the result gives the text again.
pub fn redact(text: &str) -> Redacted {
    let mut redactor = Redactor::default();
    let mut out = redactor.feed(text);
    out.push_str(&redactor.finish());
    Redacted { text: out, replacements: redactor.replacements }
}

/// Puts back what placeholders stand for; one that is not known stays.
pub fn restore(text: &str, replacements: &Replacements) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, begun)) = rest.find('[').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let known = begun.bytes().take(LONGEST_PLACEHOLDER).position(|byte| byte == b']').and_then(|end| {
            let (placeholder, after) = begun.split_at_checked(end.checked_add(1)?)?;
            Some((replacements.original(placeholder)?, after))
        });
        if let Some((original, after)) = known {
            out.push_str(original);
            rest = after;
        } else {
            out.push('[');
            rest = begun.strip_prefix('[').unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

/// A text that looks like one of our placeholders.
pub(super) fn literal(bytes: &[u8], at: usize) -> Option<Found> {
    let rest = super::view::from(bytes, at).strip_prefix(b"[")?;
    let name = Kind::ALL
        .iter()
        .map(|kind| kind.name().as_bytes())
        .find(|name| rest.strip_prefix(*name).is_some_and(|rest| rest.starts_with(b"_")))?;
    let digits_at = name.len().checked_add(1)?;
    let digits = super::view::run(rest, digits_at, |byte| byte.is_ascii_digit());
    let end = digits_at.checked_add(digits)?;
    let fits = (1..=20).contains(&digits) && rest.get(end) == Some(&b']');
    fits.then_some((Kind::Literal, at.checked_add(end)?.checked_add(2)?, 1.0))
}

/// Reads a text as it comes, and lets each match be replaced: what it gives for a stream, put together, is what it gives for the whole.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    segments: Segments,
    held: String,
}

impl Scanner {
    /// Takes a character and adds to `out` what is safe to let through. `replaced` says what stands in a match's place; without
    /// words of its own the match stays. Text that looks like a placeholder is a match, too.
    pub fn push(&mut self, character: char, out: &mut String, replaced: impl FnMut(Kind, &str) -> Option<String>) {
        if self.segments.cuts_before(character) {
            self.release(out, replaced);
        }
        self.held.push(character);
    }

    /// Adds what was held back: the text has ended, or nothing can match beyond this place.
    pub fn finish(&mut self, out: &mut String, replaced: impl FnMut(Kind, &str) -> Option<String>) {
        self.release(out, replaced);
        self.segments = Segments::default();
    }

    /// Bytes that are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn release(&mut self, out: &mut String, mut replaced: impl FnMut(Kind, &str) -> Option<String>) {
        let mut hits = Vec::new();
        scan_segment(&self.held, 0..self.held.len(), &mut hits);
        let mut done = 0;
        for hit in hits {
            let (Some(before), Some(found)) = (self.held.get(done..hit.span.start), self.held.get(hit.span.clone())) else { continue };
            if let Some(other) = replaced(hit.kind, found) {
                out.push_str(before);
                out.push_str(&other);
                done = hit.span.end;
            }
        }
        out.push_str(self.held.get(done..).unwrap_or_default());
        self.held.clear();
    }
}

/// Takes matches out of a stream: what it gives, put together, is what [`redact`] gives for the whole.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    scanner: Scanner,
    /// Kinds that stay; text that looks like a placeholder never does.
    spared: Vec<Kind>,
    /// What was taken out so far.
    pub replacements: Replacements,
}

impl Redactor {
    /// One that goes on counting where an earlier text of the same conversation ended.
    pub fn following(replacements: Replacements) -> Self {
        Self { replacements, ..Self::default() }
    }

    /// Takes out some kinds alone.
    #[must_use]
    pub fn only(mut self, kinds: &[Kind]) -> Self {
        self.spared = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Literal && !kinds.contains(kind)).collect();
        self
    }

    /// Takes a chunk and gives what is safe to let through.
    pub fn feed(&mut self, chunk: &str) -> String {
        let Self { scanner, spared, replacements } = self;
        let mut out = String::with_capacity(chunk.len());
        for character in chunk.chars() {
            scanner.push(character, &mut out, |kind, found| {
                (!spared.contains(&kind)).then(|| replacements.placeholder(kind, found).to_owned())
            });
        }
        out
    }

    /// Gives what was held back: the stream has ended.
    pub fn finish(&mut self) -> String {
        let Self { scanner, spared, replacements } = self;
        let mut out = String::with_capacity(scanner.held());
        scanner.finish(&mut out, |kind, found| (!spared.contains(&kind)).then(|| replacements.placeholder(kind, found).to_owned()));
        out
    }

    /// Bytes that are held back.
    pub fn held(&self) -> usize {
        self.scanner.held()
    }
}

/// How many bytes at the end of a window must wait, because with what follows they may become a match. The window begins where the
/// last one's held part began, or at the stream's start.
pub fn held_back(window: &str) -> usize {
    let mut segments = Segments::default();
    for character in window.chars() {
        segments.cuts_before(character);
    }
    segments.length()
}

/// How many bytes at the end of a window must wait before [`restore`], because they may be the beginning of a placeholder.
pub fn placeholder_held_back(window: &str) -> usize {
    let Some(at) = window.rfind('[') else { return 0 };
    let tail = window.as_bytes().get(at..).unwrap_or_default();
    let open = tail.iter().skip(1).all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
    if open && tail.len() < LONGEST_PLACEHOLDER { tail.len() } else { 0 }
}
