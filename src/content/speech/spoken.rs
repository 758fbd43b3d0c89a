//! Words as they are said.

use super::falls;
use crate::content::emoji;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const ABBREVIATIONS: [(&str, &str); 34] = [
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("etc.", "and so on"),
    ("vs.", "versus"),
    ("vs", "versus"),
    ("approx.", "approximately"),
    ("Dr.", "Doctor"),
    ("Mr.", "Mister"),
    ("Mrs.", "Missus"),
    ("Ms.", "Miz"),
    ("Prof.", "Professor"),
    ("No.", "number"),
    ("w/", "with"),
    ("w/o", "without"),
    ("&", "and"),
    ("+", "plus"),
    ("=", "equals"),
    ("Jan.", "January"),
    ("Feb.", "February"),
    ("Mar.", "March"),
    ("Apr.", "April"),
    ("Aug.", "August"),
    ("Sept.", "September"),
    ("Sep.", "September"),
    ("Oct.", "October"),
    ("Nov.", "November"),
    ("Dec.", "December"),
    ("a.m.", "A M"),
    ("p.m.", "P M"),
    ("Inc.", "Incorporated"),
    ("Ltd.", "Limited"),
    ("Co.", "Company"),
    ("24/7", "twenty-four seven"),
    ("→", "to"),
];
const UNITS: [(&str, &str, &str); 30] = [
    ("%", "percent", "percent"),
    ("km", "kilometer", "kilometers"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("ms", "millisecond", "milliseconds"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("min", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("kb", "kilobyte", "kilobytes"),
    ("mb", "megabyte", "megabytes"),
    ("gb", "gigabyte", "gigabytes"),
    ("tb", "terabyte", "terabytes"),
    ("mph", "mile an hour", "miles an hour"),
    ("x", "times", "times"),
    ("k", "thousand", "thousand"),
    ("M", "million", "million"),
    ("bn", "billion", "billion"),
    ("B", "billion", "billion"),
    ("am", "A M", "A M"),
    ("pm", "P M", "P M"),
    ("°", "degree", "degrees"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("px", "pixel", "pixels"),
];
const CURRENCIES: [(&str, &str, &str, &str); 5] = [
    ("$", "dollar", "dollars", "cents"),
    ("€", "euro", "euros", "cents"),
    ("£", "pound", "pounds", "pence"),
    ("¥", "yen", "yen", ""),
    ("₹", "rupee", "rupees", "paise"),
];
const SCALES: [&str; 7] = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"];

/// A whole number in words.
pub(super) fn cardinal(number: u64) -> String {
    let word =
        |table: &[&'static str], place: u64| usize::try_from(place).ok().and_then(|place| table.get(place).copied()).unwrap_or_default();
    match number {
        0..=19 => word(&ONES, number).to_owned(),
        20..=99 if number.is_multiple_of(10) => word(&TENS, number / 10).to_owned(),
        20..=99 => format!("{}-{}", word(&TENS, number / 10), word(&ONES, number % 10)),
        100..=999 if number.is_multiple_of(100) => format!("{} hundred", word(&ONES, number / 100)),
        100..=999 => format!("{} hundred {}", word(&ONES, number / 100), cardinal(number % 100)),
        _ => {
            let (mut rest, mut scale, mut parts) = (number, 0_usize, Vec::new());
            while rest > 0 {
                let group = rest % 1000;
                if group > 0 {
                    let name = SCALES.get(scale).copied().unwrap_or_default();
                    parts.push(format!("{} {name}", cardinal(group)).trim_end().to_owned());
                }
                rest /= 1000;
                scale = scale.saturating_add(1);
            }
            parts.reverse();
            parts.join(" ")
        }
    }
}

/// A whole number as a place in an order, in words.
pub(super) fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let at = words.rfind([' ', '-']).map_or(0, |at| at.saturating_add(1));
    let (head, last) = words.split_at_checked(at).unwrap_or(("", &words));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        _ => last.strip_suffix('y').map_or_else(|| format!("{last}th"), |stem| format!("{stem}ieth")),
    };
    format!("{head}{last}")
}

/// A year as it is said.
fn year(number: u64) -> String {
    let (century, rest) = (number / 100, number % 100);
    match (number, rest) {
        (2000..=2009, _) | (1000..=1009, _) => cardinal(number),
        (_, 0) => format!("{} hundred", cardinal(century)),
        (_, 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// Figures in words: grouped by commas, with a decimal point. None for what is no such number.
fn number(figures: &str) -> Option<String> {
    let (whole, fraction) = figures.split_once('.').map_or((figures, None), |(whole, fraction)| (whole, Some(fraction)));
    let groups: Vec<&str> = whole.split(',').collect();
    let grouped = groups.len() == 1 || groups.iter().skip(1).all(|group| group.len() == 3);
    let digits: String = groups.concat();
    if !grouped || digits.is_empty() || digits.len() > 18 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A code with a zero before it is said figure by figure.
    let mut words = if digits.len() > 1 && digits.starts_with('0') { figure_by_figure(&digits)? } else { cardinal(digits.parse().ok()?) };
    if let Some(fraction) = fraction {
        words.push_str(" point ");
        words.push_str(&figure_by_figure(fraction)?);
    }
    Some(words)
}

fn figure_by_figure(digits: &str) -> Option<String> {
    let words: Option<Vec<&str>> =
        digits.chars().map(|digit| digit.to_digit(10).and_then(|digit| ONES.get(usize::try_from(digit).ok()?)).copied()).collect();
    words.filter(|words| !words.is_empty()).map(|words| words.join(" "))
}

/// An amount of money.
fn money(figures: &str, currency: &str, scale: Option<&str>) -> Option<String> {
    let (_, one, many, small) = CURRENCIES.iter().find(|(sign, ..)| *sign == currency)?;
    if let Some(scale) = scale {
        return Some(format!("{} {scale} {many}", number(figures)?));
    }
    match figures.split_once('.') {
        Some((whole, cents)) if cents.len() == 2 && !small.is_empty() => {
            let cents: u64 = cents.parse().ok()?;
            let name = if whole == "1" { one } else { many };
            let whole = number(whole)?;
            Some(if cents == 0 { format!("{whole} {name}") } else { format!("{whole} {name} and {} {small}", cardinal(cents)) })
        }
        _ => Some(format!("{} {}", number(figures)?, if figures == "1" { one } else { many })),
    }
}

/// `2026-12-01`, and `12/24/2026` as Americans write.
fn date(text: &str) -> Option<String> {
    let parts = |mark: char| -> Option<[u64; 3]> {
        let mut parts = text.split(mark).map(|part| part.parse::<u64>().ok());
        let found = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(found)
    };
    let [year_number, month, day] = match parts('-') {
        Some(found) => found,
        None => parts('/').map(|[month, day, year]| [year, month, day])?,
    };
    let name = MONTHS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    ((1000..=2999).contains(&year_number) && (1..=31).contains(&day)).then(|| format!("{name} {}, {}", ordinal(day), year(year_number)))
}

/// `9:30` and `09:05`.
fn time(text: &str) -> Option<String> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.is_empty() || hours.len() > 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 24 || minutes > 59 {
        return None;
    }
    Some(match minutes {
        0 => cardinal(hours),
        1..=9 => format!("{} oh {}", cardinal(hours), cardinal(minutes)),
        _ => format!("{} {}", cardinal(hours), cardinal(minutes)),
    })
}

fn scale_of(word: &str) -> Option<&'static str> {
    match word {
        "k" | "K" => Some("thousand"),
        "M" | "mn" => Some("million"),
        "B" | "bn" => Some("billion"),
        "T" | "tn" => Some("trillion"),
        _ => None,
    }
}

/// A word of a text with figures in it, without what stands around it. `before` and `after` are its neighbours.
fn figures(core: &str, before: &str, after: &str) -> Option<String> {
    if let Some(said) = date(core).or_else(|| time(core)) {
        return Some(said);
    }
    let (sign, rest) = match core.strip_prefix(['-', '−']) {
        Some(rest) => ("minus ", rest),
        None => ("", core.strip_prefix('~').unwrap_or(core)),
    };
    let about = if core.starts_with('~') { "about " } else { sign };
    let rest = rest.strip_prefix("US$").map_or_else(|| rest.to_owned(), |rest| format!("${rest}"));
    let currency = rest.chars().next().filter(|first| CURRENCIES.iter().any(|(sign, ..)| sign.starts_with(*first)));
    let body = currency.map_or(rest.as_str(), |sign| rest.strip_prefix(sign).unwrap_or(&rest));
    let length = body.find(|character: char| !(character.is_ascii_digit() || matches!(character, ',' | '.'))).unwrap_or(body.len());
    let (digits, suffix) = body.split_at_checked(length)?;
    if !digits.starts_with(|first: char| first.is_ascii_digit()) || digits.ends_with([',', '.']) {
        return None;
    }
    let said = if let Some(sign) = currency {
        let word = ["thousand", "million", "billion", "trillion"].into_iter().find(|word| after.eq_ignore_ascii_case(word));
        // The scale behind it is said before the currency, and not again.
        money(digits, &sign.to_string(), scale_of(suffix).or(word)).filter(|_| suffix.is_empty() || scale_of(suffix).is_some())?
    } else if let Some(sign) = suffix.chars().next().filter(|sign| CURRENCIES.iter().any(|(known, ..)| known.starts_with(*sign))) {
        money(digits, &sign.to_string(), None).filter(|_| suffix.chars().count() == 1)?
    } else if matches!(suffix, "st" | "nd" | "rd" | "th") {
        ordinal(digits.replace(',', "").parse().ok()?)
    } else if let Some((other, unit)) = suffix.strip_prefix(['-', '–']).map(|other| {
        other.split_at_checked(other.find(|character: char| !character.is_ascii_digit()).unwrap_or(other.len())).unwrap_or((other, ""))
    }) {
        // A range, or `24-hour`.
        if other.is_empty() {
            format!("{} {unit}", number(digits)?)
        } else {
            format!("{} to {}", number(digits)?, figures(&format!("{other}{unit}"), "", after)?)
        }
    } else if suffix.is_empty() {
        let value = digits.parse::<u64>().ok().filter(|_| digits.len() == 4);
        let dated = MONTHS.iter().any(|month| before.trim_end_matches(',').eq_ignore_ascii_case(month))
            || ["in", "since", "by", "until", "of", "from"].iter().any(|word| before.eq_ignore_ascii_case(word));
        match value {
            Some(value) if dated && (1100..=2099).contains(&value) => year(value),
            _ => number(digits)?,
        }
    } else if suffix == "+" {
        format!("more than {}", number(digits)?)
    } else {
        let plural = digits != "1";
        let (_, one, many) = UNITS
            .iter()
            .find(|(unit, ..)| *unit == suffix)
            .or_else(|| UNITS.iter().find(|(unit, ..)| unit.eq_ignore_ascii_case(suffix)))?;
        format!("{} {}", number(digits)?, if plural { many } else { one })
    };
    Some(format!("{about}{said}"))
}

/// A sentence as it is said.
pub(super) fn sentence(text: &str) -> String {
    let pictureless: String = emoji::split(text).map(|(emoji, part)| if emoji { " " } else { part }).collect();
    let words: Vec<&str> =
        pictureless.split_whitespace().filter(|word| *word != emoji::JOINER.to_string() && *word != emoji::PICTURE.to_string()).collect();
    let mut said: Vec<String> = Vec::new();
    let mut skip = false;
    for (place, word) in words.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let neighbour = |place: Option<usize>| place.and_then(|place| words.get(place)).copied().unwrap_or_default();
        let (before, next) = (neighbour(place.checked_sub(1)), neighbour(place.checked_add(1)));
        let after = next.trim_end_matches(|character: char| character.is_ascii_punctuation());
        if let Some((_, spoken)) = ABBREVIATIONS.iter().find(|(written, _)| written == word) {
            // The point of the last abbreviation is also the sentence's.
            let end = if place.checked_add(1) == Some(words.len()) && word.ends_with('.') { "." } else { "" };
            said.push(format!("{spoken}{end}"));
            continue;
        }
        let opened = word.trim_start_matches(['(', '[', '"', '“', '\'', '‘']);
        let core = opened.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '"', '”', '\'', '’', '…']);
        let (head, tail) =
            (word.get(..word.len().saturating_sub(opened.len())).unwrap_or_default(), opened.get(core.len()..).unwrap_or_default());
        match figures(core, before, if tail.is_empty() { after } else { "" }) {
            Some(spoken) => {
                // `$5 million` has been said with its scale, `5 km` takes its unit's name.
                let scaled = core.contains(|character| CURRENCIES.iter().any(|(sign, ..)| sign.starts_with(character)))
                    && tail.is_empty()
                    && ["thousand", "million", "billion", "trillion"].iter().any(|word| after.eq_ignore_ascii_case(word))
                    && spoken.contains(&after.to_lowercase());
                let unit = UNITS
                    .iter()
                    .find(|(unit, ..)| unit.eq_ignore_ascii_case(after) && (after.len() > 1 || matches!(after, "%" | "h" | "g")))
                    .filter(|_| tail.is_empty() && core.ends_with(|last: char| last.is_ascii_digit()));
                let rest = next.get(after.len()..).unwrap_or_default();
                match unit {
                    Some((_, one, many)) => {
                        said.push(format!("{head}{spoken} {}{rest}", if core == "1" { one } else { many }));
                        skip = true;
                    }
                    None if scaled => {
                        said.push(format!("{head}{spoken}{rest}"));
                        skip = true;
                    }
                    None => said.push(format!("{head}{spoken}{tail}")),
                }
            }
            None => said.push((*word).to_owned()),
        }
    }
    // Bullets and rules are not said; a dash is a short pause.
    let mut spoken = said.join(" ").replace(" — ", ", ").replace(" – ", ", ").replace(" - ", ", ").replace('—', ", ");
    spoken = spoken.trim_start_matches(['-', '•', '*', '·', '–', ',', ' ', '#', '>']).trim().to_owned();
    if !spoken.is_empty() && !falls(&spoken) {
        spoken.push('.');
    }
    spoken
}
