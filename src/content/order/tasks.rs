//! What can be asked for, and the fields of each body.

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Posts from an instruction.
    Posts,
    /// One text for several platforms.
    Adapt,
    /// A text in other words, of a tone and a brand.
    Humanize,
    /// How posts may do.
    Score,
    /// What platforms make of a text.
    Preview,
    /// What a history of posts shows, and posts that follow it.
    Optimize,
    /// Posts for one person.
    Personalize,
    /// A text for listening.
    Audio,
    /// A script of scenes.
    Video,
}

/// How a call is made.
const CALL: &[&str] = &["model", "stream"];
/// Whose call it is, and whether it may be kept: of every body.
const OWNER: &[&str] = &["user", "store"];
/// In whose words and for whom; whether an experiment decides.
const VOICE: &[&str] = &["brand", "tone", "language", "audience", "experiment"];
/// What a post has beside its text, and what is done with it.
const EXTRAS: &[&str] = &["links", "hashtags", "steps", "thread"];
/// Of everything that writes new posts.
const NEW: &[&str] = &["platforms", "variants", "images"];

impl Task {
    /// The name, as the path has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::Adapt => "adapt",
            Self::Humanize => "humanize",
            Self::Score => "score",
            Self::Preview => "preview",
            Self::Optimize => "optimize",
            Self::Personalize => "personalize",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// Whether it may be about an instruction, and whether about a text.
    pub(super) const fn subjects(self) -> (bool, bool) {
        match self {
            Self::Posts | Self::Optimize => (true, false),
            Self::Personalize | Self::Video => (true, true),
            _ => (false, true),
        }
    }

    /// Whether its body may have pictures.
    pub fn takes_pictures(self) -> bool {
        self.fields().any(|field| field == "images")
    }

    /// The fields of its body.
    pub(super) fn fields(self) -> impl Iterator<Item = &'static str> {
        let groups: &'static [&'static [&'static str]] = match self {
            Self::Posts => &[&["instruction", "most_micro_dollars"], NEW, VOICE, EXTRAS, CALL],
            Self::Adapt => &[&["text", "platforms"], VOICE, EXTRAS, CALL],
            Self::Humanize => &[&["text"], VOICE, CALL],
            Self::Score => &[&["text", "platforms", "audience", "edge"], CALL],
            Self::Preview => &[&["text", "platforms", "brand", "hashtags", "links"]],
            Self::Optimize => &[&["instruction", "history"], NEW, VOICE, EXTRAS, CALL],
            Self::Personalize => &[&["instruction", "text", "profile", "history"], NEW, VOICE, EXTRAS, CALL],
            Self::Audio => &[&["text", "words_per_minute"]],
            Self::Video => &[&["instruction", "text", "platforms", "images", "seconds", "words_per_minute"], VOICE, CALL],
        };
        groups.iter().copied().flatten().chain(OWNER).copied()
    }
}
