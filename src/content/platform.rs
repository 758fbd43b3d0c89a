//! The platforms and their rules, as data in one table. What an operator sets in `PLATFORMS` stands in place of a row's value.

use serde::Serialize;
use serde_json::{Map, Value};

/// A platform that posts are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// X, formerly Twitter.
    X,
    /// Bluesky.
    Bluesky,
    /// Threads, of Meta.
    Threads,
    /// Mastodon; limits are a server's own setting.
    Mastodon,
    /// LinkedIn.
    LinkedIn,
    /// Instagram: the caption.
    Instagram,
    /// Facebook.
    Facebook,
    /// TikTok: the caption.
    TikTok,
    /// YouTube: the description of a video.
    YouTube,
    /// Pinterest: the description of a pin.
    Pinterest,
    /// Reddit: the body of a text post.
    Reddit,
    /// Telegram: a message.
    Telegram,
    /// Discord: a message.
    Discord,
    /// Text messages of mobile phones.
    Sms,
}

/// How a platform counts a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// X: code points of some blocks weigh 1, others 2, an emoji sequence 2, after NFC.
    Weighted,
    /// Extended grapheme clusters (UAX 29).
    Graphemes,
    /// Code points.
    CodePoints,
    /// Units of UTF-16.
    Utf16,
    /// Threads: code points, but an emoji as the bytes of its UTF-8.
    EmojiBytes,
    /// Text messages: septets of GSM-7 (3GPP TS 23.038), or units of UTF-16 when a character is not in it.
    Sms,
}

/// What a mention looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mention {
    /// `@name` of ASCII letters, digits and `_`, as many characters at the most.
    Word(usize),
    /// `@name` that may have dots within.
    Dotted,
    /// `@name`, or `@name@server`.
    Remote,
    /// `u/name` and `r/name`, with or without a slash before.
    Reddit,
    /// `<@1>`, `<@!1>`, `<@&1>`, `<#1>`, and `@name` as people write it.
    Discord,
}

/// What a post may be on a platform.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rules {
    /// Whose rules they are.
    pub platform: Platform,
    /// The longest text, in the platform's own count; of text messages the longest in GSM-7 (see [`super::count::limit`]).
    pub limit: usize,
    /// How a text is counted.
    pub count: Count,
    /// The longest text in bytes of UTF-8, where that is limited besides.
    pub bytes: Option<usize>,
    /// What each link counts, whatever its length; as it is written when none.
    pub link_weight: Option<usize>,
    /// Whether `example.com` is a link without `https://`.
    pub bare_links: bool,
    /// What a mention looks like.
    pub mention: Mention,
    /// The most hashtags.
    pub hashtags: Option<usize>,
    /// The most mentions.
    pub mentions: Option<usize>,
    /// The most images of one post.
    pub images: Option<usize>,
    /// The longest title, in code points, where there is a title.
    pub title: Option<usize>,
    /// The longest text beside a picture, in the platform's count, where it differs.
    pub caption: Option<usize>,
    /// The longest alternative text of a picture, in characters.
    pub alt: Option<usize>,
    /// The longest video of the short form, in seconds.
    pub video_seconds: Option<usize>,
    /// About what is shown before "see more", in characters.
    pub fold: Option<usize>,
    /// Characters that a text must not have.
    pub forbidden: &'static [char],
    /// Whether a link in the text can be followed.
    pub clickable_links: bool,
    /// Whether several posts can follow each other as one thread.
    pub threads: bool,
    /// Where the rules are published.
    pub source: &'static str,
    /// When they were last looked up, `YYYY-MM`.
    pub as_of: &'static str,
}

/// All platforms, in the table's order.
pub const PLATFORMS: [Platform; 14] = [
    Platform::X,
    Platform::Bluesky,
    Platform::Threads,
    Platform::Mastodon,
    Platform::LinkedIn,
    Platform::Instagram,
    Platform::Facebook,
    Platform::TikTok,
    Platform::YouTube,
    Platform::Pinterest,
    Platform::Reddit,
    Platform::Telegram,
    Platform::Discord,
    Platform::Sms,
];

/// The lowest limit that an operator can set: room for a number of a thread, a short link and a word.
pub const LOWEST_LIMIT: usize = 40;
/// The highest, in the platform's count.
pub const HIGHEST_LIMIT: usize = 100_000;

impl Platform {
    /// The name in requests, answers and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Bluesky => "bluesky",
            Self::Threads => "threads",
            Self::Mastodon => "mastodon",
            Self::LinkedIn => "linkedin",
            Self::Instagram => "instagram",
            Self::Facebook => "facebook",
            Self::TikTok => "tiktok",
            Self::YouTube => "youtube",
            Self::Pinterest => "pinterest",
            Self::Reddit => "reddit",
            Self::Telegram => "telegram",
            Self::Discord => "discord",
            Self::Sms => "sms",
        }
    }

    /// The platform of a name, in whatever case; `twitter` is X.
    pub fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("twitter") {
            return Some(Self::X);
        }
        PLATFORMS.into_iter().find(|platform| platform.name().eq_ignore_ascii_case(name))
    }

    /// The published rules.
    pub const fn published(self) -> Rules {
        // What most platforms have; each row says where it differs.
        let rules = Rules {
            platform: self,
            limit: 0,
            count: Count::CodePoints,
            bytes: None,
            link_weight: None,
            bare_links: false,
            mention: Mention::Dotted,
            hashtags: None,
            mentions: None,
            images: None,
            title: None,
            caption: None,
            alt: None,
            video_seconds: None,
            fold: None,
            forbidden: &[],
            clickable_links: true,
            threads: false,
            source: "",
            as_of: "2026-11",
        };
        match self {
            Self::X => Rules {
                limit: 280,
                count: Count::Weighted,
                link_weight: Some(23),
                bare_links: true,
                mention: Mention::Word(15),
                images: Some(4),
                // What twitter-text calls invalid characters.
                forbidden: &['\u{fffe}', '\u{feff}', '\u{ffff}'],
                threads: true,
                alt: Some(1000),
                // Without a subscription.
                video_seconds: Some(140),
                source: "https://docs.x.com/fundamentals/counting-characters",
                ..rules
            },
            Self::Bluesky => Rules {
                limit: 300,
                count: Count::Graphemes,
                bytes: Some(3000),
                bare_links: true,
                images: Some(4),
                threads: true,
                alt: Some(2000),
                video_seconds: Some(180),
                source: "https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/post.json",
                ..rules
            },
            Self::Threads => Rules {
                limit: 500,
                count: Count::EmojiBytes,
                hashtags: Some(1),
                images: Some(20),
                threads: true,
                video_seconds: Some(300),
                source: "https://developers.facebook.com/docs/threads/overview",
                ..rules
            },
            Self::Mastodon => Rules {
                limit: 500,
                // `each_grapheme_cluster.size` in its StatusLengthValidator.
                count: Count::Graphemes,
                link_weight: Some(23),
                mention: Mention::Remote,
                images: Some(4),
                threads: true,
                alt: Some(1500),
                source: "https://docs.joinmastodon.org/user/posting/",
                ..rules
            },
            Self::LinkedIn => Rules {
                limit: 3000,
                count: Count::Utf16,
                images: Some(20),
                fold: Some(140),
                alt: Some(1000),
                // From a telephone.
                video_seconds: Some(600),
                source: "https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api",
                ..rules
            },
            Self::Instagram => Rules {
                limit: 2200,
                count: Count::Utf16,
                hashtags: Some(30),
                mentions: Some(20),
                images: Some(10),
                fold: Some(125),
                clickable_links: false,
                alt: Some(1000),
                // Reels.
                video_seconds: Some(180),
                source: "https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media",
                ..rules
            },
            Self::Facebook => Rules { limit: 63_206, source: "https://developers.facebook.com/docs/pages-api/posts", ..rules },
            Self::TikTok => Rules {
                limit: 2200,
                count: Count::Utf16,
                images: Some(35),
                clickable_links: false,
                alt: Some(300),
                // Recorded in the app.
                video_seconds: Some(600),
                source: "https://developers.tiktok.com/doc/content-posting-api-reference-direct-post",
                ..rules
            },
            Self::YouTube => Rules {
                limit: 5000,
                // `snippet.description` is also limited to so many bytes.
                bytes: Some(5000),
                title: Some(100),
                forbidden: &['<', '>'],
                // Shorts.
                video_seconds: Some(180),
                source: "https://developers.google.com/youtube/v3/docs/videos#snippet.description",
                ..rules
            },
            Self::Pinterest => Rules {
                limit: 500,
                title: Some(100),
                images: Some(5),
                clickable_links: false,
                alt: Some(500),
                video_seconds: Some(900),
                source: "https://help.pinterest.com/en/business/article/pinterest-product-specs",
                ..rules
            },
            Self::Reddit => Rules {
                limit: 40_000,
                title: Some(300),
                mention: Mention::Reddit,
                images: Some(20),
                video_seconds: Some(900),
                source: "https://www.reddit.com/dev/api#POST_api_submit",
                ..rules
            },
            Self::Telegram => Rules {
                limit: 4096,
                count: Count::Utf16,
                caption: Some(1024),
                bare_links: true,
                mention: Mention::Word(32),
                images: Some(10),
                threads: true,
                source: "https://core.telegram.org/bots/api#sendmessage",
                ..rules
            },
            Self::Discord => Rules {
                limit: 2000,
                mention: Mention::Discord,
                images: Some(10),
                threads: true,
                source: "https://discord.com/developers/docs/resources/message#create-message",
                ..rules
            },
            Self::Sms => Rules {
                limit: 160,
                count: Count::Sms,
                bare_links: true,
                threads: true,
                source: "https://www.3gpp.org/dynareport/23038.htm",
                ..rules
            },
        }
    }
}

/// The rules as this gateway's operator has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlatformTable {
    changed: Vec<Rules>,
}

impl PlatformTable {
    /// Reads `{"x": {"limit": 25000}}`: names of platforms, each with numbers that stand in place of the published ones: `limit`,
    /// `hashtags`, `mentions`, `images`, `title`, `caption`, `alt`, `video_seconds`, `fold`; `null` takes a limit away, but not `limit`.
    ///
    /// # Errors
    /// What is wrong, naming the field and never quoting a value.
    pub fn read(table: Map<String, Value>) -> Result<Self, String> {
        let mut changed: Vec<Rules> = Vec::new();
        for (place, (name, row)) in table.into_iter().enumerate() {
            let platform = Platform::parse(&name).ok_or_else(|| {
                format!("the name at place {place} is no platform; there are {}", PLATFORMS.map(Platform::name).join(", "))
            })?;
            let name = platform.name();
            if changed.iter().any(|rules| rules.platform == platform) {
                return Err(format!("`{name}` is there twice"));
            }
            let Value::Object(mut row) = row else { return Err(format!("`{name}` must be a table")) };
            let mut rules = platform.published();
            if let Some(given) = row.remove("limit") {
                let given = whole(&given).filter(|given| (LOWEST_LIMIT..=HIGHEST_LIMIT).contains(given));
                rules.limit =
                    given.ok_or_else(|| format!("`{name}.limit` must be a whole number from {LOWEST_LIMIT} to {HIGHEST_LIMIT}"))?;
                // Who raises the limit of characters beyond the limit of bytes means both.
                rules.bytes = rules.bytes.map(|bytes| bytes.max(rules.limit));
            }
            for (field, number) in [
                ("hashtags", &mut rules.hashtags),
                ("mentions", &mut rules.mentions),
                ("images", &mut rules.images),
                ("title", &mut rules.title),
                ("caption", &mut rules.caption),
                ("alt", &mut rules.alt),
                ("video_seconds", &mut rules.video_seconds),
                ("fold", &mut rules.fold),
            ] {
                match row.remove(field) {
                    None => {}
                    Some(Value::Null) => *number = None,
                    Some(given) => {
                        let given = whole(&given).filter(|given| *given <= HIGHEST_LIMIT);
                        *number =
                            Some(given.ok_or_else(|| format!("`{name}.{field}` must be a whole number up to {HIGHEST_LIMIT}, or null"))?);
                    }
                }
            }
            if !row.is_empty() {
                return Err(format!(
                    "`{name}` has a field that is not known; there are limit, hashtags, mentions, images, title, caption, alt, video_seconds and fold"
                ));
            }
            changed.push(rules);
        }
        Ok(Self { changed })
    }

    /// The rules of a platform.
    pub fn rules(&self, platform: Platform) -> Rules {
        self.changed.iter().find(|rules| rules.platform == platform).cloned().unwrap_or_else(|| platform.published())
    }
}

fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|value| usize::try_from(value).ok())
}
