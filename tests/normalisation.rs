//! Safe normalisation: spellings of one question share an entry, and questions that mean different things never do.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    missing_docs,
    reason = "tests may"
)]

mod support;

use std::collections::HashSet;

use maya_edge::cache::key::{CacheKey, Scope, of_normalised, of_request};
use maya_edge::cache::normal::{normal, permits};
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Dice, cases};

/// Spellings of one question each: what the rules are for.
const SAME: [&[&str]; 34] = [
    // Capitals, spaces, the mark at the end.
    &[
        "What is the capital of France?",
        "what is the capital of france",
        "  what  is the capital of France ",
        "what is capital of France??",
    ],
    &["Explain photosynthesis.", "explain photosynthesis", "Explain photosynthesis!", "Explain   photosynthesis"],
    &["Who wrote Hamlet?", "who wrote Hamlet"],
    &["Is it safe to eat raw eggs?", "is it safe to eat raw eggs"],
    &["How do I cook rice?", "how do i cook rice"],
    &["Which planet is the largest?", "which planet is the largest"],
    &["How many days are in a year?", "how many days are in a year"],
    &["Why is the sky blue?", "why is the sky blue"],
    &["What happens on Monday in Berlin?", "what happens on monday in berlin?"],
    &["Write a post for LinkedIn", "write a post for linkedin", "write a post for Linkedin."],
    &["Explain what AI is", "explain what ai is."],
    // "Please" and "can you".
    &[
        "Write a poem about autumn",
        "Please write a poem about autumn.",
        "Write a poem about autumn, please",
        "write a poem about autumn please",
    ],
    &[
        "Write a poem about autumn",
        "Can you write a poem about autumn?",
        "Could you please write a poem about autumn",
        "Please, write a poem about autumn!",
    ],
    &["Can you please write poems about autumn?", "Write poems about autumn", "would you please write poems about autumn"],
    &["Tell me a joke", "can you tell me a joke?", "Could you tell me a joke please?", "Please tell me a joke", "tell me joke"],
    &["Explain how tides work", "Can you explain how tides work?", "could you please explain how tides work"],
    &["Can you give me three ideas for a bakery?", "give me three ideas for a bakery"],
    // Articles where there is no other way to read it.
    &["Write a short post about coffee", "write short post about coffee"],
    &["Generate an essay about bees", "generate essay about bees"],
    &["Make a list of rivers in Asia", "make list of rivers in asia"],
    &["What is the difference between mass and weight?", "what is difference between mass and weight"],
    &["Explain the difference between mass and weight", "explain difference between mass and weight"],
    &["What is the largest planet?", "what is largest planet"],
    &["Who is the president of Kenya?", "who is president of kenya"],
    // Contractions.
    &["Why don't cats like water?", "why do not cats like water", "Why don\u{2019}t cats like water?"],
    &["I can't sleep at night", "I cannot sleep at night.", "i can\u{2019}t sleep at night"],
    &["What's the tallest mountain?", "what is the tallest mountain?", "what's the tallest mountain"],
    &["I'm tired of this job", "I am tired of this job", "i'm tired of this job."],
    &["It won't start in the cold", "It will not start in the cold"],
    &["They've sold a thousand books", "They have sold a thousand books", "they've sold a thousand books"],
    &["We're opening a shop, so I'll need a name", "we are opening a shop, so I will need a name"],
    &["Who's the author of Emma", "who is author of Emma", "Who is the author of Emma?"],
    &["Isn't it dangerous?", "is not it dangerous?"],
    &["You are going?", "you are going?", "You're going??"],
];

/// Pairs that mean different things, or may.
const DIFFERENT: [(&str, &str); 96] = [
    ("Raise the price by 20 %", "Raise the price by 30 %"),
    ("What is 5?", "What is -5?"),
    ("What is 5!", "What is 5?"),
    ("What is n!", "What is n"),
    ("What is 1.5 times 2", "What is 15 times 2"),
    ("Is 3 < 5", "Is 3 > 5"),
    ("What is 4 + 4?", "What is 4 - 4?"),
    ("Is it safe?", "Is it not safe?"),
    ("Is it safe?", "Isn't it safe?"),
    ("Do eat this", "Don't eat this"),
    ("Why do cats like water?", "Why don't cats like water?"),
    ("I can swim in the sea", "I can't swim in the sea"),
    ("I can not swim in the sea", "I can't swim in the sea"),
    ("You are going.", "You are going?"),
    ("She was happy", "She was happy?"),
    ("What is done is done.", "What is done is done?"),
    ("What does not kill you makes you stronger.", "What does not kill you makes you stronger?"),
    ("Should you need help.", "Should you need help?"),
    ("Was the best day ever.", "Was the best day ever?"),
    ("Can you swim?", "Swim"),
    ("Can you write?", "Write"),
    ("Can you write poems?", "Write poems"),
    ("Can you make a living by writing?", "Make a living by writing"),
    ("Can you create a company without money?", "Create a company without money"),
    ("Can you write a novel in a week?", "Write a novel in a week"),
    ("Can you write a post about it in ten minutes?", "Write a post about it in ten minutes"),
    ("Can you name a child after a god?", "Name a child after a god"),
    ("Would you recommend it?", "Recommend it"),
    ("Would you write a letter to your boss?", "Write a letter to your boss"),
    ("Can you tell the time?", "Tell the time"),
    ("Name a king of England", "Name the king of England"),
    ("Write a post about coffee", "Write the post about coffee"),
    ("What is time?", "What is the time?"),
    ("What is the time?", "What is a time?"),
    ("What is matter?", "What is the matter?"),
    ("What is nearest neighbor search", "What is the nearest neighbor search"),
    ("Who sits in front of the car", "Who sits in the front of the car"),
    ("Make me a plan", "Make me plan"),
    ("Give me a title to the house", "Give me title to the house"),
    ("What are few reasons for it", "What are a few reasons for it"),
    ("There is little hope", "There is a little hope"),
    ("What is vitamin A good for", "What is vitamin good for"),
    ("Tell me about The Who", "Tell me about who"),
    ("Who are The Band", "Who are the band"),
    ("Where is The Hague?", "Where is Hague?"),
    ("How do I cook turkey?", "How do I cook Turkey?"),
    ("Tell me about turkey", "Tell me about Turkey"),
    ("Tell me about apple", "Tell me about Apple"),
    ("What is rust?", "What is Rust?"),
    ("How do I polish a shoe", "How do I Polish a shoe"),
    ("What happened in march", "What happened in March"),
    ("What do they tell us", "What do they tell US"),
    ("What is who", "What is WHO"),
    ("What is aids", "What is AIDS"),
    ("What does it do", "What does IT do"),
    ("Tell me about it", "Tell me about It"),
    ("Make is cheaper than that", "make is cheaper than that"),
    ("He is a gas", "he is a gas"),
    ("Will Smith is tall", "will Smith is tall"),
    ("Tell me about Oklahoma!", "Tell me about Oklahoma"),
    ("Is Anna taller than Ben?", "Is Ben taller than Anna?"),
    ("Who beat Brazil", "Who did Brazil beat"),
    ("Write a post about dogs for cats", "Write a post about cats for dogs"),
    ("Write a post in German", "Write a post in French"),
    ("Write a post in german", "Write a post in french"),
    ("What's happened in Rome", "What is happened in Rome"),
    ("What's happened in Rome", "What has happened in Rome"),
    ("Where is Anna's dog", "Where is Annas dog"),
    ("Its a nice day", "It's a nice day"),
    ("We're at home", "Were at home"),
    ("We'll is deep", "Well is deep"),
    ("I'll be there", "Ill be there"),
    ("He'd go home", "He had go home"),
    ("Let's go home", "Let us go home"),
    ("What is the difference between can't and cannot?", "What is the difference between cannot and cannot?"),
    ("What does can't mean?", "What does cannot mean?"),
    ("Spell don't", "Spell do not"),
    ("How do you say please", "How do you say"),
    ("What does it take to please people", "What does it take to people"),
    ("Explain how gifts please", "Explain how gifts"),
    ("Write a poem about please", "Write a poem about"),
    ("Write a song called please", "Write a song called"),
    ("Translate one coffee please", "Translate one coffee"),
    ("Say \"Hello.\"", "Say \"hello\""),
    ("Write 'The end'", "Write 'the end'"),
    ("Run `Ls -A`", "Run `ls -a`"),
    ("Repeat: Hello", "Repeat: hello"),
    ("How many characters are in a  b", "How many characters are in a b"),
    ("What is a\tb", "What is a b"),
    ("What is this\nand that", "What is this and that"),
    ("Once upon a time...", "Once upon a time."),
    ("What is up. You are going?", "What is up. You are going"),
    ("Was ist das?", "was ist das"),
    ("Wo ist der Weise?", "Wo ist der weise?"),
    ("What is the symbol ?", "What is the symbol !"),
    ("Describe a dog, not a cat", "Describe a dog, a cat"),
];

const SCOPE: Scope<'static> = Scope { tenant: "acme", model: "gpt-oss-120b", added_cap: None, policy: "1" };

fn key(body: &Value) -> Option<CacheKey> {
    let bytes = body.to_string();
    of_normalised(&SCOPE, &CompletionRequest::read(bytes.as_bytes(), Endpoint::Chat).unwrap())
}

fn exact(body: &Value) -> CacheKey {
    let bytes = body.to_string();
    of_request(&SCOPE, &CompletionRequest::read(bytes.as_bytes(), Endpoint::Chat).unwrap())
}

fn asks(text: &str) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": text }] })
}

/// Whether an answer to one would be given to the other.
fn shared(one: &str, other: &str) -> bool {
    let form = normal(one);
    form.is_some() && form == normal(other)
}

#[test]
fn spellings_of_one_question_share_a_normal_form() {
    for spellings in SAME {
        let forms: Vec<Option<String>> = spellings.iter().map(|text| normal(text)).collect();
        assert!(forms[0].is_some() && forms.iter().all(|form| *form == forms[0]), "{spellings:?} are {forms:?}");
        let keys: HashSet<String> = spellings.iter().map(|text| key(&asks(text)).unwrap().name()).collect();
        assert_eq!(keys.len(), 1, "{spellings:?}");
    }
}

#[test]
fn questions_that_mean_different_things_share_none() {
    for (one, other) in DIFFERENT {
        assert!(!shared(one, other), "{one:?} and {other:?} are both {:?}", normal(one));
    }
}

#[test]
fn what_is_no_plain_english_in_one_line_has_no_normal_form() {
    let long = format!("Write a post about {}", "tea and ".repeat(60));
    for text in [
        "",
        " ",
        "?",
        "What is \"it\"?",
        "What is `it`?",
        "What is (this)?",
        "What is [this]",
        "What is {this}",
        "Explain <b>this</b>",
        "Explain https://example.com",
        "Explain //example.com/a",
        "Explain www.example.com",
        "Explain a;b",
        "Explain a_b",
        "Explain a*b",
        "Explain this: that",
        "Explain this\nand that",
        "Explain this. And that.",
        "Explain this? Or that?",
        "Write a post about café",
        "Write a post about tea 🍵",
        "Quelle est la capitale de la France",
        "Was ist die Hauptstadt von Frankreich",
        "Kannst du das bitte schreiben",
        "Escribe un poema sobre el otoño",
        "Kim jest prezydent Polski",
        "tea",
        &long,
    ] {
        assert_eq!(normal(text), None, "{text}");
    }
}

#[test]
fn only_a_single_question_behind_harmless_instructions_has_a_key() {
    let user = |content: Value| json!({ "role": "user", "content": content });
    let question = user(json!("What is the capital of France?"));
    let body = |messages: Vec<Value>, more: Value| {
        let mut body = json!({ "model": "m", "messages": messages });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let instruction = |role: &str, text: &str| json!({ "role": role, "content": text });
    let plain = key(&body(vec![question.clone()], json!({}))).unwrap();
    // Not the key of anything that was asked in so many words.
    for text in ["What is the capital of France?", "what is capital of france"] {
        assert_ne!(exact(&asks(text)), plain);
    }
    // Instructions count, each character of them.
    let brief = key(&body(vec![instruction("system", "You are a helpful assistant. Be brief."), question.clone()], json!({}))).unwrap();
    let polite = key(&body(vec![instruction("system", "You are a helpful assistant. be brief."), question.clone()], json!({}))).unwrap();
    let developer =
        key(&body(vec![instruction("developer", "You are a helpful assistant. Be brief."), question.clone()], json!({}))).unwrap();
    // So does whatever else the body says.
    let warm = key(&body(vec![question.clone()], json!({ "temperature": 1 }))).unwrap();
    let seeded = key(&body(vec![question.clone()], json!({ "seed": 1 }))).unwrap();
    let named = key(&body(vec![json!({ "role": "user", "name": "ann", "content": "What is the capital of France?" })], json!({}))).unwrap();
    let keys = HashSet::from([plain, brief, polite, developer, warm, seeded, named]);
    assert_eq!(keys.len(), 7);
    // What tells nothing of the answer does not.
    assert_eq!(key(&body(vec![question.clone()], json!({ "stream": true, "user": "ann" }))), Some(plain));

    for (messages, more) in [
        (vec![question.clone(), question.clone()], json!({})),
        (vec![question.clone(), instruction("assistant", "Paris."), question.clone()], json!({})),
        (vec![instruction("assistant", "Paris."), question.clone()], json!({})),
        (vec![question.clone(), instruction("system", "Be brief.")], json!({})),
        (vec![user(json!([{ "type": "text", "text": "What is the capital of France?" }]))], json!({})),
        (vec![user(json!(null))], json!({})),
        (vec![question.clone()], json!({ "tools": [] })),
        (vec![question.clone()], json!({ "prediction": null })),
        (vec![instruction("system", "Translate what follows into French."), question.clone()], json!({})),
        (vec![instruction("system", "You are a proofreader."), question.clone()], json!({})),
        (vec![instruction("system", "Rate how polite the user's message is."), question.clone()], json!({})),
        (vec![instruction("system", "Du bist ein hilfreicher Assistent und antwortest kurz."), question.clone()], json!({})),
    ] {
        let body = body(messages, more);
        assert_eq!(key(&body), None, "{body}");
    }
}

#[test]
fn instructions_that_work_on_words_permit_nothing() {
    for text in [
        "You are a helpful assistant.",
        "You are the assistant of a bakery. Answer in three sentences, and be kind.",
        "You answer all questions in German.",
    ] {
        assert!(permits(text), "{text}");
    }
    for text in [
        "Translate to French.",
        "You are correcting the texts of pupils.",
        "Repeat after the user.",
        "You are an echo.",
        "Count the letters.",
        "Classify the sentiment.",
        "You are a ticket classifier.",
        "Rewrite the input.",
        "If the user says please, be kind.",
        "ok",
        "",
        &"You are a helpful assistant. ".repeat(100),
    ] {
        assert!(!permits(text), "{text}");
    }
}

/// Of a list, one by chance.
fn pick<'l>(list: &[&'l str], dice: &mut Dice) -> &'l str {
    list[dice.below(list.len())]
}

/// Of a list, two that differ.
fn two<'l>(list: &[&'l str], dice: &mut Dice) -> (&'l str, &'l str) {
    let (one, step) = (dice.below(list.len()), 1 + dice.below(list.len() - 1));
    (list[one], list[(one + step) % list.len()])
}

const THINGS: [&str; 40] = [
    "coffee",
    "bread",
    "a garden",
    "winter coats",
    "our bakery",
    "the museum",
    "electric cars",
    "old books",
    "the new park",
    "climate",
    "jazz",
    "a marathon",
    "handmade soap",
    "the harbour",
    "night trains",
    "a lost dog",
    "the election",
    "remote work",
    "bees",
    "the moon landing",
    "chess",
    "a wedding",
    "street food",
    "the library",
    "rainwater",
    "solar panels",
    "a puppet theatre",
    "slow fashion",
    "the opera",
    "mountain huts",
    "vegan cheese",
    "a farmers market",
    "ceramics",
    "the lighthouse",
    "wild garlic",
    "a choir",
    "the ferry",
    "pumpkins",
    "tea",
    "glass bottles",
];
const NAMES: [&str; 24] = [
    "Anna", "Ben", "Clara", "David", "Emma", "Farid", "Greta", "Hassan", "Ines", "Jonas", "Karim", "Lena", "Mira", "Noah", "Olga", "Pavel",
    "Quinn", "Rosa", "Samir", "Tara", "Uwe", "Vera", "Wanda", "Yusuf",
];
const PLACES: [&str; 16] = [
    "Paris", "Berlin", "Tokyo", "Kenya", "Peru", "Norway", "Cairo", "Chicago", "Oslo", "Seoul", "Texas", "Spain", "Ghana", "Dublin",
    "Milan", "Prague",
];
const ADJECTIVES: [&str; 20] = [
    "safe",
    "cheap",
    "healthy",
    "legal",
    "hard",
    "common",
    "popular",
    "useful",
    "dangerous",
    "rare",
    "old",
    "clean",
    "loud",
    "heavy",
    "quiet",
    "bright",
    "warm",
    "fast",
    "strong",
    "quick",
];
const LANGUAGES: [&str; 12] =
    ["English", "German", "French", "Spanish", "Italian", "Dutch", "Swedish", "Danish", "Japanese", "Korean", "Arabic", "Russian"];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 10] = ["January", "February", "April", "June", "July", "September", "October", "November", "December", "March"];
const ACTS: [&str; 20] = [
    "swim",
    "drive",
    "cook rice",
    "leave early",
    "sell bread",
    "grow tomatoes",
    "open a shop",
    "train a dog",
    "build a boat",
    "pay by card",
    "park here",
    "sing well",
    "run a mile",
    "fly a kite",
    "eat mushrooms",
    "wear gloves",
    "work at night",
    "rent a van",
    "keep bees",
    "plant a tree",
];
/// Words that mean something else with a capital.
const CAPITONYMS: [&str; 64] = [
    "turkey", "china", "polish", "march", "may", "august", "job", "nice", "reading", "mobile", "apple", "amazon", "windows", "word",
    "swift", "rust", "go", "java", "python", "will", "mark", "bill", "rose", "frank", "jack", "chad", "jordan", "georgia", "mercury",
    "target", "shell", "visa", "gap", "orange", "bath", "cork", "lima", "cologne", "jersey", "oxford", "panama", "dove", "tide", "zoom",
    "slack", "notion", "stripe", "threads", "signal", "discord", "edge", "safari", "chrome", "excel", "access", "oracle", "ruby",
    "friends", "lost", "cars", "frozen", "queen", "kiss", "subway",
];
const PLURALS: [(&str, &str); 14] = [
    ("cat", "cats"),
    ("dog", "dogs"),
    ("shop", "shops"),
    ("car", "cars"),
    ("idea", "ideas"),
    ("tree", "trees"),
    ("child", "children"),
    ("post", "posts"),
    ("song", "songs"),
    ("boat", "boats"),
    ("house", "houses"),
    ("city", "cities"),
    ("friend", "friends"),
    ("plan", "plans"),
];
const UNITS: [&str; 16] =
    ["km", "miles", "kg", "mg", "pounds", "%", "dollars", "euros", "hours", "days", "litres", "gallons", "metres", "feet", "grams", "tons"];
const OPPOSITES: [(&str, &str); 16] = [
    ("with", "without"),
    ("before", "after"),
    ("to", "from"),
    ("more than", "less than"),
    ("always", "never"),
    ("above", "below"),
    ("all", "some"),
    ("inside", "outside"),
    ("for", "against"),
    ("at least", "at most"),
    ("only", "even"),
    ("over", "under"),
    ("few", "a few"),
    ("little", "a little"),
    ("this", "that"),
    ("my", "your"),
];

/// A pair of questions that mean different things, of a kind.
#[allow(clippy::too_many_lines, reason = "a list of kinds")]
fn pair(kind: usize, dice: &mut Dice) -> (String, String) {
    let frames = [
        "Write a post about {}",
        "What is the price of {}",
        "Explain how {} works",
        "Give me ten facts about {}",
        "Why do people like {}",
        "Describe {}",
        "I need a caption about {}",
        "Is it {}",
    ];
    let frame = |with: &str, dice: &mut Dice| frames[dice.below(frames.len() - 1)].replace("{}", with);
    let thing = pick(&THINGS, dice);
    let both = |form: &str, one: &str, other: &str| (form.replace("{}", one), form.replace("{}", other));
    match kind {
        0 => {
            let (one, step) = (dice.below(900), 1 + dice.below(99));
            both(&format!("{} for {{}} guests", frame(thing, dice)), &one.to_string(), &(one + step).to_string())
        }
        1 => {
            let unit = pick(&UNITS, dice);
            let number = 1 + dice.below(99);
            let form = format!("How do I raise the price of {thing} by {{}} {unit}");
            match dice.below(5) {
                0 => both(&form, &number.to_string(), &format!("-{number}")),
                1 => both(&form, &format!("{number}.5"), &format!("{number}5")),
                2 => both(&form, &format!("{number},000"), &number.to_string()),
                3 => both(&form, &format!("{number}0"), &number.to_string()),
                _ => both(&form, &number.to_string(), &format!("+{number}")),
            }
        }
        2 => {
            let (one, other) = two(&UNITS, dice);
            both(&format!("How many people need {} {{}} of {}", 1 + dice.below(99), thing.trim_start_matches("a ")), one, other)
        }
        3 => {
            let (one, other) = if dice.one_in(2) { two(&DAYS, dice) } else { two(&MONTHS, dice) };
            both(&format!("{} for {{}}", frame(thing, dice)), one, other)
        }
        4 => {
            let adjective = pick(&ADJECTIVES, dice);
            let (one, other) = pick_pair(
                &[
                    ("Is it ", "Is it not "),
                    ("Is it ", "Isn't it "),
                    ("It is ", "It isn't "),
                    ("It's not ", "It is "),
                    ("Why is it ", "Why isn't it "),
                    ("Why is it ", "Why is it not "),
                ],
                dice,
            );
            (format!("{one}{adjective} to sell {thing}"), format!("{other}{adjective} to sell {thing}"))
        }
        5 => {
            let act = pick(&ACTS, dice);
            let verbs = [
                "can",
                "can't",
                "should",
                "shouldn't",
                "do",
                "don't",
                "could",
                "couldn't",
                "will",
                "won't",
                "would",
                "wouldn't",
                "must",
                "did",
                "didn't",
                "cannot ever",
            ];
            let (one, other) = two(&verbs, dice);
            let person = pick(&["I", "we", "they", "you"], dice);
            both(&format!("Tell me why {person} {{}} {act} with {thing}"), one, other)
        }
        6 => {
            let (one, other) = two(&NAMES, dice);
            let adjective = pick(&ADJECTIVES, dice);
            match dice.below(3) {
                0 => (format!("Is {one} more {adjective} than {other}"), format!("Is {other} more {adjective} than {one}")),
                1 => both(&format!("Write a letter from {{}} about {thing}"), one, other),
                _ => (format!("Why did {one} leave {other} at {thing}"), format!("Why did {other} leave {one} at {thing}")),
            }
        }
        7 => {
            let (one, other) = two(&THINGS, dice);
            let (form, turned) = pick_pair(
                &[
                    ("Write a post about {a} for {b}", "Write a post about {b} for {a}"),
                    ("Is {a} better than {b}", "Is {b} better than {a}"),
                    ("Explain why {a} follows {b}", "Explain why {b} follows {a}"),
                    ("Can you explain how {a} changed {b}?", "Can you explain how {b} changed {a}?"),
                ],
                dice,
            );
            let fill = |form: &str| form.replace("{a}", one).replace("{b}", other);
            (fill(form), fill(turned))
        }
        8 => {
            let (one, other) = two(&LANGUAGES, dice);
            both(&format!("{} in {{}}", frame(thing, dice)), one, other)
        }
        9 => {
            let (one, other) = two(&PLACES, dice);
            both(&format!("{} in {{}}", frame(thing, dice)), one, other)
        }
        10 => {
            let word = pick(&CAPITONYMS, dice);
            let capital: String = word[..1].to_uppercase() + &word[1..];
            both(&format!("{} and {{}}", frame(thing, dice)), word, &capital)
        }
        11 => {
            let (small, capitals) = pick_pair(
                &[
                    ("us", "US"),
                    ("it", "IT"),
                    ("who", "WHO"),
                    ("aids", "AIDS"),
                    ("pin", "PIN"),
                    ("may", "MAY"),
                    ("or", "OR"),
                    ("sad", "SAD"),
                    ("ram", "RAM"),
                    ("it", "It"),
                    ("her", "Her"),
                    ("them", "Them"),
                ],
                dice,
            );
            both(&format!("{} for {{}}", frame(thing, dice)), small, capitals)
        }
        12 => {
            let subject =
                pick(&["You are", "She was", "They have seen", "It is", "We can see", "There are", "He likes", "I need", "This is"], dice);
            (format!("{subject} {thing} in {}.", pick(&PLACES, dice)), String::new())
        }
        13 => {
            let (one, other) = two(&["<", ">", "=", "+", "-", "%", "<=", ">="], dice);
            both(&format!("Why is {} {{}} {} for {thing}", dice.below(99), dice.below(99)), one, other)
        }
        14 => {
            let (one, other) = pick_pair(&PLURALS, dice);
            both(&format!("{} for my {{}}", frame(thing, dice)), one, other)
        }
        15 => {
            let (one, other) =
                pick_pair(&[("is", "was"), ("are", "were"), ("does", "did"), ("is", "will be"), ("has", "had"), ("can", "could")], dice);
            both(&format!("Why {{}} {thing} so {}", pick(&ADJECTIVES, dice)), one, other)
        }
        16 => {
            let act = pick(&ACTS, dice);
            let asked = pick(&["Can you", "Could you", "Would you", "Will you", "Can I", "Should I"], dice);
            (format!("{asked} {act} near {thing} with the others?"), format!("{act} near {thing} with the others"))
        }
        17 => {
            let act = pick(
                &[
                    "make a living from",
                    "create a market for",
                    "find a job in",
                    "give up on",
                    "name a dog after",
                    "list the owners of",
                    "show a film about",
                    "suggest a tax on",
                    "design a city around",
                    "share the cost of",
                    "write poems about",
                    "tell the truth about",
                    "plan a trip to",
                    "send money for",
                    "rank the makers of",
                ],
                dice,
            );
            (format!("{} you {act} {thing}?", pick(&["Can", "Could", "Would"], dice)), format!("{act} {thing}"))
        }
        18 => {
            let (form, without) = pick_pair(
                &[
                    ("How do I please people with {}", "How do I people with {}"),
                    ("Write a post on how to please with {}", "Write a post on how to with {}"),
                    ("Explain what gifts please, {}", "Explain what gifts, {}"),
                    ("Write a poem about {} called please", "Write a poem about {} called"),
                    ("Suggest {} meant to please", "Suggest {} meant to"),
                ],
                dice,
            );
            (form.replace("{}", thing), without.replace("{}", thing))
        }
        19 => {
            let name = pick(&NAMES, dice);
            let (one, other) = pick_pair(
                &[
                    ("{n}'s friend", "{n}s friend"),
                    ("{n}'s friend", "{n} friend"),
                    ("{n}'s friend", "{n} is friend"),
                    ("what's happened to {n}", "what is happened to {n}"),
                    ("who's been to {n}", "who is been to {n}"),
                    ("it's been {n}", "it is been {n}"),
                ],
                dice,
            );
            let form = format!("Tell me about {{}} and {thing}");
            both(&form, &one.replace("{n}", name), &other.replace("{n}", name))
        }
        20 => {
            let noun = pick(
                &[
                    "king", "post", "capital", "price", "garden", "time", "law", "list", "plan", "report", "title", "story", "owner",
                    "cause",
                ],
                dice,
            );
            let command = pick(&["Write", "Name", "Describe", "Explain", "Give me", "Make me", "What is", "Tell me", "Find"], dice);
            let (one, other) = two(&["a", "the", "one", "this", "every", "no"], dice);
            both(&format!("{command} {{}} {noun} of {thing}"), one, other)
        }
        21 => {
            let noun = pick(
                &["time", "matter", "music", "law", "title", "cause", "weight", "history", "light", "business", "practice", "point"],
                dice,
            );
            let (one, other) = two(&["the ", "", "a "], dice);
            both(&format!("{} {{}}{noun} in {}", pick(&["What is", "Give me", "Explain"], dice), pick(&PLACES, dice)), one, other)
        }
        22 => {
            let (one, other) = pick_pair(&OPPOSITES, dice);
            both(&format!("{} {{}} friends in {}", frame(thing, dice), pick(&PLACES, dice)), one, other)
        }
        23 => {
            let (one, other) = pick_pair(
                &[
                    ("we're", "were"),
                    ("we'll", "well"),
                    ("I'll", "ill"),
                    ("she'll", "shell"),
                    ("won't", "wont"),
                    ("can't", "cant"),
                    ("it's", "its"),
                    ("he'll", "hell"),
                    ("we'd", "wed"),
                    ("let's", "lets"),
                    ("let's", "let us"),
                    ("I'd", "I had"),
                    ("he's", "he has"),
                    ("you're", "your"),
                    ("they're", "their"),
                ],
                dice,
            );
            both(&format!("Tell me if {{}} the way to {thing} in {}", pick(&PLACES, dice)), one, other)
        }
        24 => {
            let (one, other) = two(&NAMES, dice);
            (format!("Write a post for {one}, {other} and {thing}"), format!("Write a post for {one} {other} and {thing}"))
        }
        25 => {
            let (one, other) = two(&["short", "long", "funny", "formal", "new", "sad", "happy", "detailed", "good"], dice);
            both(&format!("Write a {{}} {} about {thing}", pick(&["post", "poem", "story", "letter", "essay"], dice)), one, other)
        }
        26 => {
            let (one, other) = two(&["What", "Who", "Where", "When", "Why", "How"], dice);
            both(&format!("{{}} is {thing} in {}", pick(&PLACES, dice)), one, other)
        }
        27 => {
            let (one, other) =
                two(&["post", "poem", "story", "letter", "essay", "tweet", "caption", "list", "summary", "song", "plan"], dice);
            both(&format!("Write a {{}} about {thing} in {}", pick(&PLACES, dice)), one, other)
        }
        28 => {
            let (one, other) =
                two(&["Write", "Compare", "Describe", "Explain", "List", "Suggest", "Name", "Find", "Plan", "Design", "Discuss"], dice);
            both(&format!("{{}} {thing} in {}", pick(&PLACES, dice)), one, other)
        }
        _ => {
            let more =
                pick(&["again", "now", "too", "not", "in detail", "briefly", "for children", "twice", "instead", "if you can"], dice);
            let form = frame(thing, dice);
            (format!("{form} {more}"), form)
        }
    }
}

fn pick_pair<'l>(list: &[(&'l str, &'l str)], dice: &mut Dice) -> (&'l str, &'l str) {
    list[dice.below(list.len())]
}

const KINDS: usize = 30;

/// The same text as somebody else would write it: more spaces, another beginning, another end, courtesy, contractions or none.
fn respelt(text: &str, dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    for (short, full) in [
        ("isn't", "is not"),
        ("don't", "do not"),
        ("can't", "cannot"),
        ("won't", "will not"),
        ("shouldn't", "should not"),
        ("couldn't", "could not"),
    ] {
        if dice.one_in(3) {
            text = if text.contains(short) { text.replace(short, full) } else { text.replace(full, short) };
        }
    }
    let first = text.split(' ').next().unwrap_or_default().to_owned();
    let opens = [
        "Write", "What", "Explain", "Give", "Why", "Describe", "Is", "How", "Tell", "Name", "Can", "Could", "Who", "Where", "When",
        "Suggest", "Compare",
    ];
    if opens.contains(&first.as_str()) {
        if ["Write", "Explain", "Give", "Describe", "Tell", "Suggest"].contains(&first.as_str()) && dice.one_in(3) {
            text = format!(
                "{}{}{}",
                pick(&["please ", "Please ", "Could you please ", "can you please "], dice),
                first.to_lowercase(),
                &text[first.len()..]
            );
        } else if dice.one_in(2) {
            text.replace_range(..1, &text[..1].to_lowercase());
        }
    }
    if dice.one_in(3) {
        text = text.replacen(' ', "  ", 1 + dice.below(3));
    }
    if text.ends_with(['.', '?', '!']) { text } else { text + pick(&["", "", "."], dice) }
}

/// Pairs of some kinds that were made and judged, and how many of a kind have a normal form on both sides: others cannot share one, and prove
/// nothing.
fn judged(kinds: std::ops::Range<usize>, rounds: usize) -> Vec<(usize, usize)> {
    let mut pairs = HashSet::new();
    kinds
        .map(|kind| {
            let dice = &mut Dice::new(0x5EED << kind);
            let (mut made, mut telling) = (0, 0);
            for round in 0..rounds {
                let (one, other) = pair(kind, dice);
                let one = respelt(&one, dice);
                // Of a statement its mark alone makes a question.
                let other = if other.is_empty() { one.trim_end_matches('.').to_owned() + "?" } else { respelt(&other, dice) };
                if !pairs.insert(format!("{one}\n{other}")) {
                    continue;
                }
                let (form, other_form) = (normal(&one), normal(&other));
                assert!(form.is_none() || form != other_form, "kind {kind}: {one:?} and {other:?} are both {form:?}");
                if round % 20 == 0 {
                    let (key, other_key) = (key(&asks(&one)), key(&asks(&other)));
                    assert_eq!((key.is_some(), other_key.is_some()), (form.is_some(), other_form.is_some()));
                    assert!(key.is_none() || key != other_key, "{one:?} and {other:?}");
                }
                made += 1;
                telling += usize::from(form.is_some() && other_form.is_some());
            }
            (made, telling)
        })
        .collect()
}

#[test]
fn of_a_hundred_thousand_pairs_that_mean_different_things_none_shares_a_key() {
    let halves = [0..KINDS / 2, KINDS / 2..KINDS].map(|kinds| std::thread::spawn(|| judged(kinds, 4_200)));
    let counts: Vec<(usize, usize)> = halves.into_iter().flat_map(|half| half.join().unwrap()).collect();
    let (made, telling) = counts.iter().fold((0, 0), |sums, count| (sums.0 + count.0, sums.1 + count.1));
    assert!(telling >= 100_000, "{telling} of {made} pairs have normal forms: {counts:?}");
    for (kind, (made, telling)) in counts.iter().enumerate() {
        assert!(telling * 10 >= made * 3, "kind {kind}: {telling} of {made} have a normal form");
    }
}

/// Words on which the rules turn, and some on which they do not.
const TRICKY: [&str; 72] = [
    "write",
    "Write",
    "a",
    "A",
    "an",
    "the",
    "The",
    "post",
    "list",
    "plan",
    "please",
    "Please",
    "please,",
    "can",
    "Can",
    "you",
    "You",
    "could",
    "would",
    "will",
    "Will",
    "me",
    "us",
    "US",
    "what",
    "What",
    "what's",
    "What's",
    "is",
    "Is",
    "isn't",
    "not",
    "no",
    "don't",
    "Don't",
    "can't",
    "I",
    "i",
    "I'm",
    "i'm",
    "I'll",
    "it",
    "It",
    "it's",
    "capital",
    "of",
    "between",
    "difference",
    "largest",
    "planet",
    "few",
    "little",
    "Paris",
    "paris",
    "Turkey",
    "turkey",
    "LinkedIn",
    "into",
    "English",
    "english",
    "about",
    "short",
    "explain",
    "how",
    "5",
    "-5",
    "tell",
    "make",
    "who",
    "to",
    "and",
    "there",
];

/// What two texts with one normal form must share, found in another way: their words in order, contractions in full, without articles and
/// courtesy, and without capitals.
fn bones(text: &str) -> Vec<String> {
    let text = text.replace('\u{2019}', "'").to_lowercase();
    let full = text.split_whitespace().flat_map(|word| {
        let word = word.trim_end_matches(['.', '!', '?']);
        let replaced = match word {
            "can't" => "cannot".to_owned(),
            "won't" => "will not".to_owned(),
            _ => match word.split_once('\'') {
                Some((verb, "t")) => format!("{} not", verb.trim_end_matches('n')),
                Some((who, "m")) => format!("{who} am"),
                Some((who, "ll")) => format!("{who} will"),
                Some((who, "s")) => format!("{who} is"),
                _ => word.to_owned(),
            },
        };
        replaced.split(' ').map(str::to_owned).collect::<Vec<_>>()
    });
    full.filter(|word| {
        !["a", "an", "the", "please", "please,", "can", "could", "would", "will", "you", ""].contains(&word.trim_end_matches(','))
    })
    .map(|word| word.trim_end_matches(',').to_owned())
    .collect()
}

fn tricky() -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(proptest::sample::select(&TRICKY[..]), 1..9);
    let mark = proptest::sample::select(&["", "", ".", "!", "?", "??", "...", " ?"][..]);
    (words, mark, any::<bool>()).prop_map(|(words, mark, wide)| words.join(if wide { "  " } else { " " }) + mark)
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_normal_form_of_a_normal_form_is_itself(text in tricky()) {
        if let Some(form) = normal(&text) {
            prop_assert_eq!(normal(&form), Some(form.clone()), "of {}", text);
            prop_assert!(form.len() <= text.len() + 2 * text.matches('\'').count());
        }
    }

    #[test]
    fn texts_with_one_normal_form_have_the_same_words_but_for_articles_and_courtesy(text in tricky(), seed in any::<u64>()) {
        let dice = &mut Dice::new(seed);
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let at = dice.below(words.len());
        match dice.below(3) {
            0 => words.insert(at, pick(&TRICKY, dice)),
            1 => drop(words.remove(at)),
            _ => words[at] = pick(&TRICKY, dice),
        }
        let other = words.join(" ");
        if shared(&text, &other) {
            prop_assert_eq!(bones(&text), bones(&other), "{} and {}", text, other);
        }
        if let Some(form) = normal(&text) {
            prop_assert_eq!(bones(&text), bones(&form), "{} is {}", text, form);
        }
    }

    #[test]
    fn any_text_has_a_normal_form_or_none(text in "\\PC{0,40}", ascii in "[ -~]{0,60}") {
        for text in [text, ascii] {
            if let Some(form) = normal(&text) {
                prop_assert_eq!(normal(&form), Some(form.clone()), "of {}", text);
            }
        }
    }
}
