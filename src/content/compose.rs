//! A post from what was written for it: cleaned, in the brand's words, with its links and hashtags, and never longer than the platform allows.

use super::brand::{Brand, hashtag};
use super::count::length;
use super::emoji::is_emoji;
use super::entities::{Kind, entities};
use super::facts::lost;
use super::fit::{faults, fit};
use super::platform::{Platform, Rules};
use super::threads::thread;
use super::tracking::{Tracking, tracked};

/// What stands where nothing is left of a text.
const NOTHING: &str = "…";

/// What a post gets beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// Links that it must have.
    pub links: &'a [String],
    /// Hashtags that it must have where there is room, with their signs.
    pub hashtags: &'a [String],
    /// Whose words are enforced.
    pub brand: Option<&'a Brand>,
    /// Whether what is too long becomes a thread where there are threads.
    pub thread: bool,
}

/// A post that a platform takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Composed {
    /// The text: of a thread, the first post's.
    pub text: String,
    /// All posts of a thread, the first one too; empty for a single post.
    pub thread: Vec<String>,
    /// Whether something that was written is missing.
    pub shortened: bool,
}

impl Composed {
    /// All that it says.
    pub fn whole(&self) -> String {
        if self.thread.is_empty() { self.text.clone() } else { self.thread.join("\n") }
    }

    /// The hashtags, each once, with their signs.
    pub fn hashtags(&self, rules: &Rules) -> Vec<String> {
        let whole = self.whole();
        let mut tags: Vec<String> = Vec::new();
        for entity in entities(rules, &whole).iter().filter(|entity| entity.kind == Kind::Hashtag) {
            let tag = entity.of(&whole);
            if !tags.iter().any(|known| known.eq_ignore_ascii_case(tag)) {
                tags.push(tag.to_owned());
            }
        }
        tags
    }
}

/// How many hashtags are usual on a platform: more of a model's are left out.
pub const fn usual_hashtags(platform: Platform) -> usize {
    match platform {
        Platform::Reddit | Platform::Discord | Platform::Sms => 0,
        Platform::Threads => 1,
        Platform::X | Platform::Bluesky | Platform::Facebook | Platform::Telegram => 2,
        Platform::Mastodon | Platform::LinkedIn | Platform::YouTube => 3,
        Platform::Pinterest | Platform::TikTok => 4,
        Platform::Instagram => 8,
    }
}

/// A text without what nobody sees: control characters, and those that hide or turn what is read.
pub fn cleaned(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = matches!(character, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fff9}'..='\u{fffb}');
        // Tags spell the flags of some countries, and hide text anywhere else.
        let stray_tag = matches!(character, '\u{e0000}'..='\u{e007f}')
            && !cleaned.ends_with(|before: char| is_emoji(before) || matches!(before, '\u{e0020}'..='\u{e007f}'));
        if hidden || stray_tag || character.is_control() && !matches!(character, '\n' | '\t') {
            continue;
        }
        cleaned.push(character);
    }
    // No platform shows more than one empty line.
    while cleaned.contains("\n\n\n") {
        cleaned = cleaned.replace("\n\n\n", "\n\n");
    }
    cleaned.trim().to_owned()
}

/// A post of a text, for a platform. `suggested` are hashtags that it may have.
pub fn compose(rules: &Rules, text: &str, suggested: &[String], frame: Frame<'_>) -> Composed {
    let tracking = frame.brand.and_then(Brand::tracking);
    let track = |text: &str| tracking.as_ref().map_or_else(|| text.to_owned(), |tracking: &Tracking| tracked(rules, tracking, text));
    let body = enforced(frame.brand, &cleaned(text));
    let links: Vec<String> = frame.links.iter().filter(|link| !lost(link, &body).is_empty()).map(|link| track(link)).collect();
    let body = track(&body);
    let (required, offered) = tags(rules, &body, suggested, frame);
    let separator = if rules.platform == Platform::Sms { " " } else { "\n\n" };
    let joined = |body: &str, count: usize| {
        let tags: Vec<&str> = required.iter().chain(&offered).take(count).map(String::as_str).collect();
        let mut parts: Vec<&str> = vec![body];
        parts.extend(links.iter().map(String::as_str));
        let tags = tags.join(" ");
        parts.push(&tags);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<&str>>().join(separator)
    };
    let all = required.len().saturating_add(offered.len());
    // What was only offered goes first.
    let whole = (required.len()..=all).rev().map(|count| joined(&body, count)).find(|whole| faults(rules, whole).is_empty());
    if let Some(whole) = whole {
        return settled(rules, frame, Composed { text: whole, ..Composed::default() });
    }
    let whole = joined(&body, required.len());
    if frame.thread && rules.threads {
        let parts = thread(rules, &whole);
        let parts: Vec<String> = parts.into_iter().map(|part| fit(rules, &part).text).collect();
        if parts.len() > 1 && parts.iter().all(|part| !part.is_empty()) {
            let text = parts.first().cloned().unwrap_or_default();
            return settled(rules, frame, Composed { text, thread: parts, shortened: false });
        }
    }
    let shortened = |text: String| Composed { text, thread: Vec::new(), shortened: true };
    for count in (0..=required.len()).rev() {
        // The end keeps its room, and the text in front of it is cut.
        let end = joined("", count);
        let room = length(rules, &end).saturating_add(separator.len());
        let inner = Rules {
            limit: rules.limit.saturating_sub(room),
            bytes: rules.bytes.map(|most| most.saturating_sub(end.len().saturating_add(2))),
            ..rules.clone()
        };
        if inner.limit < rules.limit / 3 {
            continue;
        }
        let cut = joined(&fit(&inner, &body).text, count);
        if faults(rules, &cut).is_empty() {
            return settled(rules, frame, shortened(cut));
        }
    }
    settled(rules, frame, shortened(fit(rules, &whole).text))
}

/// A text in the brand's words.
pub fn enforced(brand: Option<&Brand>, text: &str) -> String {
    brand.map_or_else(|| text.to_owned(), |brand| brand.enforced(text))
}

/// The hashtags that a post gets: those that it must have, and those that were offered, none of which it has already.
fn tags(rules: &Rules, body: &str, suggested: &[String], frame: Frame<'_>) -> (Vec<String>, Vec<String>) {
    let found = entities(rules, body);
    let mut there: Vec<String> =
        found.iter().filter(|entity| entity.kind == Kind::Hashtag).map(|entity| entity.of(body).to_lowercase()).collect();
    let mut take = |words: &[String], most: usize| {
        let mut taken = Vec::new();
        for tag in words.iter().filter_map(|word| hashtag(word)) {
            let banned = frame.brand.is_some_and(|brand| brand.banned_in(&tag).is_some());
            if there.len() < most && !banned && !there.contains(&tag.to_lowercase()) {
                there.push(tag.to_lowercase());
                taken.push(tag);
            }
        }
        taken
    };
    let most = rules.hashtags.unwrap_or(usize::MAX);
    let required = take(frame.hashtags, most);
    let offered = take(suggested, most.min(usual_hashtags(rules.platform)));
    (required, offered)
}

/// What holds for every post, whatever came before: the platform takes it, it has no banned word, and it is not empty.
fn settled(rules: &Rules, frame: Frame<'_>, mut composed: Composed) -> Composed {
    let settle = |text: &str| {
        let mut text = text.to_owned();
        // A cut may leave half of a long word, which is another; taking that out needs no second look at the length but for the marks.
        for _ in 0..4 {
            let banned = frame.brand.is_some_and(|brand| brand.banned_in(&text).is_some());
            if !banned && faults(rules, &text).is_empty() {
                break;
            }
            text = fit(rules, &enforced(frame.brand, &text)).text;
        }
        let sound = faults(rules, &text).is_empty() && frame.brand.is_none_or(|brand| brand.banned_in(&text).is_none());
        if text.trim().is_empty() || !sound { NOTHING.to_owned() } else { text }
    };
    composed.text = settle(&composed.text);
    composed.thread = composed.thread.iter().map(|part| settle(part)).collect();
    composed
}
