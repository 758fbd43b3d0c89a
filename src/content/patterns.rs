//! What a history of posts with its figures shows: which features go with more engagement, by how much, and how sure that is.
//!
//! All figures are reckoned here, none by a model. Posts with a feature are held against those without it by Welch's t-test on the rates of
//! engagement, each post counting once. Several features are looked at, so each interval is made wider for it (Bonferroni): together they hold
//! what is true with 95 %, as far as posts are independent of each other. What goes with a feature need not come from it.

use super::emoji::is_emoji;
use super::entities::{Entity, Kind, entities};
use super::platform::Platform;

/// The fewest posts, with a feature and without it, that say anything.
pub const FEWEST: usize = 3;
/// The most posts that a pattern cites.
const CITED: usize = 3;
/// The chance of an interval that does not hold what is true, of all features together.
const CHANCE: f64 = 0.05;
const MINUTES_OF_DAY: u64 = 1440;

/// A post that was published, with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// The caller's name of it.
    pub id: String,
    /// The text.
    pub text: String,
    /// Where it stood.
    pub platform: Platform,
    /// When it was published, in ms since 1970.
    pub published_ms: Option<u64>,
    /// How often it was shown; more than 0.
    pub impressions: u64,
    /// How often somebody did something with it.
    pub engagements: u64,
}

impl Past {
    /// Engagements an impression, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts far below 2^53")]
    pub fn rate(&self) -> f64 {
        (self.engagements as f64 / self.impressions.max(1) as f64).min(1.0)
    }
}

/// Something that a post has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// It asks something.
    Question,
    /// It has a link.
    Link,
    /// It has a hashtag.
    Hashtag,
    /// It has three hashtags or more.
    ManyHashtags,
    /// It names somebody.
    Mention,
    /// It has an emoji.
    Emoji,
    /// It has a figure.
    Number,
    /// It is shorter than the middle of the history.
    Short,
    /// It begins with a line of at most sixty characters.
    Hook,
    /// It has several lines.
    Lines,
    /// It was published from 5 to 11 o'clock (UTC).
    Morning,
    /// It was published from 17 o'clock to midnight (UTC).
    Evening,
    /// It was published on a Saturday or Sunday (UTC).
    Weekend,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Question,
        Self::Link,
        Self::Hashtag,
        Self::ManyHashtags,
        Self::Mention,
        Self::Emoji,
        Self::Number,
        Self::Short,
        Self::Hook,
        Self::Lines,
        Self::Morning,
        Self::Evening,
        Self::Weekend,
    ];

    /// Its name, and what to do to have it or not to have it.
    pub const fn named(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Question => ("question", "Ask the reader something", "State it, and ask nothing"),
            Self::Link => ("link", "Give a link", "Leave links out of the post"),
            Self::Hashtag => ("hashtag", "Use a hashtag", "Use no hashtags"),
            Self::ManyHashtags => ("many_hashtags", "Use three hashtags or more", "Use two hashtags at the most"),
            Self::Mention => ("mention", "Name somebody by their account", "Mention no accounts"),
            Self::Emoji => ("emoji", "Use an emoji", "Use no emoji"),
            Self::Number => ("number", "Give a figure", "Leave figures out"),
            Self::Short => ("short", "Keep it short", "Take more room"),
            Self::Hook => ("hook", "Begin with a line of at most sixty characters", "Begin with a full sentence"),
            Self::Lines => ("lines", "Break it into lines", "Write it in one piece"),
            Self::Morning => ("morning", "Publish from 5 to 11 o'clock (UTC)", "Do not publish from 5 to 11 o'clock (UTC)"),
            Self::Evening => ("evening", "Publish from 17 o'clock to midnight (UTC)", "Do not publish from 17 o'clock to midnight (UTC)"),
            Self::Weekend => ("weekend", "Publish on Saturday or Sunday (UTC)", "Publish from Monday to Friday (UTC)"),
        }
    }

    /// Whether it is about when, not about what is written.
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Morning | Self::Evening | Self::Weekend)
    }

    /// Whether a post has it; none when nothing tells.
    fn of(self, seen: &Seen, middle: usize) -> Option<bool> {
        let minute = seen.minute;
        Some(match self {
            Self::Question => seen.question,
            Self::Link => seen.links > 0,
            Self::Hashtag => seen.hashtags > 0,
            Self::ManyHashtags => seen.hashtags > 2,
            Self::Mention => seen.mentions > 0,
            Self::Emoji => seen.emoji,
            Self::Number => seen.number,
            Self::Short => seen.length < middle,
            Self::Hook => seen.lines > 1 && seen.first_line <= 60,
            Self::Lines => seen.lines > 1,
            Self::Morning => (300..660).contains(&minute?),
            Self::Evening => minute? >= 1020,
            // 1970-01-01 was a Thursday.
            Self::Weekend => matches!(seen.day? % 7, 2 | 3),
        })
    }
}

/// What is seen of a post.
struct Seen {
    question: bool,
    links: usize,
    hashtags: usize,
    mentions: usize,
    emoji: bool,
    number: bool,
    length: usize,
    first_line: usize,
    lines: usize,
    minute: Option<u64>,
    day: Option<u64>,
}

impl Seen {
    fn of(past: &Past) -> Self {
        let text = past.text.trim();
        let found: Vec<Entity> = entities(&past.platform.published(), text);
        let count = |kind: Kind| found.iter().filter(|entity| entity.kind == kind).count();
        let outside = |at: usize| !found.iter().any(|entity| (entity.start..entity.end).contains(&at));
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let first_line = lines.next().map_or(0, |line| line.trim().chars().count());
        let minutes = past.published_ms.map(|ms| ms / 60_000);
        Self {
            question: text.char_indices().any(|(at, character)| matches!(character, '?' | '？' | '؟') && outside(at)),
            links: count(Kind::Link),
            hashtags: count(Kind::Hashtag),
            mentions: count(Kind::Mention),
            emoji: text.chars().any(|character| is_emoji(character) && !character.is_ascii()),
            number: text.char_indices().any(|(at, character)| character.is_ascii_digit() && outside(at)),
            length: text.chars().count(),
            first_line,
            lines: lines.count().saturating_add(usize::from(first_line > 0)),
            minute: minutes.map(|minutes| minutes % MINUTES_OF_DAY),
            day: minutes.map(|minutes| minutes / MINUTES_OF_DAY),
        }
    }
}

/// A feature that goes with more or less engagement.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Which.
    pub feature: Feature,
    /// How many posts have it, and how many do not.
    pub counts: (usize, usize),
    /// The mean rate of engagement of those with it, and of those without.
    pub rates: (f64, f64),
    /// The difference of the two, and the interval that it lies in.
    pub difference: f64,
    /// The interval's ends.
    pub interval: (f64, f64),
    /// The posts that show it best, at most three: of the better side, those with the highest rate. Places in the history.
    pub cited: Vec<usize>,
}

impl Pattern {
    /// Whether the interval leaves out that there is no difference.
    pub fn is_certain(&self) -> bool {
        self.interval.0 > 0.0 || self.interval.1 < 0.0
    }

    /// Whether posts with the feature do better.
    pub fn is_gain(&self) -> bool {
        self.difference > 0.0
    }

    /// What to do about it.
    pub const fn advice(&self) -> &'static str {
        let (_, with, without) = self.feature.named();
        if self.difference > 0.0 { with } else { without }
    }
}

/// The middle length of a history's posts, in characters.
pub fn middle(history: &[Past]) -> usize {
    let mut lengths: Vec<usize> = history.iter().map(|past| past.text.trim().chars().count()).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or_default()
}

/// Whether a text for a platform has a feature, beside a history of that middle length; none for a feature of time.
pub fn shown(feature: Feature, platform: Platform, text: &str, middle: usize) -> Option<bool> {
    let past = Past { id: String::new(), text: text.to_owned(), platform, published_ms: None, impressions: 1, engagements: 0 };
    feature.of(&Seen::of(&past), middle)
}

/// The patterns of a history, what is certain first, then by the size of their difference. None for features that fewer than [`FEWEST`] posts
/// have or have not.
pub fn patterns(history: &[Past]) -> Vec<Pattern> {
    let seen: Vec<Seen> = history.iter().map(Seen::of).collect();
    let middle = middle(history);
    let sides: Vec<(Feature, [Vec<usize>; 2])> = Feature::ALL
        .into_iter()
        .map(|feature| {
            let places = |wanted: bool| {
                seen.iter().enumerate().filter(|(_, seen)| feature.of(seen, middle) == Some(wanted)).map(|(place, _)| place).collect()
            };
            (feature, [places(true), places(false)])
        })
        .filter(|(_, sides): &(Feature, [Vec<usize>; 2])| sides.iter().all(|side| side.len() >= FEWEST))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "thirteen at the most")]
    let chance = CHANCE / sides.len().max(1) as f64;
    let mut patterns: Vec<Pattern> = sides.iter().map(|(feature, sides)| pattern(history, *feature, sides, chance)).collect();
    patterns.sort_by(|one, other| other.is_certain().cmp(&one.is_certain()).then(other.difference.abs().total_cmp(&one.difference.abs())));
    patterns
}

fn pattern(history: &[Past], feature: Feature, [with, without]: &[Vec<usize>; 2], chance: f64) -> Pattern {
    let rate = |place: &usize| history.get(*place).map_or(0.0, Past::rate);
    let of = |side: &[usize]| Sample::of(side.iter().map(rate));
    let (one, other) = (of(with), of(without));
    let difference = one.mean - other.mean;
    let half = one.half_interval(&other, chance);
    let mut cited = if difference > 0.0 { with.clone() } else { without.clone() };
    cited.sort_by(|one, other| rate(other).total_cmp(&rate(one)));
    cited.truncate(CITED);
    Pattern {
        feature,
        counts: (with.len(), without.len()),
        rates: (one.mean, other.mean),
        difference,
        interval: (difference - half, difference + half),
        cited,
    }
}

struct Sample {
    count: f64,
    mean: f64,
    /// The square of the mean's standard error.
    error: f64,
}

impl Sample {
    fn of(rates: impl Iterator<Item = f64> + Clone) -> Self {
        let count = rates.clone().map(|_| 1.0).sum::<f64>().max(1.0);
        let mean = rates.clone().sum::<f64>() / count;
        let spread = rates.map(|rate| (rate - mean) * (rate - mean)).sum::<f64>() / (count - 1.0).max(1.0);
        Self { count, mean, error: spread / count }
    }

    /// Half of the interval around the difference of two means (Welch 1947). Two samples without any spread leave nothing open.
    fn half_interval(&self, other: &Self, chance: f64) -> f64 {
        let error = self.error + other.error;
        if error <= 0.0 {
            return 0.0;
        }
        let part = |sample: &Self| sample.error * sample.error / (sample.count - 1.0).max(1.0);
        let freedom = error * error / (part(self) + part(other));
        t_quantile(chance, freedom) * error.sqrt()
    }
}

/// The value that a t-distributed number passes, to either side, with a chance. By G. W. Hill's approximation (algorithm 396, Communications of
/// the ACM 13, 1970), which is good to six digits from five degrees of freedom on; exact for one and two.
pub fn t_quantile(chance: f64, freedom: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, SQRT_2};
    if freedom < 1.5 {
        let angle = chance * FRAC_PI_2;
        return angle.cos() / angle.sin();
    }
    if freedom < 2.5 {
        return (2.0 / (chance * (2.0 - chance)) - 2.0).sqrt();
    }
    let a = 1.0 / (freedom - 0.5);
    let b = 48.0 / (a * a);
    let mut c = ((20_700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * FRAC_PI_2).sqrt() * freedom;
    let mut x = d * chance;
    let mut y = x.powf(2.0 / freedom);
    if y > 0.05 + a {
        x = -SQRT_2 * inverse_erfc(chance);
        y = x * x;
        if freedom < 5.0 {
            c += 0.3 * (freedom - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = a * y * y;
        y = if y > 0.002 { y.exp() - 1.0 } else { 0.5 * y * y + y };
    } else {
        y = ((1.0 / (((freedom + 6.0) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2.0) * 3.0) + 0.5 / (freedom + 4.0)) * y - 1.0)
            * (freedom + 1.0)
            / (freedom + 2.0)
            + 1.0 / y;
    }
    (freedom * y).sqrt()
}

/// The number whose complementary error function is `value`, 0 to 1: by a rational approximation of the normal quantile (Abramowitz and Stegun,
/// 26.2.23), good to 0.0005.
fn inverse_erfc(value: f64) -> f64 {
    let t = (-2.0 * (value / 2.0).ln()).sqrt();
    let normal = t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    normal / std::f64::consts::SQRT_2
}
