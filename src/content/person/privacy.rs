//! Whether a text knows something of its reader that nobody has told: names, places, dates, numbers, addresses, and claims about their life.

use crate::content::draft::Fault;
use crate::content::entities::{Kind as EntityKind, entities};
use crate::content::facts::{folded, invented};
use crate::content::platform::Platform;
use crate::content::sentences::sentences;
use crate::edge::pii;

use super::sensitive;

/// The code of what is wrong with such a text.
pub const INVENTED: &str = "personal_data_invented";

/// What a reader may have, behind `your`: nobody knows it of them who was not told.
const CIRCUMSTANCES: &str = " age anniversary baby birthday boss boyfriend brother cat child children dad daughter debt degree diagnosis divorce \
     doctor dog employer ex father fiance fiancee girlfriend grandchildren grandma grandpa husband income job kid kids \
     landlord loan marriage mom mortgage mother mum parents pet pets puppy salary school sister son sons spouse surgery \
     therapist twins university wedding wife ";

/// Words that follow a name with which somebody is addressed: `Bob, your coffee`.
const SPEAKING: &str = " are can did do does have here how it it's meet ready remember thanks the this today want we we've what when you you'll you're you've your ";

/// Words of greeting, behind which a name stands.
const GREETINGS: &str = " dear hello hey hi welcome ";

/// Words that are no name where one could stand.
const NO_NAMES: &str = " all and bakers coffee ladies lovers makers parents readers runners tea back friend friends everybody everyone folks guys hello here hey hi listen look neighbors neighbours now okay people psst ready so surprise team \
     thanks there to today tomorrow tonight welcome well yes you ";

/// What a text knows of somebody that stands nowhere in what was given.
pub fn strange(given: &str, text: &str) -> Vec<String> {
    let mut found: Vec<String> = invented(given, text).into_iter().map(|fact| fact.text).collect();
    let known = folded(given);
    let joined: String = known.split(' ').collect();
    let mut add = |what: &str| {
        if !found.iter().any(|other| other == what) {
            found.push(what.to_owned());
        }
    };
    for hit in pii::scan(text) {
        let Some(what) = text.get(hit.span) else { continue };
        if !joined.contains(&folded(what).replace(' ', "")) {
            add(what);
        }
    }
    for range in sentences(text) {
        let Some(sentence) = text.get(range) else { continue };
        if let Some(name) = addressed(sentence).filter(|name| !known.contains(&folded(name))) {
            add(&name);
        }
        for claim in claims(sentence) {
            let (stem, plural) = (claim.strip_suffix('s').unwrap_or(&claim), format!("{claim}s"));
            if ![claim.as_str(), stem, &plural].iter().any(|word| known.contains(&format!(" {word} "))) {
                add(&claim);
            }
        }
    }
    // What is protected is not said either, unless the order itself speaks of it.
    let spoken_of = sensitive::of_text(given);
    for kind in sensitive::of_text(text).iter().filter(|kind| !spoken_of.contains(kind)) {
        add(kind);
    }
    found
}

/// The name with which a sentence addresses somebody; what stands at a sentence's beginning is no name to the finder of facts.
fn addressed(sentence: &str) -> Option<String> {
    let mut words = sentence.split_whitespace();
    let first = words.next()?;
    let bare = |word: &str| word.trim_matches(|character: char| !character.is_alphanumeric()).to_owned();
    let is_in = |list: &str, word: &str| list.contains(&format!(" {} ", word.to_lowercase().replace('’', "'")));
    let capital = |word: &str| word.chars().next().is_some_and(char::is_uppercase);
    let second = words.next().unwrap_or_default();
    if is_in(GREETINGS, &bare(first)) {
        let mut name = bare(second);
        if name.to_lowercase() == "back" {
            name = words.next().map(bare).unwrap_or_default();
        }
        return Some(name).filter(|name| capital(name) && !is_in(NO_NAMES, name));
    }
    let name = bare(first);
    let speaks = is_in(SPEAKING, second.trim_matches(|character: char| !(character.is_alphanumeric() || matches!(character, '\'' | '’'))));
    (first.ends_with([',', ':']) && capital(&name) && speaks && !is_in(NO_NAMES, &name) && !name.ends_with("ly")).then_some(name)
}

/// Words behind `your` that say something of the reader's life.
fn claims(sentence: &str) -> Vec<String> {
    let spaced = folded(sentence);
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let mut found = Vec::new();
    for (place, _) in words.iter().enumerate().filter(|(_, word)| **word == "your") {
        // One word may stand between: `your little daughter`.
        let near = words.iter().skip(place.saturating_add(1)).take(2);
        found.extend(near.filter(|word| CIRCUMSTANCES.contains(&format!(" {word} "))).map(|word| (*word).to_owned()));
    }
    found
}

/// A text without the hashtags that have words of nobody's: names may stand in them, where no finder sees them.
pub fn without_strange_hashtags(given: &str, text: &str) -> String {
    let rules = Platform::Bluesky.published();
    let found = entities(&rules, text);
    let (mut kept, mut at) = (String::with_capacity(text.len()), 0_usize);
    for tag in found.iter().filter(|found| found.kind == EntityKind::Hashtag) {
        if !is_known_tag(given, tag.of(text)) {
            kept.push_str(text.get(at..tag.start).unwrap_or_default());
            at = tag.end;
        }
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    if at == 0 { kept } else { kept.replace("  ", " ").trim().to_owned() }
}

/// Whether a hashtag is made of words of a text: as a whole, or each by itself.
pub fn is_known_tag(given: &str, tag: &str) -> bool {
    let known = folded(given);
    let joined: String = known.split(' ').collect();
    let plain: String = folded(tag).replace(' ', "");
    if plain.is_empty() || joined.contains(&plain) {
        return true;
    }
    let mut words: Vec<String> = Vec::new();
    let mut before = None::<char>;
    for character in tag.chars() {
        let starts = !character.is_alphanumeric() || character.is_uppercase() && before.is_some_and(char::is_lowercase);
        if starts || words.is_empty() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
        before = Some(character);
    }
    words.iter().filter(|word| !word.is_empty()).all(|word| known.contains(&format!(" {word} ")))
}

/// What is wrong with a text for one person, if it knows more than was given.
pub fn fault(given: &str, text: &str) -> Option<Fault> {
    let strange = strange(given, text);
    let named: Vec<String> = strange.iter().take(8).map(|what| format!("`{what}`")).collect();
    (!named.is_empty()).then(|| Fault { code: INVENTED, words: format!("it has {}, which nobody has told you", named.join(", ")) })
}
