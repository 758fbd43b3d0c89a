//! What somebody wants of a social-media manager. Trained from `models/intents/*.txt` by `cargo run -p edge-eval -- train`.

use super::features::Features;
use super::linear::{Classified, Guess, Linear};

/// The built-in intents. The order is that of the file's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intent {
    /// To make a version for another channel or format.
    Adapt,
    /// To look into figures.
    Analyse,
    /// To know or address a group of people.
    Audience,
    /// To plan several posts for one aim.
    Campaign,
    /// To handle somebody who is dissatisfied.
    Complaint,
    /// To write something to publish.
    CreatePost,
    /// To find hashtags.
    Hashtags,
    /// To find something to publish about.
    Idea,
    /// To get a picture.
    Image,
    /// None of these.
    Other,
    /// To answer a comment or message.
    Reply,
    /// To get a summary of figures.
    Report,
    /// To say the same in other words.
    Rewrite,
    /// To publish at a time.
    Schedule,
    /// To say the same in fewer words.
    Shorten,
    /// To greet, thank, chat.
    Smalltalk,
    /// To say the same in another language.
    Translate,
}

impl Intent {
    /// All of them, in order.
    pub const ALL: [Self; 17] = [
        Self::Adapt,
        Self::Analyse,
        Self::Audience,
        Self::Campaign,
        Self::Complaint,
        Self::CreatePost,
        Self::Hashtags,
        Self::Idea,
        Self::Image,
        Self::Other,
        Self::Reply,
        Self::Report,
        Self::Rewrite,
        Self::Schedule,
        Self::Shorten,
        Self::Smalltalk,
        Self::Translate,
    ];

    /// The name that callers see, and that of its file of examples.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adapt => "adapt",
            Self::Analyse => "analyse",
            Self::Audience => "audience",
            Self::Campaign => "campaign",
            Self::Complaint => "complaint",
            Self::CreatePost => "create_post",
            Self::Hashtags => "hashtags",
            Self::Idea => "idea",
            Self::Image => "image",
            Self::Other => "other",
            Self::Reply => "reply",
            Self::Report => "report",
            Self::Rewrite => "rewrite",
            Self::Schedule => "schedule",
            Self::Shorten => "shorten",
            Self::Smalltalk => "smalltalk",
            Self::Translate => "translate",
        }
    }

    /// The intent of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.name() == name)
    }
}

/// The classifier that is shipped.
pub static BUILT_IN: Linear<'static> = shipped();

/// A file that does not fit stops the build.
#[allow(clippy::panic, reason = "evaluated at compile time, where it is a compile error")]
const fn shipped() -> Linear<'static> {
    match Linear::read(include_bytes!("../../models/intents.bin")) {
        Some(linear) if linear.len() == Intent::ALL.len() => linear,
        _ => panic!("models/intents.bin is not a classifier of the built-in intents"),
    }
}

/// The intent of a text.
pub fn classify(text: &str) -> Classified<Intent> {
    of_features(&Features::of(text))
}

/// The intent of a text whose features are known.
pub fn of_features(features: &Features) -> Classified<Intent> {
    Classified::from_scores(Intent::ALL.into_iter().zip(BUILT_IN.scores(features)), BUILT_IN.calibration)
}

/// The probability of every intent, in the order of [`Intent::ALL`].
pub fn probabilities(features: &Features) -> Vec<Guess<Intent>> {
    super::linear::probabilities(Intent::ALL.into_iter().zip(BUILT_IN.scores(features)), BUILT_IN.calibration).0
}
