//! Data of the kinds that the GDPR protects in particular: its Article 9, and 10 for offences. What is of such a kind is not used, even when it is
//! given. English words only: what other languages say of the same is not known here.

use crate::content::facts::folded;

/// Words and pairs of words, each with its kind, in the order of bytes.
const WORDS: [(&str, &str); 162] = [
    ("aboriginal", "ethnicity"),
    ("abortion", "health"),
    ("addiction", "health"),
    ("adhd", "health"),
    ("african american", "ethnicity"),
    ("agnostic", "religion"),
    ("aids", "health"),
    ("alcoholic", "health"),
    ("alzheimer", "health"),
    ("anorexia", "health"),
    ("antidepressant", "health"),
    ("antidepressants", "health"),
    ("anxiety", "health"),
    ("arrested", "crime"),
    ("asexual", "sexuality"),
    ("asthma", "health"),
    ("atheism", "religion"),
    ("atheist", "religion"),
    ("autism", "health"),
    ("autistic", "health"),
    ("bible", "religion"),
    ("biden", "politics"),
    ("biometric", "biometrics"),
    ("biometrics", "biometrics"),
    ("bipolar", "health"),
    ("bisexual", "sexuality"),
    ("blood pressure", "health"),
    ("brexit", "politics"),
    ("buddhism", "religion"),
    ("buddhist", "religion"),
    ("bulimia", "health"),
    ("cancer", "health"),
    ("catholic", "religion"),
    ("caucasian", "ethnicity"),
    ("chemo", "health"),
    ("chemotherapy", "health"),
    ("christian", "religion"),
    ("christianity", "religion"),
    ("chronic pain", "health"),
    ("church", "religion"),
    ("coming out", "sexuality"),
    ("communist", "politics"),
    ("convicted", "crime"),
    ("criminal", "crime"),
    ("criminal record", "crime"),
    ("dementia", "health"),
    ("democrat", "politics"),
    ("democrats", "politics"),
    ("depressed", "health"),
    ("depression", "health"),
    ("diabetes", "health"),
    ("diabetic", "health"),
    ("diagnosed", "health"),
    ("diagnosis", "health"),
    ("disability", "health"),
    ("disabled", "health"),
    ("disease", "health"),
    ("dna", "biometrics"),
    ("election", "politics"),
    ("elections", "politics"),
    ("epilepsy", "health"),
    ("ethnic", "ethnicity"),
    ("ethnicity", "ethnicity"),
    ("evangelical", "religion"),
    ("face scan", "biometrics"),
    ("faceprint", "biometrics"),
    ("faith", "religion"),
    ("felon", "crime"),
    ("felony", "crime"),
    ("fertility", "health"),
    ("gay", "sexuality"),
    ("gender identity", "sexuality"),
    ("genetic", "biometrics"),
    ("genetics", "biometrics"),
    ("genome", "biometrics"),
    ("green party", "politics"),
    ("health", "health"),
    ("hepatitis", "health"),
    ("heterosexual", "sexuality"),
    ("hindu", "religion"),
    ("hinduism", "religion"),
    ("hispanic", "ethnicity"),
    ("hiv", "health"),
    ("homosexual", "sexuality"),
    ("illness", "health"),
    ("insulin", "health"),
    ("islam", "religion"),
    ("islamic", "religion"),
    ("ivf", "health"),
    ("jail", "crime"),
    ("jew", "religion"),
    ("jewish", "religion"),
    ("judaism", "religion"),
    ("labor union", "union"),
    ("labour party", "politics"),
    ("labour union", "union"),
    ("latina", "ethnicity"),
    ("latino", "ethnicity"),
    ("left wing", "politics"),
    ("lesbian", "sexuality"),
    ("lgbt", "sexuality"),
    ("lgbtq", "sexuality"),
    ("lgbtqia", "sexuality"),
    ("marxist", "politics"),
    ("medical condition", "health"),
    ("medication", "health"),
    ("mental health", "health"),
    ("miscarriage", "health"),
    ("mormon", "religion"),
    ("mosque", "religion"),
    ("muslim", "religion"),
    ("native american", "ethnicity"),
    ("nonbinary", "sexuality"),
    ("obese", "health"),
    ("obesity", "health"),
    ("parole", "crime"),
    ("political", "politics"),
    ("political party", "politics"),
    ("politician", "politics"),
    ("politics", "politics"),
    ("pregnancy", "health"),
    ("pregnant", "health"),
    ("prescription", "health"),
    ("prison", "crime"),
    ("probation", "crime"),
    ("protestant", "religion"),
    ("psychiatrist", "health"),
    ("psychotherapy", "health"),
    ("ptsd", "health"),
    ("queer", "sexuality"),
    ("quran", "religion"),
    ("ramadan", "religion"),
    ("rehab", "health"),
    ("religion", "religion"),
    ("religious", "religion"),
    ("republican", "politics"),
    ("republicans", "politics"),
    ("right wing", "politics"),
    ("romani", "ethnicity"),
    ("schizophrenia", "health"),
    ("sex life", "sexuality"),
    ("sexual", "sexuality"),
    ("sexual orientation", "sexuality"),
    ("sexuality", "sexuality"),
    ("sikh", "religion"),
    ("skin color", "ethnicity"),
    ("skin colour", "ethnicity"),
    ("socialist", "politics"),
    ("surgery", "health"),
    ("synagogue", "religion"),
    ("therapist", "health"),
    ("trade union", "union"),
    ("transgender", "sexuality"),
    ("tumor", "health"),
    ("tumour", "health"),
    ("union member", "union"),
    ("union membership", "union"),
    ("unionmember", "union"),
    ("unionmembership", "union"),
    ("voter", "politics"),
    ("voters", "politics"),
    ("wheelchair", "health"),
];

/// The same, in names of attributes only: as values they mean other things more often.
const NAMES: [(&str, &str); 20] = [
    ("belief", "religion"),
    ("beliefs", "religion"),
    ("bmi", "health"),
    ("color", "ethnicity"),
    ("colour", "ethnicity"),
    ("condition", "health"),
    ("medical", "health"),
    ("nationality", "ethnicity"),
    ("offences", "crime"),
    ("offenses", "crime"),
    ("orientation", "sexuality"),
    ("party", "politics"),
    ("race", "ethnicity"),
    ("record", "crime"),
    ("sex", "sexuality"),
    ("skin", "ethnicity"),
    ("union", "union"),
    ("vote", "politics"),
    ("votes", "politics"),
    ("weight", "health"),
];

fn kind(table: &'static [(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    let place = table.binary_search_by(|(known, _)| (*known).cmp(word)).ok()?;
    table.get(place).map(|(_, kind)| *kind)
}

/// The kinds of protected data that a text speaks of, each once.
pub fn of_text(text: &str) -> Vec<&'static str> {
    let folded = folded(text);
    let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    let mut found: Vec<&'static str> = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let pair = words.get(place.saturating_add(1)).map(|next| format!("{word} {next}"));
        for kind in [kind(&WORDS, word), pair.and_then(|pair| kind(&WORDS, &pair))].into_iter().flatten() {
            if !found.contains(&kind) {
                found.push(kind);
            }
        }
    }
    found
}

/// The first of them.
pub fn first(text: &str) -> Option<&'static str> {
    of_text(text).first().copied()
}

/// The kind of protected data that an attribute is by its name, if it is one: `bloodPressure` and `blood_pressure` are one name.
pub fn of_name(name: &str) -> Option<&'static str> {
    let mut apart = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_uppercase() && apart.ends_with(char::is_lowercase) {
            apart.push(' ');
        }
        apart.push(character);
    }
    first(&apart).or_else(|| folded(&apart).split(' ').find_map(|word| kind(&NAMES, word)))
}
