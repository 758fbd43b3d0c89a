//! VADER's lexicon and the names of emoji, read where they lie. `models/sentiment_lexicon.py` writes them and tells the layout.

static DATA: &[u8] = include_bytes!("../../../models/vader.bin");

/// Buckets of words; the script has the same number.
const BUCKETS: u32 = 2048;

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

/// The mean rating of a word or an emoticon, −4 (most negative) to 4, in tenths; `word` is in lower case.
pub fn valence(word: &str) -> Option<i8> {
    let bucket = usize::try_from(fnv(FNV_START, word.as_bytes()) % BUCKETS).ok()?;
    let mut entries = DATA.get(nth(8, bucket)?..nth(12, bucket)?)?;
    while let Some((length, rest)) = entries.split_first() {
        let (entry, rest) = rest.split_at_checked(usize::from(*length))?;
        let (tenths, rest) = rest.split_first()?;
        if entry == word.as_bytes() {
            return Some(i8::from_le_bytes([*tenths]));
        }
        entries = rest;
    }
    None
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
