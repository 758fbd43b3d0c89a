//! Safe normalisation: one text for the spellings of one question.
//!
//! It is a list of rules and no likeness. A rule is here only when it cannot change what is asked: capitals that tell nothing, spaces, the
//! mark at the end, articles where but one can be meant, "please" and "can you", contractions that can be read in one way. What no rule
//! speaks of stays, byte for byte, so a number, a name, a negation or another order of words is another text. A text that is not plain
//! English in one line, or that speaks of words themselves, has no normal form, and counts as it was written.

mod words;

use crate::edge::language;
use words::{
    ABILITY, ASKING, AUXILIARIES, BEFORE_IS, BETWEEN, BRANDS, COMMANDS, DETERMINERS, DID, ENDINGS, ENGLISH, ENGLISH_FIRST, FAVOURS, GIVEN,
    INITIALS, JOINING, LANGUAGES, MADE, MAKING, MOST, NAMES, NOT, OF_WORDS, ONE_OF, OPENERS, QUALITIES, RANKED, SPEAKERS_VERBS, SPOKEN,
    SUBJECTS, SUBORDINATE, TOLD,
};

/// A longer text has no normal form, in bytes.
const LONGEST: usize = 300;
/// Nor has one that is longer before it is normalised, in bytes.
const LONGEST_WRITTEN: usize = 600;
/// Instructions that stand before the text may be so long, in bytes: they have to be read for what they say of words.
const LONGEST_INSTRUCTION: usize = 2_000;

/// The normal form of a text; none when it has to be taken as it was written. The normal form of a normal form is itself.
pub fn normal(text: &str) -> Option<String> {
    let normal = reduced(text)?;
    // Judged by the normal form, so that all spellings of it fare alike.
    (normal.len() <= LONGEST && is_english(&normal)).then_some(normal)
}

/// Whether texts may be normalised that stand behind such instructions (a system message): not when these speak of words, as a translator's
/// or a proofreader's do, or when they cannot be read.
pub fn permits(instruction: &str) -> bool {
    let mut words = instruction.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    instruction.len() <= LONGEST_INSTRUCTION
        && is_english(&instruction.to_ascii_lowercase())
        && !words.any(|word| {
            let word = word.to_ascii_lowercase();
            is_one_of(&OF_WORDS, &word) || is_one_of(&GIVEN, &word)
        })
}

/// Whether a word, or what it is a form of, is in a list.
fn is_one_of(list: &[&str], word: &str) -> bool {
    let first = word.as_bytes().first();
    let plain = word.strip_suffix("ing").or_else(|| word.strip_suffix("ed")).or_else(|| word.strip_suffix('s')).unwrap_or(word);
    let is = |known: &&str| *known == word || *known == plain || known.strip_suffix('e') == Some(plain);
    list.iter().filter(|known| known.as_bytes().first() == first).any(is)
}

/// A short question has too few words for a guess, so words that no other language has come first.
fn is_english(text: &str) -> bool {
    let words: Vec<&str> = text.split([' ', '.', ',']).collect();
    let begins = match words.as_slice() {
        [verb, "me", ..] if FAVOURS.contains(verb) => true,
        ["i", verb, ..] if SPEAKERS_VERBS.contains(verb) => true,
        ["you", "are", ..] => true,
        [first, ..] => ENGLISH_FIRST.contains(first),
        [] => false,
    };
    begins || words.iter().filter(|word| ENGLISH.contains(word)).count() >= 2 || language::detect(text).code == "en"
}

/// A word, and whether there is a comma behind it.
#[derive(Clone, Debug)]
struct Word {
    text: String,
    comma: bool,
}

impl Word {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), comma: false }
    }

    /// In lower case, when no more than its first letter is a capital.
    fn lower(&self) -> Option<String> {
        let mut rest = self.text.chars();
        let first = rest.next().filter(char::is_ascii_uppercase)?;
        rest.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'\'').then(|| {
            let mut lower = String::from(first.to_ascii_lowercase());
            lower.push_str(rest.as_str());
            lower
        })
    }
}

/// A text under the rules, whatever its language.
fn reduced(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.len() > LONGEST_WRITTEN {
        return None;
    }
    let text = text.replace('\u{2019}', "'");
    let body = text.trim_end_matches(['.', '!', '?']);
    let mark = text.strip_prefix(body)?;
    let mut words = read(body)?;
    expand(&mut words)?;
    fold(&mut words);
    let asked_as_question = take_courtesy(&mut words);
    take_articles(&mut words);
    let kept = match mark {
        "" | "." => "",
        _ if mark.bytes().all(|byte| byte == b'!') => {
            // "5!" is a number, and "Oklahoma!" a musical.
            let last = words.last()?;
            if last.text.len() > 1 && last.text.bytes().all(|byte| byte.is_ascii_lowercase()) { "" } else { "!" }
        }
        _ if mark.bytes().all(|byte| byte == b'?') => {
            if asked_as_question || is_question(&words) {
                ""
            } else {
                "?"
            }
        }
        _ => return None,
    };
    let mut normal = String::with_capacity(text.len());
    for word in &words {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.push_str(&word.text);
        if word.comma {
            normal.push(',');
        }
    }
    normal.push_str(kept);
    Some(normal)
}

/// The words of one sentence of plain text; none where something could hide in which case, spaces or marks count: quotations, code, lists,
/// addresses, several sentences, other letters than English has.
fn read(body: &str) -> Option<Vec<Word>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" ,'.!?%$+-<>=&/#@".contains(&byte);
    if body.is_empty() || body.ends_with(' ') || !body.bytes().all(plain) {
        return None;
    }
    let mut words = Vec::new();
    for text in body.split(' ').filter(|text| !text.is_empty()) {
        let (text, comma) = text.strip_suffix(',').map_or((text, false), |text| (text, true));
        let ends = |character: char| text.starts_with(character) || text.ends_with(character);
        let is_tag = text.contains(['<', '>']) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
        let is_address = text.contains("//") || text.starts_with("www.");
        if text.is_empty() || ends('\'') || text.ends_with(['.', '!', '?', ',']) || is_tag || is_address {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        let known = lower.strip_suffix("'s").unwrap_or(&lower);
        if is_one_of(&OF_WORDS, known) || is_one_of(&SPOKEN, known) {
            return None;
        }
        words.push(Word { text: text.to_owned(), comma });
    }
    (words.last().is_some_and(|word| !word.comma)).then_some(words)
}

/// Contractions in full. None when one is spoken of: "can't and cannot".
fn expand(words: &mut Vec<Word>) -> Option<()> {
    let mut full = Vec::with_capacity(words.len().saturating_add(4));
    for (at, word) in words.iter().enumerate() {
        let next = at.checked_add(1).and_then(|at| words.get(at)).map(|word| word.text.as_str());
        let before = at.checked_sub(1).and_then(|at| words.get(at)).map(|word| word.text.as_str());
        // A capital within the text is a title's: "Don't Look Up".
        let small = if at == 0 { word.lower() } else { None }.or_else(|| word.text.strip_prefix("I'").map(|rest| format!("i'{rest}")));
        let Some((first, second)) = in_full(small.as_deref().unwrap_or(&word.text), next) else {
            full.push(word.clone());
            continue;
        };
        if word.comma || [before, next].into_iter().flatten().any(|beside| JOINING.contains(&beside)) {
            return None;
        }
        // The capital stays for `fold` to judge.
        let first = match small {
            Some(_) => first.chars().take(1).map(|letter| letter.to_ascii_uppercase()).chain(first.chars().skip(1)).collect(),
            None => first.to_owned(),
        };
        full.push(Word { text: first, comma: false });
        full.extend(second.map(Word::plain));
    }
    *words = full;
    Some(())
}

/// Both words of a contraction; "cannot" is one.
fn in_full<'w>(word: &'w str, next: Option<&str>) -> Option<(&'w str, Option<&'static str>)> {
    if word == "can't" {
        return Some(("cannot", None));
    }
    if let Some((_, verb)) = NOT.iter().find(|(short, _)| *short == word) {
        return Some((verb, Some("not")));
    }
    let ending = ENDINGS.iter().find_map(|(ending, verb, pronouns)| Some((word.strip_suffix(ending)?, *verb, pronouns)));
    if let Some((pronoun, verb, pronouns)) = ending {
        return pronouns.contains(&pronoun).then_some((pronoun, Some(verb)));
    }
    let subject = word.strip_suffix("'s").filter(|subject| BEFORE_IS.contains(subject))?;
    next.filter(|next| DETERMINERS.contains(next)).map(|_| (subject, Some("is")))
}

/// Takes capitals that tell nothing: of the first word, where it is one that many texts begin with, of "I", and of names without another
/// meaning. Any other capital may be a title or a brand.
fn fold(words: &mut [Word]) {
    let mut before: Option<String> = None;
    for at in 0..words.len() {
        let next = at
            .checked_add(1)
            .and_then(|at| words.get(at))
            .map_or_else(String::new, |word| if word.text == "I" { "i".to_owned() } else { word.text.clone() });
        let Some(word) = words.get_mut(at) else { break };
        let lower = word.lower().unwrap_or_default();
        let opens = at == 0 && opens(&lower, &next);
        let speaks = word.text == "I"
            && (SPEAKERS_VERBS.contains(&next.as_str()) || before.as_deref().is_some_and(|before| SPEAKERS_VERBS.contains(&before)));
        let name = word.text.strip_suffix("'s").unwrap_or(&word.text);
        let named = is_name(name, &lower)
            || before.as_deref().is_some_and(|before| ["to", "into", "in", "from"].contains(&before))
                && LANGUAGES.contains(&lower.as_str());
        if opens || speaks || named {
            word.text.make_ascii_lowercase();
        }
        before = Some(if word.comma { String::new() } else { word.text.clone() });
    }
}

/// Whether a capital at the beginning of a text tells nothing of its word.
fn opens(lower: &str, next: &str) -> bool {
    // "Make is cheaper" and "Can was a band" are about names.
    let is_named = AUXILIARIES.contains(&next);
    match lower {
        "will" => SUBJECTS.contains(&next) || next == "not",
        "this" | "that" | "these" | "those" | "there" | "she" | "we" | "they" | "you" => true,
        _ if ASKING.contains(&lower.strip_suffix("'s").unwrap_or(lower)) => true,
        _ => !is_named && (OPENERS.contains(&lower) || AUXILIARIES.contains(&lower) || COMMANDS.contains(&lower)),
    }
}

/// Whether a word is a name as it is usually written, and one that means nothing else in small letters.
fn is_name(name: &str, lower: &str) -> bool {
    let lower = lower.strip_suffix("'s").unwrap_or(lower);
    NAMES.contains(&lower)
        || INITIALS.contains(&name)
        || BRANDS.iter().any(|brand| *brand == name || !lower.is_empty() && brand.eq_ignore_ascii_case(lower))
}

/// Takes "please" and, where it asks for something and not whether it can be done, "can you". Tells whether the latter was there.
fn take_courtesy(words: &mut Vec<Word>) -> bool {
    let is = |words: &[Word], at: usize, known: &[&str]| words.get(at).is_some_and(|word| known.contains(&word.text.as_str()));
    let mut begins = 0_usize;
    let mut please = is(words, 0, &["please"]);
    begins = begins.saturating_add(usize::from(please));
    let asks = is(words, begins, &["can", "could", "would", "will"]) && is(words, begins.saturating_add(1), &["you"]);
    let sure = is(words, begins, &["can", "could"]);
    if asks {
        begins = begins.saturating_add(2);
        let now = is(words, begins, &["please"]);
        begins = begins.saturating_add(usize::from(now));
        please |= now;
    }
    if !is(words, begins, &COMMANDS) || words.get(begins).is_some_and(|word| word.comma) {
        return false;
    }
    while let Some((last, rest)) = words.split_last().filter(|(last, rest)| last.text == "please" && rest.len() >= begins.saturating_add(2))
    {
        let (Some(before), commas) = (rest.last(), rest.iter().skip(begins).filter(|word| word.comma).count()) else { break };
        let spoken_of = BETWEEN.contains(&before.text.as_str()) || last.comma;
        let parted = before.comma && commas == 1;
        let plainly = commas == 0 && !rest.iter().any(|word| SUBORDINATE.contains(&word.text.as_str()));
        if spoken_of || !(parted || plainly) {
            break;
        }
        words.pop();
        if let Some(last) = words.last_mut() {
            last.comma = false;
        }
        please = true;
    }
    if asks && !please && !(sure && asks_for_it(words.get(begins..).unwrap_or_default())) {
        return false;
    }
    words.drain(..begins.min(words.len()));
    asks
}

/// Whether "can you …" asks for the thing. Most of the time it does, but "can you make a living by it" asks of the world, so this takes only
/// what cannot be meant so.
fn asks_for_it(words: &[Word]) -> bool {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    if texts.iter().any(|text| ABILITY.contains(text)) {
        return false;
    }
    match texts.as_slice() {
        [verb, "me", _, ..] => FAVOURS.contains(verb),
        ["explain" | "describe", "how" | "why" | "what", _, ..] | ["explain" | "describe", "the", "difference", _, ..] => true,
        ["write" | "draft" | "compose" | "create" | "generate", rest @ ..] => {
            let rest = rest.strip_prefix(&["a"]).or_else(|| rest.strip_prefix(&["an"])).unwrap_or(rest);
            let mut rest = rest.iter().skip_while(|text| QUALITIES.contains(text));
            rest.next().is_some_and(|text| MADE.contains(text)) && rest.next() == Some(&"about") && rest.next().is_some()
        }
        _ => false,
    }
}

/// Takes articles where a missing one can be read in one way only: "a" before what is to be made, and "the" before what there is one of.
/// Elsewhere "a", "the" and none are three things: "what is time" and "what is the time".
fn take_articles(words: &mut Vec<Word>) {
    let texts: Vec<&str> = words.iter().map(|word| if word.comma { "" } else { word.text.as_str() }).collect();
    let Some((first, rest)) = texts.split_first() else { return };
    let listener = usize::from(rest.first().is_some_and(|text| ["me", "us"].contains(text)));
    let place = listener.saturating_add(1);
    let behind = rest.get(listener..).unwrap_or_default();
    let one_of = |behind: &[&str]| matches!(behind, ["the", noun, "of" | "between", _, ..] if ONE_OF.contains(noun));
    let gone = match (*first, behind) {
        (verb, ["a" | "an", made @ ..]) => {
            // "Make me a plan" and "make me plan" are two things, and so are "give me a title" and "give me title".
            let known: &[&str] = match (verb, listener) {
                ("give" | "tell", 1) => &TOLD,
                ("make", 0) => &["list", "plan", "schedule", "checklist"],
                _ if MAKING.contains(&verb) => &MADE,
                _ => &[],
            };
            let count = made.iter().take_while(|text| QUALITIES.contains(text)).count();
            // The noun may have a comma.
            let noun = words.get(place.saturating_add(1).saturating_add(count));
            noun.is_some_and(|noun| known.contains(&noun.text.as_str())).then_some(place)
        }
        (verb, behind) if COMMANDS.contains(&verb) && one_of(behind) => Some(place),
        ("what" | "who" | "where" | "which", ["is" | "are" | "was" | "were", behind @ ..]) => {
            let most = matches!(behind, ["the", most, noun, ..] if MOST.contains(most) && RANKED.contains(noun));
            (most || one_of(behind)).then_some(2)
        }
        _ => None,
    };
    if let Some(gone) = gone.filter(|gone| *gone < words.len()) {
        words.remove(gone);
    }
}

/// Whether the words alone tell that it is a question, so that its mark says no more. "You are going?" is one by its mark alone.
fn is_question(words: &[Word]) -> bool {
    if words.iter().any(|word| word.comma) {
        return false;
    }
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let auxiliary = |text: &&str| AUXILIARIES.contains(text);
    let later = |from: usize| texts.iter().skip(from).any(|text| auxiliary(text) || *text == "cannot" || *text == "not");
    match texts.as_slice() {
        // "Should you need help" is a condition, and so is "were they here".
        ["should", "you", ..] | ["were", "i" | "they" | "we" | "he" | "she", ..] | ["had", ..] => false,
        ["is" | "was", "it" | "this" | "that", _, ..] | ["are" | "were", "these" | "those", _, ..] => true,
        [first, second, _, ..] if auxiliary(first) && SUBJECTS.contains(second) => true,
        // "What is done is done" tells; what has its subject behind the verb asks.
        ["what" | "who", second, third] if auxiliary(second) => !auxiliary(third) && *third != "not",
        ["what" | "who", second, third, ..] if auxiliary(second) => {
            let subject =
                SUBJECTS.contains(third) || DETERMINERS.contains(third) || ONE_OF.contains(third) || MOST.contains(third) || *third == "it";
            subject && *third != "not" && !later(3)
        }
        ["who", verb, _, ..] if DID.contains(verb) => !later(2),
        ["where" | "when" | "why" | "how", second, _, ..] if auxiliary(second) => true,
        ["how", "to", _, ..] => true,
        ["how", "many" | "much", rest @ ..] => rest.windows(2).any(|pair| {
            let [verb, subject] = pair else { return false };
            auxiliary(verb) && (SUBJECTS.contains(subject) || ["in", "it", "a", "an", "the"].contains(subject))
        }),
        ["which", noun, rest @ ..] => !auxiliary(noun) && rest.iter().any(auxiliary),
        _ => false,
    }
}
