//! Emoji: which characters are, and where a sequence that shows as one ends (Unicode Emoji 17, UTS 51).
//!
//! A cluster of graphemes is not enough: any pictures can be joined, but platforms take for one only what Unicode recommends.

/// The joiner of sequences.
pub const JOINER: char = '\u{200d}';
/// Asks for the picture where a character has also a plain form.
pub const PICTURE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
/// The longest sequence in characters: four elements of two, and three joiners.
const LONGEST: usize = 11;

/// Characters with the property `Emoji`, but for digits, `#`, `*` and regional indicators.
#[rustfmt::skip]
const EMOJI: &[(u32, u32)] = &[
    (0xa9, 0xa9), (0xae, 0xae), (0x203c, 0x203c), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139), (0x2194, 0x2199),
    (0x21a9, 0x21aa), (0x231a, 0x231b), (0x2328, 0x2328), (0x23cf, 0x23cf), (0x23e9, 0x23f3), (0x23f8, 0x23fa), (0x24c2, 0x24c2),
    (0x25aa, 0x25ab), (0x25b6, 0x25b6), (0x25c0, 0x25c0), (0x25fb, 0x25fe), (0x2600, 0x2604), (0x260e, 0x260e), (0x2611, 0x2611),
    (0x2614, 0x2615), (0x2618, 0x2618), (0x261d, 0x261d), (0x2620, 0x2620), (0x2622, 0x2623), (0x2626, 0x2626), (0x262a, 0x262a),
    (0x262e, 0x262f), (0x2638, 0x263a), (0x2640, 0x2640), (0x2642, 0x2642), (0x2648, 0x2653), (0x265f, 0x2660), (0x2663, 0x2663),
    (0x2665, 0x2666), (0x2668, 0x2668), (0x267b, 0x267b), (0x267e, 0x267f), (0x2692, 0x2697), (0x2699, 0x2699), (0x269b, 0x269c),
    (0x26a0, 0x26a1), (0x26a7, 0x26a7), (0x26aa, 0x26ab), (0x26b0, 0x26b1), (0x26bd, 0x26be), (0x26c4, 0x26c5), (0x26c8, 0x26c8),
    (0x26ce, 0x26cf), (0x26d1, 0x26d1), (0x26d3, 0x26d4), (0x26e9, 0x26ea), (0x26f0, 0x26f5), (0x26f7, 0x26fa), (0x26fd, 0x26fd),
    (0x2702, 0x2702), (0x2705, 0x2705), (0x2708, 0x270d), (0x270f, 0x270f), (0x2712, 0x2712), (0x2714, 0x2714), (0x2716, 0x2716),
    (0x271d, 0x271d), (0x2721, 0x2721), (0x2728, 0x2728), (0x2733, 0x2734), (0x2744, 0x2744), (0x2747, 0x2747), (0x274c, 0x274c),
    (0x274e, 0x274e), (0x2753, 0x2755), (0x2757, 0x2757), (0x2763, 0x2764), (0x2795, 0x2797), (0x27a1, 0x27a1), (0x27b0, 0x27b0),
    (0x27bf, 0x27bf), (0x2934, 0x2935), (0x2b05, 0x2b07), (0x2b1b, 0x2b1c), (0x2b50, 0x2b50), (0x2b55, 0x2b55), (0x3030, 0x3030),
    (0x303d, 0x303d), (0x3297, 0x3297), (0x3299, 0x3299), (0x1f004, 0x1f004), (0x1f0cf, 0x1f0cf), (0x1f170, 0x1f171),
    (0x1f17e, 0x1f17f), (0x1f18e, 0x1f18e), (0x1f191, 0x1f19a), (0x1f201, 0x1f202), (0x1f21a, 0x1f21a), (0x1f22f, 0x1f22f),
    (0x1f232, 0x1f23a), (0x1f250, 0x1f251), (0x1f300, 0x1f321), (0x1f324, 0x1f393), (0x1f396, 0x1f397), (0x1f399, 0x1f39b),
    (0x1f39e, 0x1f3f0), (0x1f3f3, 0x1f3f5), (0x1f3f7, 0x1f4fd), (0x1f4ff, 0x1f53d), (0x1f549, 0x1f54e), (0x1f550, 0x1f567),
    (0x1f56f, 0x1f570), (0x1f573, 0x1f57a), (0x1f587, 0x1f587), (0x1f58a, 0x1f58d), (0x1f590, 0x1f590), (0x1f595, 0x1f596),
    (0x1f5a4, 0x1f5a5), (0x1f5a8, 0x1f5a8), (0x1f5b1, 0x1f5b2), (0x1f5bc, 0x1f5bc), (0x1f5c2, 0x1f5c4), (0x1f5d1, 0x1f5d3),
    (0x1f5dc, 0x1f5de), (0x1f5e1, 0x1f5e1), (0x1f5e3, 0x1f5e3), (0x1f5e8, 0x1f5e8), (0x1f5ef, 0x1f5ef), (0x1f5f3, 0x1f5f3),
    (0x1f5fa, 0x1f64f), (0x1f680, 0x1f6c5), (0x1f6cb, 0x1f6d2), (0x1f6d5, 0x1f6d8), (0x1f6dc, 0x1f6e5), (0x1f6e9, 0x1f6e9),
    (0x1f6eb, 0x1f6ec), (0x1f6f0, 0x1f6f0), (0x1f6f3, 0x1f6fc), (0x1f7e0, 0x1f7eb), (0x1f7f0, 0x1f7f0), (0x1f90c, 0x1f93a),
    (0x1f93c, 0x1f945), (0x1f947, 0x1f9ff), (0x1fa70, 0x1fa7c), (0x1fa80, 0x1fa8a), (0x1fa8e, 0x1fac6), (0x1fac8, 0x1fac8), (0x1facd, 0x1fadc),
    (0x1fadf, 0x1faea), (0x1faef, 0x1faf8),
];

/// Characters with the property `Emoji_Modifier_Base`: those that a skin tone may follow.
#[rustfmt::skip]
const SKINNED: &[(u32, u32)] = &[
    (0x261d, 0x261d), (0x26f9, 0x26f9), (0x270a, 0x270d), (0x1f385, 0x1f385), (0x1f3c2, 0x1f3c4), (0x1f3c7, 0x1f3c7),
    (0x1f3ca, 0x1f3cc), (0x1f442, 0x1f443), (0x1f446, 0x1f450), (0x1f466, 0x1f469), (0x1f46b, 0x1f478),
    (0x1f47c, 0x1f47c), (0x1f481, 0x1f483), (0x1f485, 0x1f487), (0x1f48f, 0x1f48f), (0x1f491, 0x1f491), (0x1f4aa, 0x1f4aa),
    (0x1f574, 0x1f575), (0x1f57a, 0x1f57a), (0x1f590, 0x1f590), (0x1f595, 0x1f596), (0x1f645, 0x1f647), (0x1f64b, 0x1f64f),
    (0x1f6a3, 0x1f6a3), (0x1f6b4, 0x1f6b6), (0x1f6c0, 0x1f6c0), (0x1f6cc, 0x1f6cc), (0x1f90c, 0x1f90c), (0x1f90f, 0x1f90f),
    (0x1f918, 0x1f91f), (0x1f926, 0x1f926), (0x1f930, 0x1f939), (0x1f93c, 0x1f93e), (0x1f977, 0x1f977), (0x1f9b5, 0x1f9b6),
    (0x1f9b8, 0x1f9b9), (0x1f9bb, 0x1f9bb), (0x1f9cd, 0x1f9cf), (0x1f9d1, 0x1f9dd), (0x1fac3, 0x1fac5), (0x1faf0, 0x1faf8),
];

/// What follows a joiner in the sequences that Unicode recommends: people, hearts, signs, things of a trade, parts of flags and animals.
const JOINED: &str = "👦👧👨👩🧑🧒❤💋🤝♀♂⚕⚖✈🌾🍳🍼🎄🎓🎤🎨🏫🏭💻💼🔧🔬🚀🚒🦯🦰🦱🦲🦳🦼🦽🩰🐰🫯🫲🌈⚧☠🗨🦺❄⬛🔥🟩🟫💥🩹💨💫🌫↔↕➡";

/// The regions that have a flag (CLDR), two letters each; domains of countries have the same, and `uk` and `su`.
#[rustfmt::skip]
const REGIONS: &str = "acadaeafagaialamaoaqarasatauawaxazbabbbdbebfbgbhbibjblbmbnbobqbrbsbtbvbwbybzcacccdcfcgchcickclcmcncocpcqcrcucvcwcxcyczdedgdjdkdmdodzeaeceeegehereseteufifjfkfmfofrgagbgdgegfggghgiglgmgngpgqgrgsgtgugwgyhkhmhnhrhthuicidieiliminioiqirisitjejmjojpkekgkhkikmknkpkrkwkykzlalblclilklrlsltlulvlymamcmdmemfmgmhmkmlmmmnmompmqmrmsmtmumvmwmxmymznancnenfngninlnonpnrnunzompapepfpgphpkplpmpnprpsptpwpyqarerorsrurwsasbscsdsesgshsisjskslsmsnsosrssstsvsxsysztatctdtftgthtjtktltmtntotrtttvtwtzuaugumunusuyuzvavcvevgvivnvuwfwsxkyeytzazmzw";

fn within(table: &[(u32, u32)], character: char) -> bool {
    let code = u32::from(character);
    let after = table.partition_point(|(first, _)| *first <= code);
    after.checked_sub(1).and_then(|at| table.get(at)).is_some_and(|(_, last)| code <= *last)
}

/// Whether a character can be a picture.
pub fn is_emoji(character: char) -> bool {
    within(EMOJI, character)
}

/// Whether two ASCII letters, of whatever case, are a region's.
pub fn is_region(letters: [u8; 2]) -> bool {
    REGIONS.as_bytes().chunks_exact(2).any(|region| region.eq_ignore_ascii_case(&letters))
}

fn is_tone(character: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&character)
}

fn indicator(character: char) -> Option<u8> {
    let place = u32::from(character).checked_sub(0x1_f1e6)?;
    u8::try_from(place).ok().filter(|place| *place < 26).and_then(|place| b'a'.checked_add(place))
}

/// One element of a sequence: a picture, with its selector or skin tone. How many characters it has.
fn element(characters: &[char]) -> Option<usize> {
    let [first, rest @ ..] = characters else { return None };
    if !is_emoji(*first) {
        return None;
    }
    match rest {
        [tone, ..] if is_tone(*tone) && within(SKINNED, *first) => Some(2),
        [PICTURE, ..] => Some(2),
        // What is asked to be plain is no picture.
        ['\u{fe0e}', ..] => None,
        // These are pictures only when asked to be.
        _ if matches!(first, '©' | '®' | '™' | '♟') => None,
        _ => Some(1),
    }
}

/// How many characters the emoji has that a text begins with; none when it begins with something else.
pub fn sequence(characters: &[char]) -> Option<usize> {
    match characters {
        [digit, PICTURE, KEYCAP, ..] if digit.is_ascii_digit() || matches!(digit, '#' | '*') => return Some(3),
        [digit, KEYCAP, ..] if digit.is_ascii_digit() || matches!(digit, '#' | '*') => return Some(2),
        [one, other, ..] if indicator(*one).is_some() => {
            let letters = [indicator(*one)?, indicator(*other)?];
            return is_region(letters).then_some(2);
        }
        ['🏴', tags @ ..] => {
            let tags: String = tags.iter().take(6).filter_map(|tag| char::from_u32(u32::from(*tag).checked_sub(0xe_0000)?)).collect();
            // England, Scotland and Wales; a tag of its own ends them.
            if ["gbeng\u{7f}", "gbsct\u{7f}", "gbwls\u{7f}"].contains(&tags.as_str()) {
                return Some(7);
            }
        }
        _ => {}
    }
    let mut length = element(characters)?;
    // The longest that Unicode recommends have four elements.
    for _ in 1..4 {
        let Some([JOINER, rest @ ..]) = characters.get(length..) else { break };
        let Some(next) = rest.first().filter(|next| JOINED.contains(**next)).and_then(|_| element(rest)) else { break };
        length = length.saturating_add(1).saturating_add(next);
    }
    Some(length)
}

/// A text as emoji and what is between: `true` and the emoji, `false` and one other character.
pub fn split(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        // Letters are the most of a text, and looked at no further.
        let keycap = (first.is_ascii_digit() || matches!(first, '#' | '*')) && !rest.get(1..2).is_some_and(|next| next.is_ascii());
        let possible = keycap || is_emoji(first) || indicator(first).is_some();
        let window: Vec<char> = if possible { rest.chars().take(LONGEST).collect() } else { Vec::new() };
        let found = sequence(&window);
        let bytes = found.map_or(first.len_utf8(), |count| window.iter().take(count).map(|character| character.len_utf8()).sum());
        let (head, tail) = rest.split_at_checked(bytes)?;
        rest = tail;
        Some((found.is_some(), head))
    })
}
