//! Orders that no model is asked for: what platforms make of a text, and a text for listening.

use serde_json::{Value, json};

use super::Desk;
use crate::content::compose::{Composed, Frame, compose};
use crate::content::count::{length, limit};
use crate::content::{speech, wording};
use crate::edge::language::{UNKNOWN, detect};

impl Desk<'_> {
    /// Nothing is asked of a model or counted, and no word is kept.
    pub(super) fn preview(&self) -> Value {
        let (links, hashtags) = self.extras();
        let text = &self.order.subject;
        let banned = self.brand.as_ref().and_then(|brand| brand.banned_in(text));
        let posts: Vec<Value> = self
            .order
            .platforms
            .iter()
            .map(|platform| {
                let rules = self.rules(*platform);
                let mut faults = json!(crate::content::fit::faults(&rules, text));
                if let (Some(list), Some(word)) = (faults.as_array_mut(), banned) {
                    list.push(json!({"code": "banned_word", "message": format!("the brand never says `{word}`: take it out")}));
                }
                let valid = faults.as_array().is_some_and(Vec::is_empty);
                let empty = text.trim().is_empty() && links.is_empty() && hashtags.is_empty();
                let fitted = if empty {
                    Composed::default()
                } else {
                    compose(&rules, text, &[], Frame { thread: false, ..self.frame(&links, &hashtags) })
                };
                let thread = if rules.threads && fitted.shortened {
                    compose(&rules, text, &[], self.frame(&links, &hashtags)).thread
                } else {
                    Vec::new()
                };
                json!({
                    "platform": platform.name(),
                    "length": length(&rules, text),
                    "limit": limit(&rules, text),
                    "valid": valid,
                    "faults": faults,
                    "text": fitted.text,
                    "fitted_length": length(&rules, &fitted.text),
                    "shortened": fitted.shortened,
                    "thread": thread,
                    "hashtags": fitted.hashtags(&rules),
                    "fold": rules.fold,
                    "clickable_links": rules.clickable_links,
                })
            })
            .collect();
        self.told("preview", json!({"posts": posts, "wording": wording::measure(text)}))
    }

    /// A text as it is said: by rule, in English.
    pub(super) fn audio(&mut self) -> Value {
        let script = speech::script(&self.order.subject, self.order.words_a_minute);
        self.step("script", json!({}));
        // What speaks knows English; another language is told, not hidden.
        let language = detect(&self.order.subject).code;
        let other = language != "en" && language != UNKNOWN;
        let mut told = json!(script);
        if let Some(fields) = told.as_object_mut() {
            fields.insert("language".to_owned(), json!(language));
            fields.insert("degraded".to_owned(), json!(other));
            fields.insert("reason".to_owned(), json!(other.then_some("not_english")));
        }
        self.told("audio_script", told)
    }
}
