//! What is said in a film, as captions of SubRip and of WebVTT (W3C, 2019).

use super::Film;
use crate::content::sentences::{Ends, cuts, sentences};

/// The longest line, in characters, and the most lines of a caption: what broadcasters keep to, for people have to read it in its time.
const LINE: usize = 42;
const LINES: usize = 2;

/// A caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it comes, in ms.
    pub start_ms: u64,
    /// When it goes, in ms.
    pub end_ms: u64,
    /// Its lines.
    pub text: String,
}

/// The captions of a film: they follow each other, none longer than two lines.
pub fn cues(film: &Film) -> Vec<Cue> {
    let mut cues = Vec::new();
    for scene in &film.scenes {
        let text = scene.spoken.as_str();
        let said: Vec<String> = sentences(text).into_iter().filter_map(|range| text.get(range)).flat_map(pieces).collect();
        let weight = |piece: &String| u64::try_from(piece.chars().count()).unwrap_or_default();
        let all = said.iter().map(weight).fold(0, u64::saturating_add).max(1);
        let mut passed = 0_u64;
        let spoken_ms = scene.spoken_ms.max(1).min(scene.duration_ms);
        let place = |passed: u64| scene.start_ms.saturating_add(spoken_ms.saturating_mul(passed).checked_div(all).unwrap_or_default());
        for piece in said {
            let start_ms = place(passed);
            passed = passed.saturating_add(weight(&piece));
            cues.push(Cue { start_ms, end_ms: place(passed), text: piece });
        }
    }
    cues.retain(|cue| cue.end_ms > cue.start_ms);
    cues
}

/// A sentence in pieces of two lines at the most.
fn pieces(sentence: &str) -> Vec<String> {
    let lines = lines(sentence);
    lines.chunks(LINES).map(|lines| lines.join("\n")).collect()
}

fn lines(text: &str) -> Vec<&str> {
    let places = cuts(text, &[]);
    let (mut lines, mut start) = (Vec::new(), 0_usize);
    while let Some(rest) = text.get(start..).filter(|rest| !rest.trim().is_empty()) {
        start = start.saturating_add(rest.len().saturating_sub(rest.trim_start().len()));
        let fits = |at: usize| text.get(start..at).is_some_and(|line| line.chars().count() <= LINE);
        let within = || places.iter().filter(|cut| cut.at > start && fits(cut.at));
        // A character of many parts may be longer than a line by itself.
        let first = places.iter().find(|cut| cut.at > start).map_or(text.len(), |cut| cut.at);
        let end = within().rev().find(|cut| cut.ends >= Ends::Word).or_else(|| within().next_back()).map_or(first, |cut| cut.at);
        lines.push(text.get(start..end).unwrap_or_default().trim_end());
        start = end;
    }
    lines
}

/// Hours, minutes, seconds and thousandths.
fn time(ms: u64, point: char) -> String {
    let (seconds, thousandths) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}{point}{thousandths:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Captions as SubRip. It has no escapes: an arrow in a text would end it.
pub fn srt(cues: &[Cue]) -> String {
    let cue = |(number, cue): (usize, &Cue)| {
        let (start, end) = (time(cue.start_ms, ','), time(cue.end_ms, ','));
        format!("{}\n{start} --> {end}\n{}\n", number.saturating_add(1), cue.text.replace("-->", "→"))
    };
    cues.iter().enumerate().map(cue).collect::<Vec<String>>().join("\n")
}

/// Captions as WebVTT.
pub fn webvtt(cues: &[Cue]) -> String {
    let mut written = "WEBVTT\n".to_owned();
    for cue in cues {
        let text = cue.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        written.push_str(&format!("\n{} --> {}\n{text}\n", time(cue.start_ms, '.'), time(cue.end_ms, '.')));
    }
    written
}
