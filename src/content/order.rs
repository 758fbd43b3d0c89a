//! What is asked of the content engine: the bodies of `/v1/posts` and what stands below it.

use serde::Deserialize;

mod tasks;
mod tones;

use super::brand::{Brand, check_id, hashtag, is_language, is_link};
use super::film;
use super::history::{Entry, Study};
use super::person::Person;
use super::pictures::{Pictures, checked};
use super::platform::{PLATFORMS, Platform};
use super::speech::{RATES, WORDS_A_MINUTE};
use crate::admission::reading;
use crate::error::Error;
use crate::protocol::json::Document;
use crate::protocol::request::refusal;
use crate::understanding::Mode;
use crate::understanding::asked::end_user;

pub use tasks::Task;
pub use tones::{TONES, Tone};

/// The most posts of one order, platforms times variants: each is written, and a request has two minutes.
pub const MOST_POSTS: usize = 60;
/// The longest instruction, in characters.
const LONGEST_INSTRUCTION: usize = 8000;
/// The longest text, in bytes.
const LONGEST_TEXT: usize = 32 * 1024;
/// The longest description of an audience, in characters.
const LONGEST_AUDIENCE: usize = 500;
/// The most links and the most hashtags.
const MOST_EXTRAS: usize = 10;

/// Which steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Steps {
    /// Whether it is found out what is wanted.
    pub intent: bool,
    /// Whether wording that reads as a machine's is rewritten.
    pub humanizing: bool,
    /// Whether posts are scored.
    pub score: bool,
}

impl Default for Steps {
    fn default() -> Self {
        Self { intent: true, humanizing: true, score: true }
    }
}

/// An order, checked.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is to be done.
    pub task: Task,
    /// The instruction, or the text.
    pub subject: String,
    /// Whether the subject is a text, whose facts survive; else it is an instruction.
    pub from_text: bool,
    /// The platforms, each once, in the order in which they were named.
    pub platforms: Vec<Platform>,
    /// How many posts for each platform.
    pub variants: usize,
    /// The id of the brand.
    pub brand: Option<String>,
    /// The tone.
    pub tone: Option<Tone>,
    /// The language (BCP 47).
    pub language: Option<String>,
    /// Who is to read it.
    pub audience: Option<String>,
    /// Links that every post has.
    pub links: Vec<String>,
    /// Hashtags that every post has where there is room for them, with their signs.
    pub hashtags: Vec<String>,
    /// Which steps are taken.
    pub steps: Steps,
    /// Whether what is too long for one post becomes a thread, where the platform has threads.
    pub thread: bool,
    /// The model.
    pub model: Option<String>,
    /// What it may cost at the most, in micro-dollars.
    pub most: Option<u64>,
    /// Who may score.
    pub mode: Mode,
    /// Whether progress is told in a stream.
    pub stream: bool,
    /// The end user that the caller names.
    pub user: Option<String>,
    /// Whether the call may be kept.
    pub stored: bool,
    /// The history of published posts.
    pub study: Option<Study>,
    /// Who the posts are for.
    pub person: Option<Person>,
    /// What the posts show.
    pub pictures: Pictures,
    /// How long a video is to take, in seconds.
    pub seconds: Option<u32>,
    /// The rate of speaking.
    pub words_a_minute: u32,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    instruction: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    platforms: Option<Vec<String>>,
    #[serde(default)]
    variants: Option<u32>,
    #[serde(default)]
    brand: Option<String>,
    #[serde(default)]
    tone: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    audience: Option<String>,
    #[serde(default)]
    links: Option<Vec<String>>,
    #[serde(default)]
    hashtags: Option<Vec<String>>,
    #[serde(default)]
    steps: Option<Steps>,
    #[serde(default)]
    thread: Option<bool>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    most_micro_dollars: Option<u64>,
    #[serde(default)]
    edge: Option<Mode>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    store: Option<bool>,
    #[serde(default)]
    images: Option<Vec<String>>,
    #[serde(default)]
    seconds: Option<u32>,
    #[serde(default)]
    words_per_minute: Option<u32>,
}

/// A field that cannot be as it is.
pub fn wrong(path: impl Into<String>, what: &str) -> Error {
    let path = path.into();
    let message = format!("`{path}` {what}.");
    Error::invalid("wrong_value", path, message)
}

impl Order {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn read(task: Task, body: &[u8]) -> Result<Self, Error> {
        // One type for all bodies is a fifth of the code of five; so what each of them knows is checked here.
        let document = Document::read(body).map_err(refusal)?;
        let root = document.root();
        for (key, _) in root.members() {
            if !task.fields().any(|known| key.is(known)) {
                let shown: String = key.text().unwrap_or_default().chars().take(64).collect();
                let known: Vec<&str> = task.fields().collect();
                let message = format!("`{shown}` is not known here. Use one of {}.", known.join(", "));
                return Err(Error::invalid("unknown_field", shown, message));
            }
        }
        let body: Body = reading::value(root)?;
        let (subject, from_text) = subject(task, body.instruction, body.text)?;
        let person = if task == Task::Personalize { Some(Person::read(root)?) } else { None };
        let study = if task == Task::Optimize { Some(Study::of(reading::required::<Vec<Entry>>(root, "history")?)?) } else { None };
        let order = Self {
            task,
            subject,
            from_text,
            platforms: platforms(task, body.platforms)?,
            variants: body.variants.map_or(1, |given| usize::try_from(given).unwrap_or(usize::MAX)),
            brand: body.brand,
            tone: body.tone.map(|name| tone(&name)).transpose()?,
            language: body.language.or_else(|| person.as_ref().and_then(Person::language).map(str::to_owned)),
            audience: body.audience.filter(|text| !text.trim().is_empty()),
            links: body.links.unwrap_or_default(),
            hashtags: hashtags(body.hashtags.unwrap_or_default())?,
            steps: body.steps.unwrap_or_default(),
            thread: body.thread.unwrap_or(task == Task::Adapt || task == Task::Preview),
            model: body.model,
            most: body.most_micro_dollars,
            mode: body.edge.unwrap_or(Mode::Only),
            stream: body.stream == Some(true),
            user: end_user(body.user)?,
            stored: body.store != Some(false),
            study,
            person,
            pictures: checked(body.images.unwrap_or_default())?,
            seconds: body.seconds,
            words_a_minute: body.words_per_minute.unwrap_or(WORDS_A_MINUTE),
        };
        order.check()?;
        Ok(order)
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=10).contains(&self.variants) {
            return Err(wrong("variants", "must be a whole number from 1 to 10"));
        }
        if self.variants.saturating_mul(self.platforms.len()) > MOST_POSTS {
            let message = format!("asks for more than {MOST_POSTS} posts with these platforms. Ask for fewer, or send several requests");
            return Err(wrong("variants", &message));
        }
        if !(RATES.0..=RATES.1).contains(&self.words_a_minute) {
            return Err(wrong("words_per_minute", &format!("must be a whole number from {} to {}", RATES.0, RATES.1)));
        }
        if self.task == Task::Video {
            film::check(self.seconds, &self.platforms)?;
        }
        if let Some(brand) = &self.brand {
            check_id(brand)?;
        }
        if self.language.as_deref().is_some_and(|code| !is_language(code)) {
            return Err(wrong("language", "must be a code such as `en` or `pt-BR` (BCP 47)"));
        }
        if self.audience.as_ref().is_some_and(|text| text.chars().count() > LONGEST_AUDIENCE) {
            return Err(wrong("audience", &format!("is longer than {LONGEST_AUDIENCE} characters")));
        }
        if self.model.as_ref().is_some_and(|id| id.is_empty() || id.len() > 200) {
            return Err(wrong("model", "must be the id or alias of a model, or `auto`"));
        }
        if self.links.len() > MOST_EXTRAS {
            return Err(wrong("links", &format!("has more than {MOST_EXTRAS} entries")));
        }
        match self.links.iter().position(|link| !is_link(link) || link.len() > 2048) {
            Some(place) => Err(wrong(format!("links[{place}]"), "must be one link that begins with https:// or http://")),
            None => Ok(()),
        }
    }

    /// The field that says what it is about.
    pub const fn subject_field(&self) -> &'static str {
        if self.from_text { "text" } else { "instruction" }
    }

    /// All that was given for the posts, the brand's words too, as a text whose facts they may have.
    pub fn given(&self, brand: Option<&Brand>) -> String {
        let mut given = vec![self.subject.clone(), self.links.join("\n"), self.hashtags.join("\n")];
        given.extend(self.audience.clone());
        if let Some(brand) = brand {
            let lists = [&brand.does, &brand.examples, &brand.links, &brand.hashtags];
            given.extend([brand.name.clone(), brand.voice.clone()]);
            given.extend(lists.iter().map(|list| list.join("\n")));
            given.extend(brand.vocabulary.values().cloned());
        }
        given.extend(self.person.as_ref().map(Person::given));
        given.join("\n")
    }

    /// The language that the result is to be in, where that is known: the caller's word, the person's, else the brand's usual one.
    pub fn wanted_language<'o>(&'o self, languages: &'o [String]) -> Option<&'o str> {
        // What is rewritten stays in its own language unless the caller says otherwise.
        let usual = languages.first().filter(|_| !self.from_text);
        self.language.as_ref().or(usual).map(String::as_str)
    }
}

/// What it is about, and whether that is a text.
fn subject(task: Task, instruction: Option<String>, text: Option<String>) -> Result<(String, bool), Error> {
    let (wants_instruction, wants_text) = task.subjects();
    let from_text = wants_text && (text.is_some() || !wants_instruction);
    let field = if from_text { "text" } else { "instruction" };
    if wants_text && wants_instruction && text.is_some() && instruction.is_some() {
        return Err(wrong("text", "stands beside `instruction`: give one of the two"));
    }
    let missing = || {
        let also = if wants_text && wants_instruction { ", or `text`" } else { "" };
        Error::invalid("missing_field", field, format!("`{field}` is missing: give it{also}."))
    };
    let subject = if from_text { text } else { instruction }.ok_or_else(missing)?;
    let (long, most) = if from_text {
        (subject.len() > LONGEST_TEXT, format!("{LONGEST_TEXT} bytes"))
    } else {
        (subject.chars().count() > LONGEST_INSTRUCTION, format!("{LONGEST_INSTRUCTION} characters"))
    };
    if long {
        return Err(wrong(field, &format!("is longer than {most}")));
    }
    // A live preview begins with an empty text.
    if task != Task::Preview && !subject.chars().any(|character| !character.is_whitespace() && !character.is_control()) {
        return Err(wrong(field, "is empty: give a text"));
    }
    Ok((subject, from_text))
}

fn platforms(task: Task, given: Option<Vec<String>>) -> Result<Vec<Platform>, Error> {
    let Some(names) = given else {
        return match task {
            Task::Preview => Ok(PLATFORMS.to_vec()),
            // It is for no platform.
            Task::Humanize | Task::Audio => Ok(Vec::new()),
            Task::Video => Ok(film::USUAL.to_vec()),
            _ => Err(Error::invalid("missing_field", "platforms", "`platforms` is missing: give it.")),
        };
    };
    if names.is_empty() {
        return Err(wrong("platforms", "is an empty list: name at least one"));
    }
    let mut platforms = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let path = format!("platforms[{place}]");
        let platform = Platform::parse(name)
            .ok_or_else(|| wrong(path.clone(), &format!("must be one of {}", PLATFORMS.map(Platform::name).join(", "))))?;
        if platforms.contains(&platform) {
            return Err(wrong(path, "names a platform that was named before"));
        }
        platforms.push(platform);
    }
    Ok(platforms)
}

fn tone(name: &str) -> Result<Tone, Error> {
    let known = TONES.into_iter().find(|tone| tone.name.eq_ignore_ascii_case(name));
    known.ok_or_else(|| wrong("tone", &format!("must be one of {}", TONES.map(|tone| tone.name).join(", "))))
}

fn hashtags(given: Vec<String>) -> Result<Vec<String>, Error> {
    if given.len() > MOST_EXTRAS {
        return Err(wrong("hashtags", &format!("has more than {MOST_EXTRAS} entries")));
    }
    let read = |(place, word): (usize, &String)| {
        let spaced = word.trim().contains(char::is_whitespace);
        hashtag(word)
            .filter(|_| !spaced)
            .ok_or_else(|| wrong(format!("hashtags[{place}]"), "must be one word with a letter, with or without `#`"))
    };
    given.iter().enumerate().map(read).collect()
}
