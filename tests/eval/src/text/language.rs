//! How often the language is right, and how often a wrong one is said with confidence.

use std::path::Path;

use maya_edge::edge::language::{UNKNOWN, detect};

/// From here on a wrong answer is one with confidence.
pub const CONFIDENT: f64 = 0.5;

const SENTENCES: &str = include_str!("../../../fixtures/languages.tsv");

/// Lines of the fixture: code and text.
pub fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
    SENTENCES.lines().filter_map(|line| line.split_once('\t'))
}

pub fn run(data: Option<&Path>) -> Vec<(&'static str, f64, &'static str)> {
    let (mut all, mut right, mut unknown, mut wrong) = (0.0, 0.0, 0.0, 0.0);
    for (code, text) in sentences() {
        let found = detect(text);
        all += 1.0;
        if found.code == code {
            right += 1.0;
        } else if found.code == UNKNOWN {
            unknown += 1.0;
        } else if found.confidence >= CONFIDENT {
            wrong += 1.0;
        }
        if found.code != code && std::env::var_os("EXPLAIN").is_some() {
            eprintln!("{code} as {} ({:.2}): {text}", found.code, found.confidence);
        }
    }
    let mut figures = vec![
        ("language.right", right / all, "share"),
        ("language.unknown", unknown / all, "share"),
        ("language.wrong_confident", wrong / all, "share"),
    ];
    if let Some(tweets) = data.and_then(super::sentiment::tweets) {
        let count = tweets.len() as f64;
        let of = |wanted: &dyn Fn(&str, f64) -> bool| {
            tweets
                .iter()
                .filter(|tweet| {
                    let found = detect(&tweet.text);
                    wanted(found.code, found.confidence)
                })
                .count() as f64
                / count
        };
        figures.push(("language.tweets_english", of(&|code, _| code == "en"), "share"));
        figures.push(("language.tweets_wrong_confident", of(&|code, sure| code != "en" && code != UNKNOWN && sure >= CONFIDENT), "share"));
    }
    let text = "We are opening a second shop next to the river, and everyone is invited to the party that we give on Saturday evening at eight, with music, cake and a surprise.";
    figures.push(("language.micros", super::micros(|| detect(text).confidence), "µs a call"));
    figures
}
