//! What an answer to a line means: kept, asked again, waited for, or the end of the batch.

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer is kept: as one, or as an error.
    Kept {
        /// As one.
        ok: bool,
    },
    /// It is asked again soon: what failed may pass.
    Again,
    /// There is no room in a rate limit for so many ms. The line is asked again, however often.
    Wait {
        /// How long.
        ms: u64,
    },
    /// The key is no longer accepted, so no line of the batch will be.
    Refused,
}

/// How often a line is asked whose answer is a failure.
pub const TRIES: u8 = 3;
/// How long to wait before a line is asked again, in ms, for each time that it was.
pub const AGAIN_MS: u32 = 1_000;
/// The shortest and the longest wait for room in a rate limit, in ms. A message of the queue can wait for 12 hours.
const SHORTEST_WAIT_MS: u64 = 1_000;
const LONGEST_WAIT_MS: u64 = 3_600_000;
/// Of a window, the part in which enough of a limit comes back for a part of a batch.
const SHARE: u64 = 20;
/// The wait after a refusal that says nothing, in ms.
const UNKNOWN_MS: u64 = 3_000;

/// Windows by the names that they have in headers, and their length in ms.
const WINDOWS: [(&str, u64); 3] = [("minute", 60_000), ("hour", 3_600_000), ("day", 86_400_000)];

/// What an answer means to a line that was asked so often, this time included. Headers have their names in lower case.
pub fn of(status: u16, headers: &[(String, String)], tries: u8) -> Outcome {
    let get = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let final_word = get("x-should-retry") == Some("false");
    match status {
        200..=299 => Outcome::Kept { ok: true },
        401 => Outcome::Refused,
        429 if !final_word => Outcome::Wait { ms: wait_ms(get) },
        408 | 500.. if !final_word && tries < TRIES => Outcome::Again,
        _ => Outcome::Kept { ok: false },
    }
}

/// How long to wait for room: what `retry-after` says, or what the reset headers of the limits that are used up do. Limits fill up
/// continuously, and a reset is when they are full, which is longer than a few lines have to wait.
fn wait_ms<'h>(get: impl Fn(&str) -> Option<&'h str>) -> u64 {
    let said = get("retry-after-ms").and_then(whole_ms).or_else(|| get("retry-after").and_then(seconds));
    let used_up = || {
        let limits = WINDOWS.iter().flat_map(|window| ["requests", "tokens"].map(|what| (window, what)));
        let waits = limits.filter_map(|((window, length_ms), what)| {
            let left = seconds(get(&format!("x-ratelimit-remaining-{what}-{window}"))?)?;
            let reset_ms = seconds(get(&format!("x-ratelimit-reset-{what}-{window}"))?)?;
            // `seconds` counts thousandths: less than one is left.
            (left < 1000).then(|| reset_ms.min(length_ms / SHARE))
        });
        waits.max()
    };
    said.or_else(used_up).unwrap_or(UNKNOWN_MS).clamp(SHORTEST_WAIT_MS, LONGEST_WAIT_MS)
}

/// A number of seconds, which may have many digits behind its point, in ms, rounded up.
fn seconds(text: &str) -> Option<u64> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = rest.chars().chain("000".chars()).take(3).collect();
    let beyond = u64::from(rest.bytes().skip(3).any(|byte| byte != b'0'));
    Some(whole.parse::<u64>().ok()?.saturating_mul(1000).saturating_add(thousandths.parse().ok()?).saturating_add(beyond))
}

fn whole_ms(text: &str) -> Option<u64> {
    seconds(text).map(|thousandths| thousandths.div_ceil(1000))
}
