//! Query strings of the resources that are asked with one. An unknown parameter is refused: a filter that is not heard would show more
//! than was asked for.

use crate::admission::calendar;
use crate::admission::change::check_tenant;
use crate::error::Error;
use crate::ledger::calendar::begins_ms;
use crate::ledger::message::{AuditQuery, UsageQuery};
use crate::telemetry::message::{Interval, Query as Analytics};
use crate::telemetry::register::NAMES;
use crate::telemetry::roi::ASSUMPTIONS;

/// The most entries of the audit in one answer in JSON.
pub const PAGE: u32 = 1000;
/// The most entries of the audit in one answer in lines.
pub const MOST_LINES: u32 = 100_000;
/// Entries of the audit in one answer in JSON, unless the caller says otherwise.
const USUAL_PAGE: u32 = 100;
/// The longest value of a filter, in bytes.
const LONGEST_FILTER: usize = 256;
/// By what usage can be grouped.
const GROUPS: [&str; 4] = ["day", "model", "key", "user"];

/// The parameters of `/v1/analytics/roi`.
pub const OF_RETURN: [&str; 7] =
    ["tenant", "from", "to", "minutes_by_hand", "minutes_of_review", "hourly_wage_micro_dollars", "fixed_cost_micro_dollars"];

/// The assumptions that a query states, in the order of [`ASSUMPTIONS`].
///
/// # Errors
/// 400 for what is no whole number.
pub fn stated(query: &Query) -> Result<[Option<u64>; 4], Error> {
    let mut stated = [None; 4];
    for (place, assumption) in stated.iter_mut().zip(ASSUMPTIONS) {
        *place = query.number(assumption.name)?;
    }
    Ok(stated)
}

/// A text without its percent-encoding (RFC 3986 section 2.1); none when it is broken or no UTF-8.
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(if byte == b'%' { digit(rest.next())? << 4 | digit(rest.next())? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

/// The id of an end user in a path.
///
/// # Errors
/// 400 for an empty one, one of more than 256 bytes, or a broken encoding.
pub fn user(segment: &str) -> Result<String, Error> {
    let message = "The end user's id in the path must have 1 to 256 bytes, percent-encoded UTF-8.";
    decoded(segment).filter(|user| (1..=LONGEST_FILTER).contains(&user.len())).ok_or_else(|| Error::invalid("wrong_value", "user", message))
}

/// The parameters of a query that a resource knows.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query (`application/x-www-form-urlencoded`). An empty value is the same as none.
    ///
    /// # Errors
    /// 400 naming a parameter that is not known, stands twice, or is wrongly encoded.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Error> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |text: &str| decoded(&text.replace('+', " "));
            let Some(name) = read(name).filter(|name| known.contains(&&**name)) else {
                let shown: String = name.chars().take(64).collect();
                let message = format!("The parameter `{shown}` is not known here. Use {}.", known.join(", "));
                return Err(Error::invalid("unknown_parameter", shown, message));
            };
            let value = read(value).filter(|value| value.len() <= LONGEST_FILTER);
            let value = value.ok_or_else(|| wrong(&name, "must be percent-encoded UTF-8 of at most 256 bytes"))?;
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(wrong(&name, "stands twice: keep the one that you mean"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter, if it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The tenant that is asked for.
    ///
    /// # Errors
    /// 400 for what cannot be the name of one.
    pub fn tenant(&self) -> Result<Option<&str>, Error> {
        self.get("tenant").map(|tenant| check_tenant(tenant).map(|()| tenant)).transpose()
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        self.get(name).map(|text| text.parse().map_err(|_| wrong(name, "must be a whole number, not below 0"))).transpose()
    }

    /// How many of something are asked for, from 1 on.
    ///
    /// # Errors
    /// 400 for another number.
    pub fn limit(&self, usual: u64, most: u64) -> Result<u64, Error> {
        let limit = self.number("limit")?.unwrap_or(usual);
        let told = || wrong("limit", &format!("must be a whole number from 1 to {most}"));
        Some(limit).filter(|limit| (1..=most).contains(limit)).ok_or_else(told)
    }

    /// A time, or the beginning of a day, in ms since 1970.
    fn instant(&self, name: &str) -> Result<Option<u64>, Error> {
        let read = |text: &str| crate::ledger::calendar::read(text).map(begins_ms).or_else(|| calendar::instant(text));
        let told = || wrong(name, "must be a time such as 2026-12-31T23:59:59Z, or a day such as 2026-12-31");
        self.get(name).map(|text| read(text).ok_or_else(told)).transpose()
    }

    fn date(&self, name: &str) -> Result<Option<(u64, String)>, Error> {
        let read = |text: &str| calendar::day(text).map(|day| (day, text.to_owned()));
        self.get(name).map(|text| read(text).ok_or_else(|| wrong(name, "must be a day such as 2026-12-31"))).transpose()
    }
}

/// A value that cannot be so.
pub fn wrong(parameter: &str, message: &str) -> Error {
    Error::invalid("wrong_value", parameter, format!("`{parameter}` {message}."))
}

/// The parameters of `/v1/usage`.
pub const OF_USAGE: [&str; 7] = ["tenant", "from", "to", "by", "key", "model", "user"];

/// Which usage is asked for.
///
/// # Errors
/// 400 naming the parameter that cannot be so.
pub fn usage(query: &Query) -> Result<UsageQuery, Error> {
    let (from, to) = (query.date("from")?, query.date("to")?);
    if from.as_ref().zip(to.as_ref()).is_some_and(|((from, _), (to, _))| from > to) {
        return Err(wrong("from", "is behind `to`: give the earlier day first"));
    }
    let mut by: Vec<String> = Vec::new();
    for group in query.get("by").into_iter().flat_map(|by| by.split(',')) {
        if !GROUPS.contains(&group) || by.iter().any(|known| known == group) {
            return Err(wrong("by", "must name some of day, model, key and user, each once, with commas between them"));
        }
        by.push(group.to_owned());
    }
    Ok(UsageQuery {
        from: from.map(|(_, date)| date),
        to: to.map(|(_, date)| date),
        by,
        key: query.owned("key"),
        model: query.owned("model"),
        user: query.owned("user"),
    })
}

/// The parameters of `/v1/audit`.
pub const OF_AUDIT: [&str; 9] = ["tenant", "format", "after", "limit", "what", "who", "user", "from_ms", "to_ms"];

/// How the audit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One page, as a JSON object.
    Page,
    /// All entries, one JSON object a line.
    Lines,
}

/// Which entries of the audit are asked for, and how they are to be written. In lines, the limit is that of all of them together.
///
/// # Errors
/// 400 naming the parameter that cannot be so.
pub fn audit(query: &Query, accept: Option<&str>) -> Result<(AuditQuery, Format), Error> {
    let format = match query.get("format") {
        None if accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("application/x-ndjson")) => Format::Lines,
        None | Some("json") => Format::Page,
        Some("ndjson") => Format::Lines,
        Some(_) => return Err(wrong("format", "must be json or ndjson")),
    };
    let (usual, most) = match format {
        Format::Page => (USUAL_PAGE, PAGE),
        Format::Lines => (MOST_LINES, MOST_LINES),
    };
    let limit = match query.number("limit")? {
        None => usual,
        Some(limit) => u32::try_from(limit)
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| wrong("limit", &format!("must be a whole number from 1 to {most}")))?,
    };
    let (from_ms, to_ms) = (query.number("from_ms")?, query.number("to_ms")?);
    if from_ms.zip(to_ms).is_some_and(|(from, to)| from > to) {
        return Err(wrong("from_ms", "is behind `to_ms`: give the earlier time first"));
    }
    let after = query.number("after")?.unwrap_or_default();
    let (what, who, user) = (query.owned("what"), query.owned("who"), query.owned("user"));
    Ok((AuditQuery { after, limit, what, who, user, from_ms, to_ms }, format))
}

/// The parameters of `/v1/analytics`.
pub const OF_ANALYTICS: [&str; 5] = ["tenant", "from", "to", "interval", "group_by"];

/// The most intervals in one answer.
const MOST_INTERVALS: u64 = 1_500;

/// Which counts are asked for; all labels, and the last hour, unless the query says otherwise.
///
/// # Errors
/// 400 naming the parameter that cannot be so.
pub fn analytics(query: &Query, now_ms: u64) -> Result<Analytics, Error> {
    let to_ms = query.instant("to")?.unwrap_or_else(|| now_ms.saturating_add(1));
    let given = match query.get("interval") {
        Some(name) => Some(Interval::named(name).ok_or_else(|| wrong("interval", "must be minute, hour or day"))?),
        None => None,
    };
    let usual_ms = match given.unwrap_or_default() {
        Interval::Minute => Interval::Hour.ms(),
        Interval::Hour => Interval::Day.ms(),
        Interval::Day => Interval::Day.ms().saturating_mul(30),
    };
    let from_ms = query.instant("from")?.unwrap_or_else(|| to_ms.saturating_sub(usual_ms));
    if from_ms >= to_ms {
        return Err(wrong("from", "must be before `to`"));
    }
    // The shortest that is still kept and makes a list that one can look at.
    let long_ms = to_ms.saturating_sub(from_ms);
    let fits = |interval: &Interval| {
        long_ms <= interval.ms().saturating_mul(500) && now_ms.saturating_sub(from_ms) <= interval.kept_ms().saturating_sub(interval.ms())
    };
    let interval = given.unwrap_or_else(|| [Interval::Minute, Interval::Hour].into_iter().find(fits).unwrap_or(Interval::Day));
    if long_ms.div_euclid(interval.ms()) > MOST_INTERVALS {
        let message = format!("is more than {MOST_INTERVALS} intervals before `to`: choose a longer `interval`, or ask for less time");
        return Err(wrong("from", &message));
    }
    let mut group_by: Vec<String> = Vec::new();
    for name in query.get("group_by").into_iter().flat_map(|names| names.split(',')) {
        if !NAMES.contains(&name) || group_by.iter().any(|known| known == name) {
            let message = format!("must name some of {}, each once, with commas between them", NAMES.join(", "));
            return Err(wrong("group_by", &message));
        }
        group_by.push(name.to_owned());
    }
    Ok(Analytics { from_ms: interval.begin(from_ms), to_ms, interval, group_by, tenant: None })
}
