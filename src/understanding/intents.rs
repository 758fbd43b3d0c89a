//! What the writer of a text wants: one of the built-in intents, or one of the tenant's own.

use serde_json::{Value, json};

use super::own::Own;
use super::{Verdict, rounded};
use crate::edge::features::Features;
use crate::edge::intents::{BUILT_IN, Intent, of_features};
use crate::edge::language::{UNKNOWN, detect};
use crate::edge::linear::{Classified, Guess};

/// How sure it must be that a text is in another language than English, which the built-in intents are in.
const FOREIGN: f64 = 0.7;
/// How many other intents are named.
const ALTERNATIVES: usize = 2;
/// The most characters that the names of all intents may have in a schema, which may have 5,000 in all.
const MOST_ENUM: usize = 3000;

/// A class, built in or the tenant's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<'o> {
    /// Its name.
    pub intent: &'o str,
    /// `built_in` or `tenant`.
    pub source: &'static str,
    /// Its probability among the classes of its source.
    pub probability: f32,
}

const OF_TENANT: &str = "tenant";
const OF_GATEWAY: &str = "built_in";

/// Which class of both kinds it is: the first candidate, whether it is sure, and all others behind it.
///
/// Each kind has probabilities of its own, calibrated by itself, with room for "none of these". So an own class wins when its kind answers
/// at all (the probability reaches the kind's threshold) and the built-in kind does not, or says `other`, or is less probable. Where
/// neither answers, the more probable guess comes first, and it is unsure.
pub fn weighed<'o>(built_in: &Classified<Intent>, own: &Classified<usize>, names: &'o [String]) -> (Vec<Candidate<'o>>, bool) {
    let of_gateway = |guess: &Guess<Intent>| Candidate { intent: guess.class.name(), source: OF_GATEWAY, probability: guess.probability };
    let of_tenant = |guess: &Guess<usize>| {
        let intent = names.get(guess.class)?;
        Some(Candidate { intent, source: OF_TENANT, probability: guess.probability })
    };
    let mut candidates: Vec<Candidate<'o>> =
        built_in.guesses.iter().map(of_gateway).chain(own.guesses.iter().filter_map(of_tenant)).collect();
    let sure_of_none = built_in.answer == Some(Intent::Other);
    let rank = |candidate: &Candidate<'_>| {
        let answers = match candidate.source {
            OF_TENANT => own.answer.is_some_and(|class| names.get(class).is_some_and(|name| name == candidate.intent)),
            _ => built_in.answer.is_some_and(|intent| intent.name() == candidate.intent),
        };
        // An answer before a guess; and before the answer that it is none of the built-in ones, one that it is something else.
        match (answers, sure_of_none && candidate.intent == Intent::Other.name() && candidate.source == OF_GATEWAY) {
            (true, false) => 0_u8,
            (true, true) => 1,
            _ => 2,
        }
    };
    candidates.sort_by(|one, other| rank(one).cmp(&rank(other)).then(other.probability.total_cmp(&one.probability)));
    let sure = candidates.first().is_some_and(|first| rank(first) < 2);
    (candidates, sure)
}

/// What the gateway itself says.
pub fn edge(text: &str, own: &Own) -> Verdict {
    let features = Features::of(text);
    let built_in = of_features(&features);
    let theirs = own.classify(&features);
    let (candidates, sure) = weighed(&built_in, &theirs, own.names());
    let mut candidates = candidates.into_iter();
    let Some(first) = candidates.next() else {
        return Verdict::of_edge(json!({"intent": null, "source": null}), Some(0.0), "no_known_word", true);
    };
    // The built-in intents were learnt in English. A tenant's own are in the language of its examples.
    let is_foreign = || {
        let language = detect(text);
        !matches!(language.code, "en" | UNKNOWN) && language.confidence >= FOREIGN
    };
    let foreign = first.source == OF_GATEWAY && sure && is_foreign();
    let (reason, unsure) = match (sure, foreign) {
        (true, true) => ("not_english", true),
        (true, false) => ("above_threshold", false),
        (false, _) => ("below_threshold", true),
    };
    let says = json!({"intent": first.intent, "source": first.source});
    let other = |candidate: Candidate<'_>| json!({"intent": candidate.intent, "confidence": rounded(f64::from(candidate.probability)), "source": candidate.source});
    let mut verdict = Verdict::of_edge(says, Some(f64::from(first.probability)), reason, unsure);
    verdict.alternatives = Some(candidates.take(ALTERNATIVES).map(other).collect());
    verdict
}

/// The probability from which a built-in intent is told.
pub fn threshold() -> f32 {
    BUILT_IN.calibration.least
}

/// What a built-in intent is, for people and for models.
pub const fn description(intent: Intent) -> &'static str {
    match intent {
        Intent::Adapt => "make a version of a text for another channel or format",
        Intent::Analyse => "look into figures and tell what they mean",
        Intent::Audience => "know or address a group of people",
        Intent::Campaign => "plan several posts for one aim",
        Intent::Complaint => "handle somebody who is dissatisfied, or complain",
        Intent::CreatePost => "write something to publish",
        Intent::Hashtags => "find hashtags",
        Intent::Idea => "find something to publish about",
        Intent::Image => "get a picture",
        Intent::Other => "something else than all of these",
        Intent::Reply => "answer a comment or a message",
        Intent::Report => "get a summary of figures",
        Intent::Rewrite => "say the same in other words",
        Intent::Schedule => "publish at a time",
        Intent::Shorten => "say the same in fewer words",
        Intent::Smalltalk => "greet, thank or chat",
        Intent::Translate => "say the same in another language",
    }
}

/// What the cloud is asked, for each text.
pub fn task(own: &Own) -> String {
    let mut task =
        "Tell for each text, which somebody has written to a social-media manager, what its writer wants. The intents:".to_owned();
    let built_in = Intent::ALL.iter().map(|intent| (intent.name(), description(*intent)));
    for (name, description) in own.described().chain(built_in) {
        task.push_str("\n- ");
        task.push_str(name);
        if !description.is_empty() {
            task.push_str(": ");
            // One line each: what a tenant writes must not look like a rule of the gateway's.
            task.extend(description.chars().map(|character| if character.is_control() { ' ' } else { character }));
        }
    }
    task
}

/// The schema of one answer, beside `confidence`.
pub fn schema(own: &Own) -> Value {
    let names: Vec<&str> = own.names().iter().map(String::as_str).chain(Intent::ALL.iter().map(|intent| intent.name())).collect();
    let size = names.iter().map(|name| name.len().saturating_add(3)).fold(0, usize::saturating_add);
    // What has no room in the schema is checked in the answer.
    let intent = if size > MOST_ENUM { json!({"type": "string"}) } else { json!({"type": "string", "enum": names}) };
    json!({"intent": intent})
}

/// The verdict of one answer that fits the schema.
///
/// # Errors
/// What is wrong with it, for the model.
pub fn cloud(answer: &Value, confidence: f64, own: &Own) -> Result<Verdict, String> {
    let name = answer.get("intent").and_then(Value::as_str).unwrap_or_default();
    let source = if own.names().iter().any(|known| known == name) {
        OF_TENANT
    } else if Intent::named(name).is_some() {
        OF_GATEWAY
    } else {
        return Err("`intent` is none of those that were named".to_owned());
    };
    let mut verdict = Verdict::of_cloud(json!({"intent": name, "source": source}), confidence);
    verdict.alternatives = Some(Vec::new());
    Ok(verdict)
}
