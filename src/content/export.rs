//! Posts by platform and date as a calendar (iCalendar, RFC 5545) and as a table (CSV, RFC 4180).

use super::platform::Platform;

/// A post of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// A name that stays the same when the plan is exported again.
    pub id: String,
    /// Where it is posted.
    pub platform: Platform,
    /// When, in ms since 1970 (UTC).
    pub at_ms: u64,
    /// The text.
    pub text: String,
    /// Its length, by the platform's count.
    pub length: usize,
    /// What became of it, such as `ready` or `failed`.
    pub status: String,
}

/// Year, month, day, hour, minute and second (UTC) of a time in ms since 1970.
fn civil(at_ms: u64) -> String {
    let day = crate::ledger::calendar::written(crate::ledger::calendar::day_of(at_ms)).replace('-', "");
    let seconds = at_ms / 1000 % 86_400;
    format!("{day}T{:02}{:02}{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The longest line of a calendar, in bytes without its end (RFC 5545, 3.1).
const LINE: usize = 75;

/// A line, folded: a continuation begins with a space, and no character is cut.
fn fold(line: &str, written: &mut String) {
    let mut filled = 0_usize;
    for character in line.chars() {
        if filled.saturating_add(character.len_utf8()) > LINE {
            written.push_str("\r\n ");
            filled = 1;
        }
        written.push(character);
        filled = filled.saturating_add(character.len_utf8());
    }
    written.push_str("\r\n");
}

/// A text as a value of a calendar (RFC 5545, 3.3.11). Control characters, which it has no way to say, become spaces.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\\' | ';' | ',' => {
                written.push('\\');
                written.push(character);
            }
            '\n' | '\r' => written.push_str("\\n"),
            _ if character.is_control() => written.push(' '),
            _ => written.push(character),
        }
    }
    written
}

/// A calendar with an event for each post, 15 minutes long, that takes no time. `stamp_ms` is when the calendar is made.
pub fn calendar(name: &str, posts: &[Planned], stamp_ms: u64) -> String {
    let mut written = String::new();
    fold("BEGIN:VCALENDAR", &mut written);
    fold("VERSION:2.0", &mut written);
    fold("PRODID:-//maya-edge//posts//EN", &mut written);
    fold("CALSCALE:GREGORIAN", &mut written);
    fold(&format!("X-WR-CALNAME:{}", escaped(name)), &mut written);
    for post in posts {
        let first = post.text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let title: String = first.chars().take(60).collect();
        let title = if title.len() < first.len() { format!("{title}…") } else { title };
        for line in [
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}@maya-edge", escaped(&post.id)),
            format!("DTSTAMP:{}", civil(stamp_ms)),
            format!("DTSTART:{}", civil(post.at_ms)),
            "DURATION:PT15M".to_owned(),
            format!("SUMMARY:{}", escaped(&format!("{}: {title}", post.platform.name()))),
            format!("DESCRIPTION:{}", escaped(&post.text)),
            format!("CATEGORIES:{}", post.platform.name()),
            "TRANSP:TRANSPARENT".to_owned(),
            format!("STATUS:{}", if post.status == "failed" { "CANCELLED" } else { "CONFIRMED" }),
            "END:VEVENT".to_owned(),
        ] {
            fold(&line, &mut written);
        }
    }
    fold("END:VCALENDAR", &mut written);
    written
}

/// A field of a table. What a spreadsheet would take for a formula gets an apostrophe before it.
fn field(text: &str) -> String {
    let formula = text.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r', ';', '\t']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// A table with a header and a row for each post; times as RFC 3339 in UTC.
pub fn table(posts: &[Planned]) -> String {
    let mut written = String::from("id,platform,date,time,status,length,text\r\n");
    for post in posts {
        let seconds = post.at_ms / 1000 % 86_400;
        let row = [
            field(&post.id),
            post.platform.name().to_owned(),
            crate::ledger::calendar::written(crate::ledger::calendar::day_of(post.at_ms)),
            format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60),
            field(&post.status),
            post.length.to_string(),
            field(&post.text),
        ];
        written.push_str(&row.join(","));
        written.push_str("\r\n");
    }
    written
}
