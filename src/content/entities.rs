//! Links, mentions, hashtags and addresses of mail in a text, as a platform sees them.
//!
//! What is found here is what is counted, kept together and compared. Where platforms keep their pattern to themselves, a span is rather too
//! long than too short: a cut beside it is then never within.

use serde::Serialize;

use super::emoji::is_region;
use super::platform::{Mention, Rules};

/// What a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A link, with or without `https://`.
    Link,
    /// Somebody, or a community.
    Mention,
    /// A hashtag.
    Hashtag,
    /// An address of mail.
    Email,
}

/// A part of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub start: usize,
    /// Where it has ended.
    pub end: usize,
}

impl Entity {
    /// Its text.
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The longest label of a host in bytes, as it stands in the DNS (RFC 1035, 2.3.4).
const LONGEST_LABEL: usize = 63;
/// The longest link that is looked at, in bytes: X's own bound.
const LONGEST_LINK: usize = 4096;

/// Top-level domains that are no country's and that people write without `https://`; countries' are those of regions.
const GENERIC: &str = " academy accountant actor adult aero agency ai airforce apartments app army art asia associates attorney auction audio auto \
     autos baby band bank bar bargains beauty beer best bet bid bike bingo bio biz black blog blue boats bond boo book boutique box broker build \
     builders business buzz buy bz cab cafe cam camera camp capital car cards care career careers cars casa cash casino cat catering center ceo \
     charity chat cheap christmas church city claims cleaning click clinic clothing cloud club coach codes coffee college com community company \
     computer condos construction consulting contact contractors cooking cool coop country coupons courses credit creditcard cricket cruises \
     cyou dad dance data date dating day deals degree delivery democrat dental dentist design dev diamonds diet digital direct directory discount \
     doctor dog domains download earth eat eco edu education email energy engineer engineering enterprises equipment esq estate eus events exchange \
     expert exposed express fail faith family fan fans farm fashion film finance financial fish fishing fit fitness flights florist flowers fm foo \
     food football forex forsale forum foundation fun fund furniture fyi gallery game games garden gay gdn gift gifts gives glass global gmbh gold \
     golf google gop gov graphics gratis green gripe group guide guitars guru hair haus health healthcare help hiphop hiv hockey holdings holiday \
     homes horse hospital host hosting hot house how icu immo inc industries info ing ink institute insure int international investments io irish \
     ist jetzt jewelry jobs joburg juegos kaufen kim kitchen koeln land lat law lawyer lease legal lgbt life lighting limited limo link live llc \
     llp loan loans lol london love ltd ltda luxe luxury maison makeup management market marketing markets mba med media meet meme memorial men \
     menu miami mil mobi moda moe mom money monster mortgage motorcycles mov movie museum music name navy net network new news next ngo ninja now nyc \
     observer one ong onl online ooo org organic page paris parts party pet phd photo photography photos pics pictures pink pizza place play plumbing \
     plus poker porn post press pro prod productions prof promo properties property protection pub quest racing read realestate realty recipes red rehab \
     reise reisen rent rentals repair report republican rest restaurant review reviews rich rip rocks rodeo rsvp run safe sale salon sarl school \
     schule science security select services sex sexy shoes shop shopping show singles site ski skin soccer social software solar solutions soy \
     space spot store storage stream studio study style sucks supplies supply support surf surgery systems tattoo tax taxi team tech technology \
     tel tennis theater tickets tienda tips tires today tools top tours town toys trade trading training travel tube university uno vacations \
     vegas ventures vet viajes video villas vin vip vision vodka vote voting voto voyage wang watch watches webcam website wed wedding wiki \
     wien win wine work works world wow wtf xxx xyz yachts yoga you zip zone ";

/// Whether a label is a top-level domain that is known.
pub fn is_top_level(label: &str) -> bool {
    let bytes = label.as_bytes();
    match bytes {
        [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
            is_region([*first, *second]) || matches!(label.to_ascii_lowercase().as_str(), "uk" | "su")
        }
        _ if label.is_ascii() && bytes.len() > 2 && bytes.iter().all(u8::is_ascii_alphabetic) => {
            GENERIC.contains(&format!(" {} ", label.to_ascii_lowercase()))
        }
        _ => label.strip_prefix("xn--").is_some_and(|rest| !rest.is_empty()),
    }
}

/// How long a label is once it is written for the DNS (punycode, RFC 3492), in bytes.
fn label_length(label: &str) -> usize {
    if label.is_ascii() {
        return label.len();
    }
    let mut points: Vec<u32> = label.chars().map(u32::from).collect();
    let basic = points.iter().filter(|point| **point < 128).count();
    let mut length = basic.saturating_add(usize::from(basic > 0));
    let (mut bias, mut delta, mut handled, mut previous) = (72_u32, 0_u32, u32::try_from(basic).unwrap_or(u32::MAX), 128_u32);
    let in_order = points.clone();
    points.retain(|point| *point >= 128);
    points.sort_unstable();
    points.dedup();
    for point in points {
        delta = delta.saturating_add(point.saturating_sub(previous).saturating_mul(handled.saturating_add(1)));
        for other in &in_order {
            if *other < point {
                delta = delta.saturating_add(1);
            } else if *other == point {
                length = length.saturating_add(digits(delta, bias));
                bias = adapted(delta, handled.saturating_add(1), handled == u32::try_from(basic).unwrap_or(u32::MAX));
                delta = 0;
                handled = handled.saturating_add(1);
            }
        }
        delta = delta.saturating_add(1);
        previous = point.saturating_add(1);
    }
    length.saturating_add("xn--".len())
}

/// Digits of a number of punycode.
fn digits(mut number: u32, bias: u32) -> usize {
    let (mut count, mut step) = (1_usize, 36_u32);
    loop {
        let threshold = step.saturating_sub(bias).clamp(1, 26);
        if number < threshold {
            return count;
        }
        number = number.saturating_sub(threshold).checked_div(36_u32.saturating_sub(threshold)).unwrap_or_default();
        count = count.saturating_add(1);
        step = step.saturating_add(36);
    }
}

/// The next bias of punycode.
fn adapted(delta: u32, handled: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta = delta.saturating_add(delta.checked_div(handled).unwrap_or_default());
    let mut steps = 0_u32;
    while delta > 455 {
        delta /= 35;
        steps = steps.saturating_add(36);
    }
    steps.saturating_add(delta.saturating_mul(36).checked_div(delta.saturating_add(38)).unwrap_or_default())
}

/// A letter, a digit, or a mark upon one.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || is_mark(character)
}

/// Marks that stand on letters: the blocks of combining marks, the signs of Indic, Thai and Hebrew among them.
fn is_mark(character: char) -> bool {
    matches!(u32::from(character), 0x300..=0x36f | 0x483..=0x487 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x900..=0x903 | 0x93a..=0x94f
        | 0x981..=0x983 | 0x9bc..=0x9cd | 0xb82 | 0xbbe..=0xbcd | 0xe31..=0xe3a | 0xe47..=0xe4e | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff
        | 0x20d0..=0x20dc | 0x3099..=0x309a)
}

fn is_path(character: char, loose: bool) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || "!*';:=+,.$/%#[]-_~@|&()?".contains(character);
    }
    loose && !character.is_whitespace() && !character.is_control() && !"«»‹›“”„‘’…–—".contains(character)
        || matches!(u32::from(character), 0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0x24f | 0x400..=0x52f)
}

/// How far a run of characters goes, in bytes.
fn run(text: &str, mut kind: impl FnMut(char) -> bool) -> usize {
    text.find(|character| !kind(character)).unwrap_or(text.len())
}

/// A host at the beginning of a text: its length in bytes. `bare` when no scheme is before it: then its last label must be known.
fn host(text: &str, bare: bool) -> Option<usize> {
    let is_ascii_label = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let is_label =
        |character: char| is_ascii_label(character) || !bare && !character.is_ascii() && (is_word(character) || is_path(character, true));
    let (mut labels, mut length, mut end) = (0_usize, 0_usize, None);
    loop {
        let rest = text.get(length..)?;
        let whole = rest.get(..run(rest, is_label))?;
        // A word of another script may follow a name without a space.
        let ascii = whole.get(..run(whole, is_ascii_label))?;
        let cut = ascii.len() < whole.len() && labels > 0 && is_top_level(ascii);
        let label = if cut { ascii } else { whole };
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') || label_length(label) > LONGEST_LABEL {
            break;
        }
        length = length.checked_add(label.len())?;
        labels = labels.saturating_add(1);
        let lettered = label.chars().count() > 1 && label.chars().all(|character| character.is_alphabetic() || is_mark(character));
        if labels > 1 && (is_top_level(label) || !bare && lettered) {
            end = Some(length);
        }
        if cut || !text.get(length..)?.starts_with('.') {
            break;
        }
        length = length.checked_add(1)?;
    }
    let end = end?;
    // A label that goes on is no end: `example.comet`.
    let next = text.get(end..)?.chars().next();
    (!next.is_some_and(|next| next.is_ascii_alphanumeric() || matches!(next, '@' | '+' | '-' | '_'))).then_some(end)
}

/// Port, path, query and fragment: their length in bytes.
fn tail(text: &str, loose: bool) -> usize {
    let port = text.strip_prefix(':').map_or(0, |rest| run(rest, |character| character.is_ascii_digit()));
    let port = if port > 0 { port.saturating_add(1) } else { 0 };
    let rest = text.get(port..).unwrap_or_default();
    if !(rest.starts_with(['/', '?']) || loose && rest.starts_with('#')) {
        return port;
    }
    // A bracket that closes what was opened before the link is no part of it.
    let mut open = 0_usize;
    let length = run(rest, |character| {
        let closes = character == ')';
        let unopened = closes && open == 0;
        open = if closes { open.saturating_sub(1) } else { open.saturating_add(usize::from(character == '(')) };
        is_path(character, loose) && !unopened
    });
    let mut path = rest.get(..length).unwrap_or_default();
    // Nor is what ends a sentence.
    while let Some(last) = path.chars().next_back() {
        let unopened = last == ']' && path.matches(']').count() > path.matches('[').count();
        if !(".,;:!?'*(".contains(last) || unopened || !loose && "@%$~&|[]".contains(last)) {
            break;
        }
        path = path.strip_suffix(last).unwrap_or_default();
    }
    port.saturating_add(path.len())
}

/// A link with a scheme: its length in bytes.
fn link(text: &str, strict: bool) -> Option<usize> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)))?
        .len();
    let rest = text.get(scheme..)?;
    let named = host(rest, false);
    let host = match named {
        Some(host) => host,
        // Where a link counts otherwise than it is written, it has to be one for the platform too.
        None if strict => return None,
        None => run(rest, |character| is_word(character) || "-.:[]@%".contains(character)),
    };
    (host > 0).then_some(())?;
    let before = scheme.checked_add(host)?;
    let length = before.checked_add(tail(rest.get(host..)?, !strict))?;
    (length <= LONGEST_LINK || !strict).then_some(length)
}

/// A link without a scheme: its length in bytes.
fn bare_link(text: &str) -> Option<usize> {
    let host = host(text, true)?;
    host.checked_add(tail(text.get(host..)?, false))
}

/// A hashtag: its length in bytes. It needs a letter.
fn hashtag(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(['#', '＃'])?;
    let length = run(rest, |character| is_word(character) || matches!(character, '\u{200c}' | '\u{200d}' | '・' | '·'));
    let word = rest.get(..length)?;
    let word = word.trim_end_matches(['\u{200c}', '\u{200d}', '・', '·']);
    // `#️⃣` is a picture, and `#foo://` part of an address.
    let follows = rest.get(word.len()..)?;
    (word.chars().any(|character| character.is_alphabetic()) && !follows.starts_with("://") && !follows.starts_with(['#', '＃']))
        .then(|| text.len().checked_sub(rest.len())?.checked_add(word.len()))?
}

/// A name within `@…`: letters, digits, `_`, and `.` or `-` where they are within.
fn name(text: &str, inner: &str) -> usize {
    let length = run(text, |character| character.is_ascii_alphanumeric() || character == '_' || inner.contains(character));
    text.get(..length).unwrap_or_default().trim_end_matches(['.', '-']).len()
}

/// A mention: its length in bytes.
fn mention(text: &str, looks: Mention) -> Option<usize> {
    if looks == Mention::Reddit {
        let rest = text.strip_prefix('/').unwrap_or(text);
        let rest = rest.strip_prefix("u/").or_else(|| rest.strip_prefix("r/"))?;
        let length = run(rest, |character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'));
        return (length > 1).then(|| text.len().checked_sub(rest.len())?.checked_add(length))?;
    }
    if looks == Mention::Discord
        && let Some(rest) = text.strip_prefix("<@").or_else(|| text.strip_prefix("<#"))
    {
        let rest = rest.strip_prefix(['!', '&']).unwrap_or(rest);
        let digits = run(rest, |character| character.is_ascii_digit());
        let closed = digits > 0 && rest.get(digits..)?.starts_with('>');
        return closed.then(|| text.len().checked_sub(rest.len())?.checked_add(digits)?.checked_add(1))?;
    }
    let rest = text.strip_prefix(['@', '＠'])?;
    let sign = text.len().checked_sub(rest.len())?;
    let length = match looks {
        Mention::Word(most) => name(rest, "").min(most),
        Mention::Remote => {
            let user = name(rest, ".-");
            let server = rest.get(user..)?.strip_prefix('@').map_or(0, |server| name(server, ".-"));
            if user > 0 && server > 0 { user.checked_add(1)?.checked_add(server)? } else { user }
        }
        _ => name(rest, ".-"),
    };
    if length == 0 || rest.starts_with(['.', '-']) {
        return None;
    }
    // Letters of other scripts may follow a name without a space; a second sign makes it something else.
    let follows = rest.get(length..)?;
    let other = follows.starts_with('@') || follows.starts_with("://");
    (!other).then(|| sign.checked_add(length))?
}

/// An address of mail at the beginning of a text: its length in bytes.
fn email(text: &str) -> Option<usize> {
    let local = run(text, |character| character.is_ascii_alphanumeric() || "._%+-".contains(character));
    let rest = text.get(local..)?.strip_prefix('@')?;
    let length = local.checked_add(1)?.checked_add(host(rest, false)?)?;
    (local > 0 && local <= 64).then_some(length)
}

/// The links, mentions, hashtags and addresses of mail of a text, in its order; none overlaps another.
pub fn entities(rules: &Rules, text: &str) -> Vec<Entity> {
    let strict = rules.link_weight.is_some();
    let mut found = Vec::new();
    let (mut at, mut before) = (0_usize, None::<char>);
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        let free = !before.is_some_and(|before| is_word(before) || matches!(before, '@' | '＠' | '#' | '＃' | '&' | '$'));
        let candidate = match first {
            'h' | 'H'
                if !before.is_some_and(|before| before.is_ascii_alphanumeric() || matches!(before, '@' | '＠' | '#' | '＃' | '$')) =>
            {
                link(rest, strict).map(|length| (Kind::Link, length))
            }
            '#' | '＃' if free => hashtag(rest).map(|length| (Kind::Hashtag, length)),
            '@' | '＠' | '<' if free => mention(rest, rules.mention).map(|length| (Kind::Mention, length)),
            'u' | 'r' | '/' if rules.mention == Mention::Reddit && free && before != Some('/') => {
                mention(rest, rules.mention).map(|length| (Kind::Mention, length))
            }
            _ => None,
        };
        let starts =
            first.is_ascii_alphanumeric() && !before.is_some_and(|before| before.is_ascii_alphanumeric() || "@#$_-./".contains(before));
        let candidate = candidate.or_else(|| {
            // What has neither a point nor an `@` behind its first part is an address of no kind.
            let dotted = starts && {
                let first = run(rest, |character| character.is_ascii_alphanumeric() || "_%+-".contains(character));
                rest.get(first..)?.starts_with(['.', '@'])
            };
            let of_mail = || email(rest).map(|length| (Kind::Email, length));
            let of_link = || rules.bare_links.then(|| bare_link(rest))?.map(|length| (Kind::Link, length));
            dotted.then(|| of_mail().or_else(of_link))?
        });
        let length = match candidate {
            Some((kind, length)) => {
                found.push(Entity { kind, start: at, end: at.saturating_add(length) });
                length
            }
            // The rest of a word begins nothing.
            None if starts => run(rest, |character| character.is_ascii_alphanumeric()),
            None => first.len_utf8(),
        };
        before = rest.get(..length).and_then(|passed| passed.chars().next_back());
        at = at.saturating_add(length.max(1));
    }
    found
}

/// Whether the last label of a link's host is a top-level domain that is known; a platform's own list may be longer or shorter.
pub fn is_certain(link: &str) -> bool {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let last = host.rsplit('.').next().unwrap_or_default();
    is_top_level(last) || !last.is_ascii()
}

/// How many there are of a kind.
pub fn number(found: &[Entity], kind: Kind) -> usize {
    found.iter().filter(|entity| entity.kind == kind).count()
}
