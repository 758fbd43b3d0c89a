//! Dates and times as people write them, on the calendar of RFC 3339 (UTC).

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// The days before a year, from the year 0 of the calendar on.
fn days_before(year: u64) -> u64 {
    let past = year.saturating_sub(1);
    year.saturating_mul(365).saturating_add(past / 4).saturating_sub(past / 100).saturating_add(past / 400)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The days from 1970-01-01 to a date that is written `YYYY-MM-DD`; none for what is no date, or one before 1970.
pub fn day(date: &str) -> Option<u64> {
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month).ok()?.checked_sub(1)?;
    let fits = parts.next().is_none() && day >= 1 && months.get(before).is_some_and(|days| day <= *days);
    let in_year = months.iter().take(before).fold(day.checked_sub(1)?, |sum, days| sum.saturating_add(*days));
    fits.then(|| days_before(year).saturating_add(in_year).checked_sub(days_before(1970))).flatten()
}

/// A time that is written by RFC 3339, such as `2026-12-31T23:59:59Z`, in ms since 1970.
pub fn instant(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    // A leap second is written 60.
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let (ms, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, zone) = fraction.split_at_checked(digits)?;
            let ms: String = fraction.chars().chain("000".chars()).take(3).collect();
            ((digits > 0).then(|| number(&ms, 3)).flatten()?, zone)
        }
    };
    let local = day(date)?
        .checked_mul(DAY_MS)?
        .checked_add(hours.checked_mul(3_600_000)?)?
        .checked_add(minutes.checked_mul(60_000)?)?
        .checked_add(seconds.checked_mul(1000)?)?
        .checked_add(ms)?;
    if zone.eq_ignore_ascii_case("z") {
        return Some(local);
    }
    let (east, offset) = match zone.strip_prefix('+') {
        Some(offset) => (true, offset),
        None => (false, zone.strip_prefix('-')?),
    };
    let (hours, minutes) = offset.split_once(':')?;
    let (hours, minutes) = (number(hours, 2).filter(|hours| *hours <= 23)?, number(minutes, 2).filter(|minutes| *minutes <= 59)?);
    let offset = hours.checked_mul(3_600_000)?.checked_add(minutes.checked_mul(60_000)?)?;
    if east { local.checked_sub(offset) } else { local.checked_add(offset) }
}
