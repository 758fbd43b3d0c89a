//! Numbers with their units, and the values that figures can have.

use super::{Fact, Kind, bare};

/// A number of a text.
pub(super) struct Number {
    pub fact: Fact,
    /// Whether it is in figures: a word such as `one` is often no number.
    pub certain: bool,
}

const WORDS: [&str; 13] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const CURRENCIES: [(&str, &str); 18] = [
    ("us$", "$"),
    ("usd", "$"),
    ("dollar", "$"),
    ("$", "$"),
    ("€", "€"),
    ("eur", "€"),
    ("euro", "€"),
    ("£", "£"),
    ("gbp", "£"),
    ("pound", "£"),
    ("¥", "¥"),
    ("jpy", "¥"),
    ("yen", "¥"),
    ("₹", "₹"),
    ("inr", "₹"),
    ("rupee", "₹"),
    ("chf", "chf"),
    ("franc", "chf"),
];
const SCALES: [(&str, u32); 12] = [
    ("k", 3),
    ("thousand", 3),
    ("tsd", 3),
    ("mn", 6),
    ("mio", 6),
    ("million", 6),
    ("millionen", 6),
    ("bn", 9),
    ("b", 9),
    ("billion", 9),
    ("mrd", 9),
    ("trillion", 12),
];
const UNITS: [(&str, &str); 48] = [
    ("%", "%"),
    ("percent", "%"),
    ("pct", "%"),
    ("prozent", "%"),
    ("h", "hour"),
    ("hr", "hour"),
    ("hour", "hour"),
    ("min", "minute"),
    ("minute", "minute"),
    ("s", "second"),
    ("sec", "second"),
    ("second", "second"),
    ("ms", "ms"),
    ("millisecond", "ms"),
    ("day", "day"),
    ("week", "week"),
    ("month", "month"),
    ("year", "year"),
    ("yr", "year"),
    ("am", "am"),
    ("pm", "pm"),
    ("a.m", "am"),
    ("p.m", "pm"),
    ("km", "km"),
    ("kilometer", "km"),
    ("kilometre", "km"),
    ("mi", "mile"),
    ("mile", "mile"),
    ("cm", "cm"),
    ("mm", "mm"),
    ("ft", "foot"),
    ("feet", "foot"),
    ("foot", "foot"),
    ("kg", "kg"),
    ("g", "g"),
    ("lb", "pound-weight"),
    ("oz", "oz"),
    ("l", "l"),
    ("ml", "ml"),
    ("kb", "kb"),
    ("mb", "mb"),
    ("gb", "gb"),
    ("tb", "tb"),
    ("px", "px"),
    ("x", "x"),
    ("times", "x"),
    ("°c", "°c"),
    ("°f", "°f"),
];

fn look_up<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    let word = word.to_lowercase();
    let of = |word: &str| table.iter().find(|(known, _)| *known == word).map(|(_, found)| *found);
    of(&word).or_else(|| word.strip_suffix('s').filter(|stem| stem.len() > 1).and_then(of))
}

/// The numbers of a text.
pub(super) fn numbers(text: &str) -> Vec<Number> {
    let words: Vec<&str> = text.split([' ', '\n', '\t', '\r']).filter(|word| !word.is_empty()).collect();
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let next = place.checked_add(1).and_then(|place| words.get(place)).map(|word| bare(word)).unwrap_or_default();
        let after = place.checked_add(2).and_then(|place| words.get(place)).map(|word| bare(word)).unwrap_or_default();
        let own = bare(word);
        // Nothing belongs to a number across the end of a clause.
        let ended = word.ends_with([',', ';', '.', '!', '?', ')', '…']);
        if let Some(value) = WORDS.iter().position(|known| own.eq_ignore_ascii_case(known)) {
            let unit = if ended { None } else { unit_of(next) };
            let fact = Fact { kind: Kind::Number, text: own.to_owned(), meanings: vec![format!("{value} {}", unit.unwrap_or_default())] };
            found.push(Number { fact, certain: false });
            continue;
        }
        let lead = own.find(|character: char| character.is_ascii_digit()).unwrap_or(own.len());
        let (prefix, rest) = own.split_at_checked(lead).unwrap_or((own, ""));
        let prefix_sign = prefix.trim_start_matches(['-', '−', '+', '~', '≈', '<', '>', '#', '(', '–', '—']);
        let currency = look_up(&CURRENCIES, prefix_sign);
        if rest.is_empty() || !(prefix_sign.is_empty() || currency.is_some() || !prefix_sign.chars().any(char::is_alphanumeric)) {
            continue;
        }
        let figures = rest
            .find(|character: char| !(character.is_ascii_digit() || ".,'’\u{a0}\u{202f}:/–-".contains(character)))
            .unwrap_or(rest.len());
        let (figures, suffix) = rest.split_at_checked(figures).unwrap_or((rest, ""));
        let trimmed = figures.trim_end_matches(|character: char| !character.is_ascii_digit());
        let minus = if prefix.starts_with(['-', '−']) { "-" } else { "" };
        let mut suffix = suffix.trim_end_matches('+');
        let (mut power, mut unit) = (0_u32, currency);
        let mut written = own.to_owned();
        if let Some(scale) = look_up(&SCALES, suffix).or_else(|| (suffix == "M").then_some(6)) {
            power = scale;
            suffix = "";
        } else if suffix.is_empty()
            && !ended
            && let Some(scale) = look_up(&SCALES, next).filter(|_| next.len() > 1)
        {
            power = scale;
            written = format!("{own} {next}");
            unit = unit.or_else(|| look_up(&CURRENCIES, after));
        }
        let ordinal = matches!(suffix, "st" | "nd" | "rd" | "th");
        if unit.is_none() && !ordinal && !suffix.is_empty() {
            unit = Some(unit_of(suffix).unwrap_or(suffix));
        } else if unit.is_none()
            && suffix.is_empty()
            && power == 0
            && !ended
            && let Some(following) = unit_of(next).filter(|_| next != "s" && next != "x")
        {
            unit = Some(following);
            written = format!("{own} {next}");
        }
        let unit = unit.unwrap_or_default().to_lowercase();
        for part in parts(trimmed) {
            let mut meanings: Vec<String> = readings(part, power).into_iter().map(|value| format!("{minus}{value} {unit}")).collect();
            // `5m` is five of something, or five million.
            if unit == "m" {
                meanings.extend(readings(part, 6).into_iter().map(|value| format!("{minus}{value} ")));
            }
            found.push(Number { fact: Fact { kind: Kind::Number, text: written.clone(), meanings }, certain: true });
        }
    }
    found
}

fn unit_of(word: &str) -> Option<&'static str> {
    let word = word.trim_start_matches('-');
    look_up(&UNITS, word).or_else(|| look_up(&CURRENCIES, word))
}

/// A range's two ends; a date or a time as a whole.
fn parts(figures: &str) -> Vec<&str> {
    let ends: Vec<&str> = figures.split(['-', '–']).filter(|part| !part.is_empty()).collect();
    if ends.len() == 2 && !figures.contains(['/', ':']) { ends } else { vec![figures] }
}

/// The values that figures can have, each written in one way.
fn readings(figures: &str, power: u32) -> Vec<String> {
    if figures.contains([':', '/', '-', '–']) {
        let parts =
            figures.split_inclusive([':', '/', '-', '–']).map(|part| if part.len() > 1 { part.trim_start_matches('0') } else { part });
        return vec![parts.collect()];
    }
    let groups: Vec<&str> = figures.split(|character: char| !character.is_ascii_digit()).collect();
    let Some((last, before)) = groups.split_last() else { return Vec::new() };
    let grouped =
        !before.is_empty() && groups.iter().skip(1).all(|group| group.len() == 3) && groups.first().is_some_and(|first| first.len() <= 3);
    let points: Vec<char> = figures.chars().filter(|character| !character.is_ascii_digit()).collect();
    let mixed = points.windows(2).any(|pair| pair.first() != pair.last());
    let mut found = Vec::new();
    if before.is_empty() || grouped && !mixed {
        found.push(scaled(&groups.concat(), "", power));
    }
    // A comma before three figures groups; a point may do either.
    let fraction = !before.is_empty() && (mixed || before.len() == 1 && (!grouped || points.first() == Some(&'.')));
    if fraction {
        found.push(scaled(&before.concat(), last, power));
    }
    // Versions and other things with several points.
    if found.is_empty() {
        found.push(figures.to_owned());
    }
    found
}

/// A decimal number times a power of ten, without zeros that do not matter.
fn scaled(whole: &str, fraction: &str, power: u32) -> String {
    let power = usize::try_from(power).unwrap_or_default();
    let moved: String = fraction.chars().chain(std::iter::repeat('0')).take(power).collect();
    let left: String = fraction.chars().skip(power).collect();
    let whole = format!("{whole}{moved}");
    let (whole, left) = (whole.trim_start_matches('0'), left.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if left.is_empty() { whole.to_owned() } else { format!("{whole}.{left}") }
}
