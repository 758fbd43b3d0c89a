//! A text as several posts that follow each other.

use unicode_segmentation::UnicodeSegmentation;

use super::count::fits;
use super::entities::entities;
use super::platform::Rules;
use super::sentences::{Cut, Ends, best, cuts, most};

/// A text in posts that are no longer than the platform allows: one without a number, or several that end in ` 1/3`, which counts as well.
///
/// Nothing is lost but spaces between posts. A post ends at a paragraph or sentence, else at a word; only what is longer than a whole post is
/// cut within: a word, a link at last. An empty text is no post. Hashtags are not counted here.
pub fn thread(rules: &Rules, text: &str) -> Vec<String> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    if fits(rules, text) {
        return vec![text.to_owned()];
    }
    let mut parts = Vec::new();
    // Room is kept for the number with as many digits as the number of posts turns out to have.
    for digits in 1..=9 {
        let nines = "9".repeat(digits);
        parts = split(rules, text, &format!(" {nines}/{nines}"));
        if parts.len().to_string().len() <= digits {
            break;
        }
    }
    let count = parts.len();
    parts.iter().zip(1_usize..).map(|(part, place)| format!("{part} {place}/{count}")).collect()
}

fn split<'t>(rules: &Rules, text: &'t str, number: &str) -> Vec<&'t str> {
    let found = entities(rules, text);
    let cuts = cuts(text, &found);
    let (mut parts, mut start, mut passed) = (Vec::new(), 0_usize, 0_usize);
    while let Some(rest) = text.get(start..).filter(|rest| !rest.trim().is_empty()) {
        start = start.saturating_add(rest.len().saturating_sub(rest.trim_start().len()));
        let fitting = |end: usize| text.get(start..end).is_some_and(|part| fits(rules, &format!("{part}{number}")));
        passed = passed.saturating_add(cuts.get(passed..).unwrap_or_default().iter().take_while(|cut| cut.at <= start).count());
        let ahead = cuts.get(passed..).unwrap_or_default();
        let possible = ahead.get(..most(ahead, |cut| fitting(cut.at))).unwrap_or_default();
        let end = best(possible).map(|cut| cut.at).unwrap_or_else(|| {
            // Longer than a post: within a link between clusters, within a cluster between characters.
            let rest = text.get(start..).unwrap_or_default();
            let place = |at: usize| Cut { at: start.saturating_add(at), ends: Ends::Cluster };
            let clusters: Vec<Cut> =
                rest.grapheme_indices(true).map(|(at, cluster)| place(at.saturating_add(cluster.len()))).take(1 << 14).collect();
            let last = most(&clusters, |cut| fitting(cut.at)).checked_sub(1).and_then(|count| clusters.get(count));
            last.map(|cut| cut.at).unwrap_or_else(|| {
                let ends: Vec<Cut> =
                    rest.char_indices().map(|(at, character)| place(at.saturating_add(character.len_utf8()))).take(1 << 14).collect();
                let count = most(&ends, |cut| fitting(cut.at)).max(1);
                ends.get(count.saturating_sub(1)).map_or(text.len(), |cut| cut.at)
            })
        });
        parts.push(text.get(start..end).unwrap_or_default().trim_end());
        start = end;
    }
    parts
}
