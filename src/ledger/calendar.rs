//! Days and months of the calendar, in UTC. A day is a number: how many lie between it and 1 January 1970.

/// The length of a day in ms.
pub const DAY_MS: u64 = 86_400_000;

/// The last day of the year 9999: what comes later is written as it.
const LAST_DAY: u64 = 2_932_896;

/// The day of a time in ms since 1970.
pub fn day_of(at_ms: u64) -> u64 {
    at_ms.div_euclid(DAY_MS)
}

/// When a day begins, in ms since 1970.
pub fn begins_ms(day: u64) -> u64 {
    day.saturating_mul(DAY_MS)
}

/// Year, month and day of a day.
#[expect(clippy::arithmetic_side_effects, reason = "days up to the year 9999, in a u64")]
fn civil(day: u64) -> (u64, u64, u64) {
    // Days are counted from 1 March of the year 0, so that a leap day is the last of its year; 400 years are a whole number of days.
    let since_march = day.min(LAST_DAY) + 719_468;
    let (era, of_era) = (since_march / 146_097, since_march % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// The day with a year from 1970 to 9999, a month and a day of the month; which must be one.
#[expect(clippy::arithmetic_side_effects, reason = "bounded at the beginning")]
fn from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = year - u64::from(month <= 2);
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let number = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)?;
    (civil(number) == (year, month, day)).then_some(number)
}

/// The first day of the month that a day is in, and the first of the next.
pub fn month_of(day: u64) -> (u64, u64) {
    let (year, month, _) = civil(day);
    let first = from_civil(year, month, 1).unwrap_or_default();
    let (next_year, next_month) = if month == 12 { (year.saturating_add(1), 1) } else { (year, month.saturating_add(1)) };
    (first, from_civil(next_year, next_month, 1).unwrap_or(u64::MAX))
}

/// A day as `YYYY-MM-DD`.
pub fn written(day: u64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Reads `YYYY-MM-DD`.
pub fn read(text: &str) -> Option<u64> {
    let well_formed = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let mut parts = text.split('-').map(|part| part.parse::<u64>().ok());
    let day = from_civil(parts.next()??, parts.next()??, parts.next()??)?;
    well_formed.then_some(day)
}
