//! What a model has written, read whatever shape it is in, and judged: mended where that is safe, and told what is wrong otherwise.

use serde_json::Value;

use super::brand::Brand;
use super::compose::{Composed, Frame, cleaned, compose, enforced};
use super::facts::{Kind as FactKind, facts, invented, lost};
use super::order::Order;
use super::person::privacy;
use super::platform::{Platform, Rules};
use super::prompt;
use super::sentences::shortened;
use super::wording::score;
use crate::edge::language::{UNKNOWN, detect};

/// A place in an answer: one text that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its key in the answer.
    pub key: String,
    /// The platform, where it is for one.
    pub platform: Option<Platform>,
    /// Which variant, from 1.
    pub variant: usize,
    /// What is to be rewritten, adapted or judged; empty where something new is written.
    pub source: String,
}

/// What was written in a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The text.
    pub text: String,
    /// Hashtags, or reasons.
    pub list: Vec<String>,
    /// A score.
    pub number: Option<f64>,
}

/// What is wrong with a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For programs.
    pub code: &'static str,
    /// For the model, which is asked once more.
    pub words: String,
}

/// What a draft is worth.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// It is what was asked for.
    Good(Draft),
    /// Code can make something right of it, though asking once more may bring something better.
    Usable(Draft, Fault),
    /// It is of no use.
    Useless(Fault),
}

pub(super) fn useless(code: &'static str, words: impl Into<String>) -> Judged {
    Judged::Useless(Fault { code, words: words.into() })
}

/// What stands in an answer for a place, if anything does.
pub fn draft(answer: &Value, slots: &[Slot], slot: &Slot) -> Option<Draft> {
    let mended = answer.as_str().and_then(mended);
    let answer = mended.as_ref().unwrap_or(answer);
    let alone =
        || Some(answer).filter(|answer| slots.len() == 1 && ["text", "score", "spoken"].iter().any(|name| answer.get(name).is_some()));
    let within = || {
        // One wrapping more, or a list in the order of the places.
        let inner = answer.as_object().filter(|fields| fields.len() == 1)?.values().next()?;
        let place = slots.iter().position(|other| other.key == slot.key)?;
        inner
            .get(&slot.key)
            .or_else(|| inner.get(place))
            .or_else(|| Some(inner).filter(|inner| slots.len() == 1 && inner.get("text").is_some()))
    };
    let found = answer.get(&slot.key).or_else(alone).or_else(within)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = |names: &[&str]| names.iter().find_map(|name| found.get(*name));
    let list = match named(&["hashtags", "reasons"]) {
        // What a scene shows, in this order.
        None if found.get("spoken").is_some() => ["visual", "caption"].map(|name| named(&[name]).and_then(text).unwrap_or_default()).into(),
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        Some(Value::String(words)) => words.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let number = named(&["score", "image"]).and_then(|score| score.as_f64().or_else(|| score.as_str()?.trim().parse().ok()));
    let said = text(found).or_else(|| named(&["spoken", "text", "post", "content", "caption"]).and_then(text));
    Some(Draft { text: said.unwrap_or_default(), list, number: number.filter(|number| number.is_finite()) })
}

/// The first JSON object of a text, with what is broken in it mended: what stands around it, line ends within strings, commas before an
/// end, and an end that is missing.
pub fn mended(text: &str) -> Option<Value> {
    #[derive(Clone, Copy, PartialEq)]
    enum Awaits {
        Key,
        Colon,
        Value,
        Comma,
    }
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<(char, Awaits)> = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    // What is neither a string nor a mark: a number or a name, from where it begins in `out`.
    let mut bare: Option<usize> = None;
    let is_whole =
        |word: &str| matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok_and(f64::is_finite) && !word.ends_with('.');
    let end_bare = |out: &mut String, bare: &mut Option<usize>| {
        if let Some(start) = bare.take()
            && !out.get(start..).is_some_and(is_whole)
        {
            out.truncate(start);
            out.push_str("null");
        }
    };
    for character in text.get(text.find('{')?..)?.chars() {
        if in_string {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                '\n' => {
                    out.push_str("\\n");
                    continue;
                }
                control if control.is_control() => continue,
                _ => {}
            }
            out.push(character);
            if let (false, Some(top)) = (in_string, open.last_mut()) {
                top.1 = if top.1 == Awaits::Key { Awaits::Colon } else { Awaits::Comma };
            }
            continue;
        }
        if character.is_whitespace() || matches!(character, '{' | '[' | '}' | ']' | ',' | ':' | '"') {
            end_bare(&mut out, &mut bare);
        }
        match character {
            '"' => in_string = true,
            '{' | '[' => {
                if let Some(top) = open.last_mut() {
                    top.1 = Awaits::Comma;
                }
                open.push((character, if character == '{' { Awaits::Key } else { Awaits::Value }));
            }
            '}' | ']' => {
                out.truncate(out.trim_end_matches([',', ' ']).len());
                open.pop()?;
                if open.is_empty() {
                    out.push(character);
                    return serde_json::from_str(&out).ok();
                }
            }
            ',' => {
                if let Some(top) = open.last_mut() {
                    top.1 = if top.0 == '{' { Awaits::Key } else { Awaits::Value };
                }
            }
            ':' => {
                if let Some(top) = open.last_mut() {
                    top.1 = Awaits::Value;
                }
            }
            space if space.is_whitespace() => continue,
            _ if bare.is_none() => {
                bare = Some(out.len());
                if let Some(top) = open.last_mut() {
                    top.1 = Awaits::Comma;
                }
            }
            _ => {}
        }
        out.push(character);
    }
    // It broke off: what is open is closed.
    if in_string {
        if escaped {
            out.pop();
        }
        // Half of an escape of four digits.
        if let Some(at) = out.rfind("\\u").filter(|at| out.len().saturating_sub(*at) < 6) {
            out.truncate(at);
        }
        out.push('"');
        if let Some(top) = open.last_mut() {
            top.1 = if top.1 == Awaits::Key { Awaits::Colon } else { Awaits::Comma };
        }
    }
    end_bare(&mut out, &mut bare);
    match open.last()?.1 {
        Awaits::Colon => out.push_str(":null"),
        Awaits::Value if out.ends_with(':') => out.push_str("null"),
        _ => out.truncate(out.trim_end_matches(',').len()),
    }
    for (opening, _) in open.iter().rev() {
        out.push(if *opening == '{' { '}' } else { ']' });
    }
    serde_json::from_str(&out).ok()
}

/// Whether a text is surely in another language than the wanted one.
pub fn is_foreign(text: &str, wanted: &str) -> bool {
    let base = |code: &str| {
        let code = code.split('-').next().unwrap_or_default().to_ascii_lowercase();
        // Norwegian has two names.
        if code == "no" { "nb".to_owned() } else { code }
    };
    let found = detect(text);
    found.code != UNKNOWN
        && found.confidence >= 0.8
        && text.chars().filter(|character| character.is_alphabetic()).take(20).count() == 20
        && base(found.code) != base(wanted)
}

/// Beginnings of refusals, and of what a model says of itself.
const REFUSALS: [&str; 10] = [
    "i'm sorry",
    "i’m sorry",
    "i am sorry",
    "sorry, but i",
    "i can't",
    "i can’t",
    "i cannot",
    "i'm unable",
    "as an ai",
    "as a language model",
];

fn refuses(text: &str) -> bool {
    let start: String = text.chars().take(60).flat_map(char::to_lowercase).collect();
    let about_itself = ["help", "assist", "comply", "ai", "language model", "fulfill", "provide", "request"];
    REFUSALS.iter().any(|refusal| start.starts_with(refusal)) && about_itself.iter().any(|word| text.to_lowercase().contains(word))
}

/// Links of a text that nobody has given.
pub(super) fn strange_links(text: &str, given: &str) -> Vec<String> {
    invented(given, text).into_iter().filter(|fact| fact.kind == FactKind::Link).map(|fact| fact.text).collect()
}

/// What must hold for every draft. The draft comes back without what can be taken out.
pub(super) fn sound(order: &Order, brand: Option<&Brand>, draft: Draft, given: &str) -> Result<(Draft, Option<Fault>), Judged> {
    let mut text = cleaned(&draft.text);
    if text.is_empty() {
        return Err(useless("missing", "it is missing or empty"));
    }
    if prompt::reveals(&text) {
        return Err(useless("instructions_revealed", "it repeats how you were told to work"));
    }
    if refuses(&text) {
        return Err(useless("refused", "it is not the text that was asked for"));
    }
    let mut fault = None;
    let strange = strange_links(&text, given);
    if !strange.is_empty() {
        for link in &strange {
            text = text.replace(link.as_str(), "");
        }
        text = cleaned(&text.replace("  ", " "));
        fault = Some(Fault { code: "invented_link", words: "it has a link that is not in the order".to_owned() });
    }
    if brand.is_some_and(|brand| brand.banned_in(&text).is_some()) {
        fault = Some(Fault { code: "banned_word", words: "it has a word that the brand never says (`never_say`)".to_owned() });
    }
    let languages = brand.map_or(&[][..], |brand| &brand.languages);
    if let Some(wanted) = order.wanted_language(languages).filter(|wanted| is_foreign(&text, wanted)) {
        fault = Some(Fault { code: "wrong_language", words: format!("it must be in the language `{wanted}`") });
    }
    if text.is_empty() || enforced(brand, &text).is_empty() {
        return Err(useless("missing", "nothing is left of it without what it must not have"));
    }
    Ok((Draft { text, ..draft }, fault))
}

fn graded(draft: Draft, fault: Option<Fault>) -> Judged {
    match fault {
        Some(fault) => Judged::Usable(draft, fault),
        None => Judged::Good(draft),
    }
}

/// Judges a new post.
pub fn written(order: &Order, rules: &Rules, frame: Frame<'_>, draft: Option<Draft>) -> Judged {
    let Some(draft) = draft else { return useless("missing", "it is missing") };
    let given = [order.given(frame.brand).as_str(), &frame.links.join(" ")].join(" ");
    match sound(order, frame.brand, draft, &given) {
        Err(judged) => judged,
        Ok((draft, fault)) => {
            let composed = compose(rules, &draft.text, &draft.list, frame);
            let long = composed.shortened.then(|| too_long(rules));
            graded(draft, fault.or(long))
        }
    }
}

fn too_long(rules: &Rules) -> Fault {
    Fault {
        code: "too_long",
        words: format!("it is too long: with links and hashtags {} takes {} characters", rules.platform.name(), rules.limit),
    }
}

/// What of the source an adaptation must have: all of it, but what its own tracking adds.
pub(super) fn unfaithful(source: &str, whole: &str, given: &str) -> Option<Fault> {
    let missing = lost(source, whole);
    let names =
        |facts: &[super::facts::Fact]| facts.iter().take(8).map(|fact| format!("`{}`", fact.text)).collect::<Vec<String>>().join(", ");
    if !missing.is_empty() {
        return Some(Fault { code: "facts_lost", words: format!("it must have {}, which the text has", names(&missing)) });
    }
    let added = invented(given, whole);
    (!added.is_empty()).then(|| Fault { code: "facts_invented", words: format!("it has {}, which the text has not", names(&added)) })
}

/// Judges a text that was adapted to a platform: its facts survive, and it stays in its language.
pub fn adapted(order: &Order, rules: &Rules, frame: Frame<'_>, draft: Option<Draft>) -> Judged {
    let Some(draft) = draft else { return useless("missing", "it is missing") };
    let source = order.subject.as_str();
    let person = order.person.as_ref().map(super::person::Person::given).unwrap_or_default();
    let given = [source, &frame.links.join(" "), &person].join("\n");
    let (draft, fault) = match sound(order, frame.brand, draft, &given) {
        Err(judged) => return judged,
        Ok(sound) => sound,
    };
    if let Some(fault) = fault.filter(|fault| fault.code == "wrong_language") {
        return Judged::Useless(fault);
    }
    if let Some(fault) = translated(order, source, &draft.text) {
        return Judged::Useless(fault);
    }
    let composed = compose(rules, &draft.text, &draft.list, frame);
    // Hashtags are no names of the source, and those that were offered are no inventions.
    match unfaithful(source, &composed.whole(), &[given.as_str(), &composed.hashtags(rules).join(" "), &frame.hashtags.join(" ")].join(" "))
    {
        Some(fault) => Judged::Useless(fault),
        None if composed.shortened => Judged::Useless(too_long(rules)),
        None => Judged::Good(draft),
    }
}

/// A text that was to stay in its language, and has not.
pub(super) fn translated(order: &Order, source: &str, text: &str) -> Option<Fault> {
    let own = detect(source);
    let stays = order.language.is_none() && own.code != UNKNOWN && own.confidence >= 0.8;
    (stays && is_foreign(text, own.code))
        .then(|| Fault { code: "wrong_language", words: format!("it must stay in the language `{}`", own.code) })
}

/// Judges a text in other words: its facts survive, it stays in its language, and reads no worse than before.
pub fn rewritten(order: &Order, brand: Option<&Brand>, source: &str, draft: Option<Draft>) -> Judged {
    let Some(draft) = draft else { return useless("missing", "it is missing") };
    let draft = match sound(order, brand, draft, source) {
        Err(judged) => return judged,
        Ok((_, Some(fault))) if fault.code != "banned_word" => return Judged::Useless(fault),
        Ok((draft, _)) => draft,
    };
    let text = enforced(brand, &draft.text);
    if let Some(fault) = translated(order, source, &text) {
        return Judged::Useless(fault);
    }
    if let Some(fault) = unfaithful(source, &text, source) {
        return Judged::Useless(fault);
    }
    if score(&text) > score(source) {
        return useless("reads_worse", "it has more stock phrases, dashes or even sentences than the text");
    }
    if let Some(fault) = order.person.as_ref().and_then(|_| privacy::fault(&[order.given(brand).as_str(), source].join("\n"), &text)) {
        return Judged::Useless(fault);
    }
    Judged::Good(Draft { text, ..draft })
}

/// Judges a post for one person: as one from an instruction or a text, and it knows nothing of the person that was not given.
pub fn personal(order: &Order, rules: &Rules, frame: Frame<'_>, draft: Option<Draft>) -> Judged {
    let given = [order.given(frame.brand).as_str(), &frame.links.join("\n"), &frame.hashtags.join("\n")].join("\n");
    let draft = draft.map(|draft| Draft { text: privacy::without_strange_hashtags(&given, &draft.text), ..draft });
    let judged = if order.from_text { adapted(order, rules, frame, draft) } else { written(order, rules, frame, draft) };
    let known = |mut draft: Draft| match privacy::fault(&given, &draft.text) {
        Some(fault) => Err(Judged::Useless(fault)),
        None => {
            let whole = format!("{given}\n{}", draft.text);
            draft.list.retain(|tag| privacy::is_known_tag(&whole, tag));
            Ok(draft)
        }
    };
    match judged {
        Judged::Good(draft) => known(draft).map_or_else(|judged| judged, Judged::Good),
        Judged::Usable(draft, fault) => known(draft).map_or_else(|judged| judged, |draft| Judged::Usable(draft, fault)),
        useless @ Judged::Useless(_) => useless,
    }
}

/// Judges the alternative text of a picture, of so many characters at the most.
pub fn described(order: &Order, brand: Option<&Brand>, room: usize, draft: Option<Draft>) -> Judged {
    let Some(draft) = draft else { return useless("missing", "it is missing") };
    let judged = sound(order, brand, draft, &order.given(brand));
    let (draft, fault) = match judged {
        Err(judged) => return judged,
        Ok(sound) => sound,
    };
    let text = enforced(brand, &draft.text).replace('\n', " ");
    let long = (text.chars().count() > room)
        .then(|| Fault { code: "too_long", words: format!("an alternative text has {room} characters at the most") });
    graded(Draft { text: shortened(&text, room), ..draft }, fault.or(long))
}

/// Judges a score with its reasons.
pub fn scored(draft: Option<Draft>) -> Judged {
    const MOST_REASONS: usize = 5;
    let Some(draft) = draft else { return useless("missing", "it is missing") };
    let Some(number) = draft.number.filter(|number| (0.0..=100.0).contains(number)) else {
        return useless("missing", "`score` must be a number from 0 to 100");
    };
    let kept = |reason: &String| {
        let reason: String = cleaned(reason).replace('\n', " ").chars().take(240).collect();
        (!reason.is_empty() && !prompt::reveals(&reason)).then_some(reason)
    };
    let reasons: Vec<String> = draft.list.iter().filter_map(kept).take(MOST_REASONS).collect();
    if reasons.is_empty() {
        return useless("missing", "`reasons` must say why");
    }
    Judged::Good(Draft { text: String::new(), list: reasons, number: Some(number) })
}

/// What a post says when no model has written one: the order's own words, without the order in them.
pub fn stand_in(order: &Order) -> String {
    let subject = cleaned(&order.subject);
    if order.from_text {
        return subject;
    }
    const ABOUT: [&str; 9] =
        [" about ", " on the topic of ", " announcing ", " saying that ", " that says ", " promoting ", " for ", " on ", ": "];
    const VERBS: [&str; 10] = ["write", "create", "make", "draft", "compose", "generate", "prepare", "post", "tweet", "please"];
    let lower = subject.to_lowercase();
    let orders = VERBS.iter().any(|verb| lower.starts_with(verb));
    // Places in lower case are those of the text as long as no letter changes its length; where one does, the whole is kept.
    let start = ABOUT.iter().filter_map(|about| lower.find(about).map(|at| at.saturating_add(about.len()))).min();
    let topic =
        start.filter(|at| orders && *at < 80 && lower.len() == subject.len()).and_then(|at| subject.get(at..)).unwrap_or(&subject).trim();
    let topic = if topic.is_empty() { subject.as_str() } else { topic };
    let mut characters = topic.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A text for a platform without a model: as it is where it fits, else in a thread, else cut. The facts that a cut has lost.
pub fn by_rule(rules: &Rules, text: &str, frame: Frame<'_>) -> (Composed, Vec<String>) {
    let composed = compose(rules, text, &[], frame);
    let missing = if composed.shortened { lost(text, &composed.whole()) } else { Vec::new() };
    (composed, missing.into_iter().map(|fact| fact.text).collect())
}

/// How many facts a text has.
pub fn fact_count(text: &str) -> usize {
    facts(text).len()
}
