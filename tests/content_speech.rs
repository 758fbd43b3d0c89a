//! Texts for listening, and plans as calendars and tables.
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

use maya_edge::content::export::{Planned, calendar, table};
use maya_edge::content::platform::Platform;
use maya_edge::content::speech::script;
use proptest::prelude::*;
use support::{cases, posts};

fn said(text: &str) -> String {
    script(text, 150).text
}

#[test]
fn figures_signs_and_abbreviations_are_said() {
    for (written, spoken) in [
        ("We cut costs by 42%.", "We cut costs by forty-two percent."),
        ("It costs $3.50 today.", "It costs three dollars and fifty cents today."),
        ("Raised $2.5 million.", "Raised two point five million dollars."),
        ("Raised $10M, e.g. from Acme.", "Raised ten million dollars, for example from Acme."),
        ("1,234,567 people", "one million two hundred thirty-four thousand five hundred sixty-seven people."),
        ("On 2026-12-01 at 9:05 a.m.", "On December first, twenty twenty-six at nine oh five A M."),
        ("Since 1999 and in 2005", "Since nineteen ninety-nine and in two thousand five."),
        ("The 21st and 3rd try", "The twenty-first and third try."),
        ("5 km in 24h & 10 ms", "five kilometers in twenty-four hours and ten milliseconds."),
        ("Pages 10-20 (of 300)", "Pages ten to twenty (of three hundred)."),
        ("A 24-hour sale, 1 GB vs. 2 GB", "A twenty-four hour sale, one gigabyte versus two gigabytes."),
        ("Read https://www.example.com/a?b=c now", "Read example dot com now."),
        ("By @acme_team for #BlackFriday 🎉", "By acme team for Black Friday."),
        ("3.14 and -5 and 100+", "three point one four and minus five and more than one hundred."),
        ("Call 007", "Call zero zero seven."),
        ("Win €1 or 20£", "Win one euro or twenty pounds."),
        ("🎉🎉", ""),
    ] {
        assert_eq!(said(written), spoken);
    }
}

#[test]
fn pauses_stand_between_sentences_and_paragraphs_and_count() {
    let text = "One two three. Four five six.\n\nSeven <eight> & nine.";
    let script = script(text, 150);
    assert_eq!(script.text, "One two three.\nFour five six.\n\nSeven <eight> and nine.");
    assert_eq!(
        script.ssml,
        "<speak version=\"1.1\" xmlns=\"http://www.w3.org/2001/10/synthesis\" xml:lang=\"en\"><p><s>One two three.</s><break time=\"400ms\"/><s>Four five six.</s></p><break time=\"800ms\"/><p><s>Seven &lt;eight&gt; and nine.</s></p></speak>"
    );
    // Ten words at 150 a minute are four seconds, and the pauses 1.2.
    assert_eq!((script.words, script.seconds), (10, 5.2));
}

#[test]
fn the_duration_keeps_to_the_word_rate_within_5_percent() {
    let text = "The team moved the cache last week and the bill fell by half. ".repeat(40);
    for rate in [100, 150, 200] {
        let script = script(&text, rate);
        let expected = 40.0 * 13.0 * 60.0 / f64::from(rate) + 39.0 * 0.4;
        assert!((script.seconds - expected).abs() / expected < 0.05, "{} {expected}", script.seconds);
    }
    assert_eq!(script("one", 1).words_a_minute, 80);
}

fn planned(text: &str, at_ms: u64) -> Planned {
    Planned { id: "p1".to_owned(), platform: Platform::X, at_ms, text: text.to_owned(), length: text.len(), status: "ready".to_owned() }
}

/// A calendar's lines as they were before they were folded.
fn unfolded(calendar: &str) -> Vec<String> {
    calendar.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
}

#[test]
fn a_calendar_has_its_events_in_utc_and_escaped() {
    let written = calendar("Launch, winter", &[planned("Hi; all, of\nyou \\o/", 1_796_083_200_000)], 0);
    let lines = unfolded(&written);
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "X-WR-CALNAME:Launch\\, winter",
        "UID:p1@maya-edge",
        "DTSTAMP:19700101T000000Z",
        "DTSTART:20261201T000000Z",
        "SUMMARY:x: Hi\\; all\\, of",
        "DESCRIPTION:Hi\\; all\\, of\\nyou \\\\o/",
        "END:VEVENT",
        "END:VCALENDAR",
    ] {
        assert!(lines.iter().any(|other| other == line), "{line} in {lines:?}");
    }
}

#[test]
fn a_table_quotes_its_fields_and_no_field_is_a_formula() {
    let rows = table(&[planned("say \"hi\", you", 0), planned("=1+1", 0), planned("@name, hello", 60_000), planned(" -1", 0)]);
    let lines: Vec<&str> = rows.split("\r\n").collect();
    assert_eq!(
        lines,
        [
            "id,platform,date,time,status,length,text",
            "p1,x,1970-01-01,00:00:00Z,ready,13,\"say \"\"hi\"\", you\"",
            "p1,x,1970-01-01,00:00:00Z,ready,4,'=1+1",
            "p1,x,1970-01-01,00:01:00Z,ready,12,\"'@name, hello\"",
            "p1,x,1970-01-01,00:00:00Z,ready,3,' -1",
            "",
        ]
    );
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_script_is_well_formed_whatever_the_text(text in posts()) {
        let script = script(&text, 150);
        let inner = script.ssml.replace("<break time=\"400ms\"/>", "").replace("<break time=\"800ms\"/>", "");
        prop_assert_eq!(inner.matches("<s>").count(), inner.matches("</s>").count());
        prop_assert_eq!(inner.matches("<p>").count(), inner.matches("</p>").count());
        let marks = inner.matches("<s>").count() + inner.matches("<p>").count() + 1;
        prop_assert_eq!(inner.matches('<').count(), 2 * marks);
        prop_assert!(script.seconds >= 0.0 && script.seconds.is_finite());
    }

    #[test]
    fn a_calendar_folds_at_75_bytes_and_unfolds_to_the_text(text in posts()) {
        let written = calendar("n", &[planned(&text, 1_796_083_200_000)], 1);
        for line in written.split("\r\n") {
            prop_assert!(line.len() <= 75);
            prop_assert!(!line.contains(['\n', '\r']));
        }
        let described = unfolded(&written).into_iter().find_map(|line| line.strip_prefix("DESCRIPTION:").map(str::to_owned)).unwrap();
        let mut read = String::new();
        let mut characters = described.chars();
        while let Some(character) = characters.next() {
            read.push(match character { '\\' => match characters.next() { Some('n') => '\n', Some(other) => other, None => '\\' }, other => other });
        }
        let expected: String = text.replace("\r\n", "\n").replace('\r', "\n").chars().map(|character| if character.is_control() && character != '\n' { ' ' } else { character }).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_table_reads_back_as_it_was_written(text in posts()) {
        let written = table(&[planned(&text, 0)]);
        let row = written.strip_prefix("id,platform,date,time,status,length,text\r\n").unwrap();
        let field = row.splitn(7, ',').nth(6).unwrap().strip_suffix("\r\n").unwrap();
        let read = field.strip_prefix('"').map_or_else(|| field.to_owned(), |inner| inner.strip_suffix('"').unwrap().replace("\"\"", "\""));
        prop_assert_eq!(read.strip_prefix('\'').filter(|_| !text.starts_with('\'')).unwrap_or(&read), &text);
        prop_assert!(!read.starts_with(['=', '+', '-', '@']));
    }
}
