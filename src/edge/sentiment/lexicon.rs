//! VADER's lexicon and the names of emoji, read where they lie. `models/sentiment_lexicon.py` writes them and tells the layout.

static DATA: &[u8] = include_bytes!("../../../models/vader.bin");

/// FNV-1a, 32 bits (Fowler, Noll, Vo; RFC 9923): begun with [`FNV_START`], one step a byte.
pub fn fnv(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Where [`fnv`] begins.
pub const FNV_START: u32 = 0x811c_9dc5;

fn number(at: usize) -> Option<usize> {
    let bytes = DATA.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn nth(table: usize, index: usize) -> Option<usize> {
    number(table.checked_add(index.checked_mul(4)?)?)
}

/// Where the table of blocks begins.
const BLOCKS: usize = 12;

/// The words of a block, each with its valence.
fn block(index: usize) -> impl Iterator<Item = (&'static [u8], i8)> {
    let mut rest =
        nth(BLOCKS, index).zip(index.checked_add(1).and_then(|next| nth(BLOCKS, next))).and_then(|(from, to)| DATA.get(from..to));
    std::iter::from_fn(move || {
        let (length, entry) = rest?.split_first()?;
        let (word, entry) = entry.split_at_checked(usize::from(*length))?;
        let (tenths, entry) = entry.split_first()?;
        rest = Some(entry);
        Some((word, i8::from_le_bytes([*tenths])))
    })
}

/// The mean rating of a word or an emoticon, −4 (most negative) to 4, in tenths; `word` is in lower case.
pub fn valence(word: &str) -> Option<i8> {
    let wanted = word.as_bytes();
    // The last block that begins with the word or with one before it.
    let (mut low, mut high) = (0_usize, number(8)?);
    while high > low.saturating_add(1) {
        let middle = low.midpoint(high);
        if block(middle).next()?.0 <= wanted { low = middle } else { high = middle }
    }
    block(low).find(|(word, _)| *word == wanted).map(|(_, tenths)| tenths)
}

/// The English name of an emoji of one code point, as Unicode's chart has it.
pub fn emoji(character: char) -> Option<&'static str> {
    // No emoji of the table is below ©.
    if character < '\u{a9}' {
        return None;
    }
    let table = number(4)?;
    let count = number(table)?;
    let points = table.checked_add(4)?;
    let wanted = usize::try_from(u32::from(character)).ok()?;
    let (mut low, mut high) = (0_usize, count);
    while low < high {
        let middle = low.midpoint(high);
        match nth(points, middle)?.cmp(&wanted) {
            std::cmp::Ordering::Less => low = middle.checked_add(1)?,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => {
                let names = points.checked_add(count.checked_mul(4)?)?;
                let name = DATA.get(nth(names, middle)?..nth(names, middle.checked_add(1)?)?)?;
                return std::str::from_utf8(name).ok();
            }
        }
    }
    None
}
