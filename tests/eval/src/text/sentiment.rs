//! Sentiment: whether the port is the reference, and how good what ships is on tweets rated by people.

use std::path::Path;

use maya_edge::edge::sentiment::{Label, analyze, vader};

const FIXTURE: &str = include_str!("../../../fixtures/sentiment.tsv");
/// Posts written for this project, with their labels: few, but they are there when the rated tweets are not.
const POSTS: &str = include_str!("../../../fixtures/posts_sentiment.tsv");

/// A rated tweet.
pub struct Tweet {
    pub text: String,
    /// The mean rating, −4 to 4.
    pub rating: f64,
    /// What the reference says, when `models/vader_reference.py` was run.
    pub reference: Option<f64>,
}

/// The rated tweets of a folder.
pub fn tweets(folder: &Path) -> Option<Vec<Tweet>> {
    let rows = std::fs::read_to_string(folder.join("tweets_sentiment_half.tsv")).ok()?;
    let reference = std::fs::read_to_string(folder.join("vader_reference.tsv")).unwrap_or_default();
    let reference: std::collections::HashMap<&str, f64> =
        reference.lines().filter_map(|line| line.split_once('\t')).filter_map(|(id, score)| Some((id, score.parse().ok()?))).collect();
    let tweet = |line: &str| {
        let mut fields = line.splitn(3, '\t');
        let (id, rating, text) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Tweet { text: text.to_owned(), rating: rating.parse().ok()?, reference: reference.get(id).copied() })
    };
    Some(rows.split('\n').filter_map(tweet).collect())
}

/// The texts of the fixture with the reference's compound, negative, neutral and positive scores.
pub fn fixture() -> impl Iterator<Item = (&'static str, [f64; 4])> {
    FIXTURE.split('\n').filter_map(|line| {
        let mut fields = line.splitn(5, '\t');
        let mut number = || fields.next()?.parse::<f64>().ok();
        let scores = [number()?, number()?, number()?, number()?];
        Some((fields.next()?, scores))
    })
}

/// The class of a mean rating, and of VADER's compound score, by their borders.
fn class(value: f64, border: f64) -> usize {
    if value > border { 2 } else { usize::from(value >= -border) }
}

fn macro_recall(pairs: &[(usize, usize)]) -> f64 {
    let recall = |class: usize| {
        let of_class = pairs.iter().filter(|(truth, _)| *truth == class);
        let all = of_class.clone().count().max(1) as f64;
        of_class.filter(|(truth, said)| truth == said).count() as f64 / all
    };
    (recall(0) + recall(1) + recall(2)) / 3.0
}

/// Expected calibration error: in ten bins of confidence, how far from it the share of right answers lies.
fn calibration(answers: &[(f64, bool)]) -> f64 {
    let mut error = 0.0;
    for bin in 0..10 {
        let inside: Vec<_> = answers.iter().filter(|(sure, _)| ((sure * 10.0) as usize).min(9) == bin).collect();
        let sure: f64 = inside.iter().map(|(sure, _)| sure).sum();
        let right = inside.iter().filter(|(_, right)| *right).count() as f64;
        if std::env::var_os("VERBOSE").is_some() && !inside.is_empty() {
            let count = inside.len() as f64;
            println!("  from .{bin}: {count} tweets, sure {:.3}, right {:.3}", sure / count, right / count);
        }
        error += (sure - right).abs();
    }
    error / answers.len() as f64
}

pub fn run(data: Option<&Path>) -> Vec<(&'static str, f64, &'static str)> {
    let (mut all, mut equal) = (0.0, 0.0);
    for (text, [compound, ..]) in fixture() {
        all += 1.0;
        equal += f64::from(u8::from((vader::scores(text).compound - compound).abs() <= 0.001));
    }
    let number = |label: Label| match label {
        Label::Negative => 0,
        Label::Neutral => 1,
        Label::Positive => 2,
    };
    let labels = [Label::Negative, Label::Neutral, Label::Positive];
    let posts = POSTS.lines().filter_map(|line| line.split_once('\t')).map(|(label, text)| {
        let truth = labels.into_iter().position(|known| known.name() == label).unwrap();
        let said = analyze(text);
        if number(said.label) != truth && std::env::var_os("EXPLAIN").is_some() {
            eprintln!("{label} said {} ({:.2}): {text}", said.label.name(), said.confidence);
        }
        (truth, number(said.label), class(said.vader, 0.05))
    });
    let posts: Vec<_> = posts.collect();
    let own: Vec<_> = posts.iter().map(|(truth, own, _)| (*truth, *own)).collect();
    let vader: Vec<_> = posts.iter().map(|(truth, _, vader)| (*truth, *vader)).collect();
    let mut figures = vec![
        ("sentiment.fixture_equal", equal / all, "share"),
        ("sentiment.posts_vader", macro_recall(&vader), "macro-recall"),
        ("sentiment.posts_own", macro_recall(&own), "macro-recall"),
    ];
    if let Some(tweets) = data.and_then(tweets) {
        let said: Vec<_> = tweets.iter().map(|tweet| (tweet, analyze(&tweet.text))).collect();
        let compared = said.iter().filter_map(|(tweet, said)| Some((tweet.reference?, said.vader)));
        let count = compared.clone().count();
        if count > 0 {
            let same = compared.filter(|(reference, own)| (reference - own).abs() <= 0.001).count();
            figures.push(("sentiment.tweets_equal", same as f64 / count as f64, "share"));
        }
        let vader: Vec<_> = said.iter().map(|(tweet, said)| (class(tweet.rating, 0.5), class(said.vader, 0.05))).collect();
        let own: Vec<_> = said.iter().map(|(tweet, said)| (class(tweet.rating, 0.5), number(said.label))).collect();
        let answers: Vec<_> = said.iter().zip(&own).map(|((_, said), (truth, own))| (said.confidence, truth == own)).collect();
        figures.push(("sentiment.tweets_vader", macro_recall(&vader), "macro-recall"));
        figures.push(("sentiment.tweets_own", macro_recall(&own), "macro-recall"));
        figures.push(("sentiment.tweets_calibration", calibration(&answers), "expected error"));
    }
    let text = "Honestly the new app is GREAT, but customer support was not helpful at all and I'm really disappointed :( @maya https://maya.example #fail \u{1f62d}";
    figures.push(("sentiment.micros", super::micros(|| analyze(text).score), "µs a call"));
    figures.push(("sentiment.vader_micros", super::micros(|| vader::scores(text).compound), "µs a call"));
    figures
}
