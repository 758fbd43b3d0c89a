//! How long a text is, as a platform counts.

use unicode_normalization::{UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;

use super::emoji;
use super::entities::{Entity, Kind, entities, is_certain};
use super::gsm;
use super::platform::{Count, Mention, Rules};

/// The length of a text by the platform's own count.
pub fn length(rules: &Rules, text: &str) -> usize {
    if rules.link_weight.is_none() {
        return plain(rules.count, text);
    }
    measured(rules, text, &entities(rules, text))
}

/// The same, when its entities are known already.
pub fn measured(rules: &Rules, text: &str, found: &[Entity]) -> usize {
    let Some(weight) = rules.link_weight else { return plain(rules.count, text) };
    let (mut sum, mut at) = (0_usize, 0_usize);
    // What is between links is counted together with what mentions show: clusters may reach across their ends.
    let mut between = String::new();
    for entity in found {
        let shown = match entity.kind {
            Kind::Link => Some(None),
            // A mention of somebody on another server counts as what is before its second `@`.
            Kind::Mention if rules.mention == Mention::Remote => {
                entity.of(text).get(1..).and_then(|name| name.split_once('@')).map(|(name, _)| Some(name))
            }
            _ => None,
        };
        let Some(shown) = shown else { continue };
        between.push_str(text.get(at..entity.start).unwrap_or_default());
        at = entity.end;
        match shown {
            Some(name) => {
                between.push('@');
                between.push_str(name);
            }
            None => {
                // Where it is open whether the platform takes it for a link, it counts as what is longer.
                let link = entity.of(text);
                let weight = if is_certain(link) { weight } else { weight.max(plain(rules.count, link)) };
                sum = sum.saturating_add(plain(rules.count, &between)).saturating_add(weight);
                between.clear();
            }
        }
    }
    between.push_str(text.get(at..).unwrap_or_default());
    sum.saturating_add(plain(rules.count, &between))
}

/// The longest that a text may be, in the platform's count. Only for text messages does it depend on the text: one with a character outside
/// of GSM-7 has less room, in as many parts.
pub fn limit(rules: &Rules, text: &str) -> usize {
    if rules.count != Count::Sms || gsm::length(text).is_some() {
        return rules.limit;
    }
    if rules.limit <= gsm::SINGLE {
        // 160 septets are 140 bytes, and those 70 units.
        return rules.limit.saturating_mul(7) / 16;
    }
    rules.limit.div_euclid(gsm::PART).max(1).saturating_mul(gsm::PART_UCS2)
}

/// Whether a text is no longer than it may be, in characters and bytes.
pub fn fits(rules: &Rules, text: &str) -> bool {
    rules.bytes.is_none_or(|most| text.len() <= most) && length(rules, text) <= limit(rules, text)
}

fn plain(count: Count, text: &str) -> usize {
    match count {
        Count::Weighted => weighted(text),
        Count::Graphemes => text.graphemes(true).count(),
        Count::CodePoints => text.chars().count(),
        Count::Utf16 => text.encode_utf16().count(),
        Count::EmojiBytes => {
            emoji::split(text).fold(0, |sum, (emoji, part): (bool, &str)| sum.saturating_add(if emoji { part.len() } else { 1 }))
        }
        Count::Sms => gsm::length(text).unwrap_or_else(|| text.encode_utf16().count()),
    }
}

/// What a code point weighs on X (`config/v3.json` of twitter-text).
fn weight(character: char) -> usize {
    match u32::from(character) {
        0..=0x10ff | 0x2000..=0x200d | 0x2010..=0x201f | 0x2032..=0x2037 => 1,
        _ => 2,
    }
}

fn weighted(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let composed: std::borrow::Cow<'_, str> = match is_nfc_quick(text.chars()) {
        unicode_normalization::IsNormalized::Yes => text.into(),
        _ => text.nfc().collect::<String>().into(),
    };
    emoji::split(&composed).fold(0, |sum, (emoji, part)| {
        let weight = if emoji { 2 } else { part.chars().map(weight).sum() };
        sum.saturating_add(weight)
    })
}
