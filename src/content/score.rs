//! How a post may do, by rule: a prior from what is known of posts in general, which the tenant's own feedback weighs anew
//! (`learning::score_model`).
//!
//! Nothing here was learnt from results. The effects are judgements, each small, and the interval says how little that is: it holds what
//! posts of the same features do in about eight of ten cases, if engagement within a platform is as uneven as is usual.

use serde_json::{Value, json};

use super::entities::{Kind, entities, number};
use super::platform::{Platform, Rules};
use super::wording;
use crate::edge::language::detect;
use crate::edge::measures::measure;
use crate::edge::sentiment::analyze;
use crate::learning::score_model::{Model, Post};
use crate::understanding::rounded;

/// Half of the interval, in points: what features of a text alone leave open.
const HALF_INTERVAL: f64 = 25.0;

/// What a feature adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The feature.
    pub feature: &'static str,
    /// What it adds, in points.
    pub points: f64,
    /// Why, in a sentence.
    pub reason: &'static str,
}

/// A score: 50 is a usual post on the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// 0 to 100.
    pub score: f64,
    /// What the score lies in, in about eight of ten cases.
    pub interval: (f64, f64),
    /// What has moved it.
    pub effects: Vec<Effect>,
}

/// How long posts are that do well on a platform, in characters.
const fn usual_length(platform: Platform) -> (usize, usize) {
    match platform {
        Platform::X => (60, 240),
        Platform::Bluesky | Platform::Threads => (60, 280),
        Platform::Mastodon => (80, 420),
        Platform::LinkedIn => (500, 1800),
        Platform::Instagram => (100, 900),
        Platform::Facebook => (40, 400),
        Platform::TikTok => (40, 200),
        Platform::YouTube => (200, 1500),
        Platform::Pinterest => (100, 400),
        Platform::Reddit => (200, 3000),
        Platform::Telegram => (80, 1000),
        Platform::Discord => (40, 600),
        Platform::Sms => (30, 160),
    }
}

/// Scores a text for a platform.
pub fn score(rules: &Rules, text: &str) -> Score {
    let platform = rules.platform;
    let found = entities(rules, text);
    let language = detect(text);
    let measures = measure(text, Some(language.code));
    let wording = wording::score(text);
    let feeling = analyze(text).score;
    let characters = text.chars().count();
    let hashtags = number(&found, Kind::Hashtag);
    let links = number(&found, Kind::Link);
    let first: &str = text.lines().next().unwrap_or_default();
    let (least, most) = usual_length(platform);
    let mut effects: Vec<Effect> = Vec::new();
    let mut add = |holds: bool, feature: &'static str, points: f64, reason: &'static str| {
        if holds {
            effects.push(Effect { feature, points, reason });
        }
    };
    add((least..=most).contains(&characters), "length", 6.0, "It is about as long as posts that do well here.");
    add(characters > most, "length", -5.0, "It is longer than posts that do well here.");
    add(characters < least, "length", -4.0, "It is shorter than posts that do well here.");
    let folds = rules.fold.unwrap_or(140);
    add(
        (8..=folds).contains(&first.chars().count()) && measures.sentences > 1,
        "first_line",
        4.0,
        "Its first line can stand alone before the fold.",
    );
    add(measures.questions > 0, "question", 3.0, "It asks something, which invites answers.");
    add(text.chars().any(|character| character.is_ascii_digit()), "number", 3.0, "It has a number, which is concrete.");
    add(wording > 40.0, "wording", -8.0, "Its wording is worn: stock phrases, empty superlatives, dashes.");
    add((15.0..=40.0).contains(&wording), "wording", -3.0, "Some of its wording is worn.");
    add(feeling.abs() >= 0.4, "feeling", 3.0, "It shows a clear feeling.");
    add(measures.shouted_words.is_some_and(|share| share > 0.3), "shouting", -6.0, "Much of it is in capitals.");
    add(measures.exclamations > 2, "exclamations", -4.0, "It has many exclamation marks.");
    add(measures.reading_ease.is_some_and(|ease| ease >= 60.0), "readability", 3.0, "It is easy to read.");
    add(measures.reading_ease.is_some_and(|ease| ease < 30.0), "readability", -4.0, "It is hard to read.");
    add((1..=5).contains(&measures.emoji) && platform != Platform::Sms, "emoji", 1.5, "A few emoji are usual here.");
    add(measures.emoji > 8, "emoji", -4.0, "It has many emoji.");
    let usual = super::compose::usual_hashtags(platform);
    add((1..=usual).contains(&hashtags), "hashtags", 2.0, "It has as many hashtags as is usual here.");
    add(hashtags > usual.saturating_add(2), "hashtags", -4.0, "It has more hashtags than is usual here.");
    let demoted = matches!(platform, Platform::X | Platform::LinkedIn | Platform::Facebook | Platform::Threads);
    add(links > 0 && demoted, "link", -4.0, "Posts with links are shown to fewer people here.");
    add(links > 0 && !rules.clickable_links, "link", -3.0, "Links cannot be followed here.");
    add(!super::fit::faults(rules, text).is_empty(), "fault", -20.0, "The platform does not take it as it is.");
    let sum: f64 = effects.iter().map(|effect| effect.points).sum();
    let score = (50.0 + sum).clamp(5.0, 95.0);
    Score { score, interval: ((score - HALF_INTERVAL).max(0.0), (score + HALF_INTERVAL).min(100.0)), effects }
}

/// What a score rests on: `prior`, the rules alone, or `learned`, with posts of the tenant's own.
pub fn basis(model: Option<&Model>) -> &'static str {
    if model.is_some_and(|model| model.posts > 0) { "learned" } else { "prior" }
}

impl Score {
    /// Score and interval by what a tenant's feedback has taught; by the rules alone without any.
    pub fn by(&self, platform: Platform, model: Option<&Model>) -> (f64, (f64, f64)) {
        match model.filter(|model| model.posts > 0) {
            Some(model) => model.score(&Post::of(platform, &self.effects)),
            None => (self.score, self.interval),
        }
    }

    /// What the caller gets.
    pub fn told(&self, platform: Platform, model: Option<&Model>) -> Value {
        let (score, (low, high)) = self.by(platform, model);
        let effects: Vec<Value> = self
            .effects
            .iter()
            .map(|effect| {
                let points = effect.points * model.map_or(1.0, |model| model.weight(effect.feature));
                json!({"feature": effect.feature, "points": rounded(points), "reason": effect.reason})
            })
            .collect();
        json!({
            "platform": platform.name(),
            "score": rounded(score),
            "interval": {"low": rounded(low), "high": rounded(high), "coverage": 0.8},
            "answered_by": "edge",
            "basis": basis(model),
            "feedback": model.map_or(0, |model| model.posts),
            "calibration_error": model.and_then(|model| model.error).map(rounded),
            "effects": effects,
        })
    }
}
