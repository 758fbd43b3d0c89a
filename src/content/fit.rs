//! What is wrong with a text for a platform, and the text made right: always valid, never cut within a character, link, hashtag or mention.

use serde::Serialize;

use super::count::{fits, length, limit, measured};
use super::entities::{Entity, Kind, entities, number};
use super::gsm;
use super::platform::{Count, Rules};
use super::sentences::{Cut, Ends, best, cuts, most};

/// What a platform would refuse, or not show as it is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// `too_long`, `too_many_bytes`, `too_many_hashtags`, `too_many_mentions` or `forbidden_character`.
    pub code: &'static str,
    /// The same in words, with the numbers.
    pub message: String,
}

/// A text that a platform takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fitted {
    /// The text.
    pub text: String,
    /// Whether something of the given text is missing.
    pub shortened: bool,
}

/// What is wrong with a text; nothing when the platform takes it.
pub fn faults(rules: &Rules, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let name = rules.platform.name();
    let found = entities(rules, text);
    let (length, limit) = (measured(rules, text, &found), limit(rules, text));
    if length > limit {
        faults.push(Fault {
            code: "too_long",
            message: format!("{length} of at most {limit} as {name} counts: shorten it by {}", length.saturating_sub(limit)),
        });
    }
    if let Some(most) = rules.bytes
        && text.len() > most
    {
        faults.push(Fault { code: "too_many_bytes", message: format!("{} bytes of at most {most} on {name}: shorten it", text.len()) });
    }
    for (kind, most, code, things) in
        [(Kind::Hashtag, rules.hashtags, "too_many_hashtags", "hashtags"), (Kind::Mention, rules.mentions, "too_many_mentions", "mentions")]
    {
        let there = number(&found, kind);
        if let Some(most) = most
            && there > most
        {
            faults.push(Fault {
                code,
                message: format!("{there} {things} of at most {most} on {name}: take {} out", there.saturating_sub(most)),
            });
        }
    }
    if let Some(character) = text.chars().find(|character| rules.forbidden.contains(character)) {
        let message = format!("{name} does not allow {} (U+{:04X}): take it out", visible(character), u32::from(character));
        faults.push(Fault { code: "forbidden_character", message });
    }
    faults
}

fn visible(character: char) -> String {
    if character.is_ascii_graphic() { format!("`{character}`") } else { "a character".to_owned() }
}

/// A text that the platform takes: unchanged when it does already.
///
/// Forbidden characters go, or are replaced by what stands for them in print; hashtags and mentions beyond the limit go from the end and lose
/// their sign within sentences; what is too long ends at a sentence, else at a word with an ellipsis. Links behind the cut are kept at
/// the end while they leave room for text.
pub fn fit(rules: &Rules, text: &str) -> Fitted {
    if faults(rules, text).is_empty() {
        return Fitted { text: text.to_owned(), shortened: false };
    }
    let allowed = without_forbidden(rules, text);
    let limited = limited(rules, &allowed);
    let mut shortened = limited.len() < allowed.len() || allowed.chars().count() < text.chars().count();
    let fitted = if fits(rules, &limited) {
        limited
    } else {
        shortened = true;
        cut(rules, limited.trim())
    };
    Fitted { text: fitted, shortened }
}

fn without_forbidden(rules: &Rules, text: &str) -> String {
    let replaced = |character| match character {
        _ if !rules.forbidden.contains(&character) => Some(character),
        // Words in angle brackets keep brackets.
        '<' => Some('‹'),
        '>' => Some('›'),
        _ => None,
    };
    text.chars().filter_map(replaced).collect()
}

fn limited(rules: &Rules, text: &str) -> String {
    let mut text = text.to_owned();
    for (kind, most, signs) in [(Kind::Hashtag, rules.hashtags, ['#', '＃']), (Kind::Mention, rules.mentions, ['@', '＠'])] {
        let Some(most) = most else { continue };
        // What loses its sign can make another stand free, so this is done again.
        for _ in 0..4 {
            let excess: Vec<Entity> = entities(rules, &text).into_iter().filter(|entity| entity.kind == kind).skip(most).collect();
            for entity in excess.iter().rev() {
                let (Some(before), Some(after)) = (text.get(..entity.start), text.get(entity.end..)) else { continue };
                text = if after.trim().is_empty() {
                    before.trim_end().to_owned()
                } else {
                    format!("{}{}{after}", before.trim_end_matches(signs), entity.of(&text).trim_start_matches(signs))
                };
            }
        }
        if number(&entities(rules, &text), kind) > most {
            text.retain(|character| !signs.contains(&character));
        }
    }
    text
}

/// What stands for a part that is missing.
fn ellipsis(rules: &Rules, text: &str) -> &'static str {
    // The one character is not in GSM-7, and would cost a text message half its room.
    if rules.count == Count::Sms && gsm::length(text).is_some() { "..." } else { "…" }
}

fn cut(rules: &Rules, text: &str) -> String {
    let found = entities(rules, text);
    let cuts = cuts(text, &found);
    let dots = ellipsis(rules, text);
    let mut links: Vec<&Entity> = Vec::new();
    for link in found.iter().filter(|entity| entity.kind == Kind::Link) {
        if !links.iter().any(|known| known.of(text) == link.of(text)) {
            links.push(link);
        }
    }
    // Links take no more than half of the room.
    let alone =
        |links: &[&Entity]| links.iter().map(|link| length(rules, link.of(text)).saturating_add(1)).fold(0_usize, usize::saturating_add);
    while alone(&links) > limit(rules, text) / 2
        || rules.bytes.is_some_and(|most| links.iter().map(|link| link.of(text).len()).sum::<usize>() > most / 2)
    {
        links.pop();
    }
    loop {
        let written = |cut: &Cut| {
            let mut candidate = text.get(..cut.at).unwrap_or_default().to_owned();
            if cut.ends < Ends::Sentence {
                // A mark before the ellipsis goes, unless it belongs to a link.
                let whole = found.iter().map(|entity| entity.end).take_while(|end| *end <= cut.at).last().unwrap_or_default();
                candidate.truncate(candidate.trim_end_matches([',', ';', ':', '-', '–', '—', '(', ' ']).len().max(whole));
                candidate.push_str(dots);
            }
            for link in links.iter().filter(|link| link.end > cut.at) {
                candidate.push(' ');
                candidate.push_str(link.of(text));
            }
            candidate
        };
        let valid = |cut: &Cut| faults(rules, &written(cut)).is_empty();
        let mut possible = cuts.get(..most(&cuts, |cut| fits(rules, &written(cut)))).unwrap_or_default();
        // Nearly always the first choice is valid; what is not is passed over.
        while let Some(chosen) = best(possible) {
            if valid(&chosen) {
                return written(&chosen);
            }
            possible = possible.get(..possible.iter().take_while(|cut| cut.at < chosen.at).count()).unwrap_or_default();
        }
        if links.pop().is_none() {
            return String::new();
        }
    }
}
