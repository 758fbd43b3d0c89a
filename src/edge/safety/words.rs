//! Offensive words, whole words only: a place called Scunthorpe is none.
//!
//! The lists are the project's own. They hold stems; a word fits when an English ending makes it of a stem. Letters replaced by signs
//! (`sh1t`, `@ss`), drawn out (`fuuuck`) or parted (`f.u.c.k`) are seen; more cunning is not.

use super::{Notice, Token, tokens};

/// Stems by category and weight. A stem of several words has spaces.
#[rustfmt::skip]
const STEMS: [(&str, f32, &str); 22] = [
    ("harassment", 0.7, "asshole arsehole bastard bitch cunt dickhead douchebag fucktard motherfucker prick twat wanker wankstain shithead \
        shitbag scumbag dipshit dumbass jackass knobhead bellend slag cocksucker fuckface fuckwit"),
    ("harassment", 0.55, "idiot moron imbecile loser dumb stupid pathetic worthless scum trash_person pig_face clown_face"),
    ("harassment", 0.35, "fuck shit crap damn bullshit bollocks wtf stfu piss arse ass fck fuk"),
    ("harassment", 0.8, "fuck_you fuck_off go_to_hell shut_the_fuck_up screw_you nobody_likes_you you_make_me_sick piss_off eat_shit drop_dead"),
    ("harassment", 0.5, "arschloch wichser hurensohn fotze schlampe connard salope enculé putain pendejo cabrón puta gilipollas stronzo \
        vaffanculo troia klootzak kanker hoer kurwa chuj spierdalaj pizda skurwysyn caralho porra merda сука блять блядь пиздец мудак хуй"),
    ("harassment/threatening", 0.9, "kill_you murder_you hurt_you beat_you_up find_you_and find_where_you_live i_know_where_you_live \
        watch_your_back you_will_regret_this break_your_legs come_for_you slit_your_throat you_are_dead you're_dead rape_you shoot_you stab_you"),
    ("hate", 0.9, "nigger nigga kike gook wetback raghead towelhead paki faggot tranny shemale"),
    // Each has another, harmless meaning.
    ("hate", 0.4, "spic chink fag dyke coon beaner"),
    ("hate", 0.75, "subhuman untermensch white_power heil_hitler sieg_heil go_back_to_your_country race_traitor white_genocide"),
    ("hate", 0.6, "retard retarded mongoloid spastic"),
    ("hate/threatening", 0.9, "gas_the_jews kill_all_muslims kill_all_jews kill_all_gays exterminate_them death_to_all hang_them_all"),
    ("illicit", 0.6, "buy_cocaine sell_cocaine buy_meth sell_meth buy_heroin sell_heroin cook_meth stolen_credit_cards fake_passport \
        fake_id launder_money hire_a_hitman carding_forum how_to_hotwire ddos_for_hire"),
    ("illicit/violent", 0.8, "pipe_bomb make_a_bomb build_a_bomb nail_bomb molotov_cocktail untraceable_gun ghost_gun nerve_agent ricin"),
    ("self-harm", 0.6, "suicide suicidal self_harm selfharm cutting_myself hurt_myself anorexia_tips pro_ana kys"),
    ("self-harm/intent", 0.85, "kill_myself killing_myself end_my_life want_to_die wanna_die take_my_own_life better_off_dead don't_want_to_live \
        dont_want_to_live no_reason_to_live"),
    ("self-harm/instructions", 0.8, "how_to_kill_yourself how_to_kill_myself painless_way_to_die how_to_hang_yourself how_to_overdose lethal_dose"),
    ("sexual", 0.6, "porn porno pornhub blowjob handjob cumshot dildo gangbang hentai milf orgasm masturbate masturbation nsfw xxx creampie \
        deepthroat onlyfans camgirl bukkake fellatio cunnilingus nudes horny"),
    ("sexual", 0.5, "pussy tits boobs penis vagina cum slut whore boner"),
    ("sexual", 0.3, "cock dick"),
    ("sexual/minors", 0.9, "child_porn childporn kiddie_porn cp_links lolicon shotacon underage_sex underage_nudes preteen_sex jailbait"),
    ("violence", 0.5, "murder massacre slaughter behead beheading torture lynch stabbing gunned_down school_shooting mass_shooting genocide \
        bloodbath kill_him kill_her kill_them"),
    ("violence/graphic", 0.7, "dismembered disembowel disemboweled decapitated severed_head guts_spilled brains_blown gore mutilated entrails \
        skull_crushed pool_of_blood"),
];

/// Endings that make a form of a stem.
const ENDINGS: [&str; 12] = ["", "s", "es", "ed", "er", "ers", "ing", "in", "y", "ty", "ting", "'s"];

/// Words that a stem and an ending would make, and which mean something else.
const HARMLESS: [&str; 9] = ["assed", "asses", "assing", "cocker", "cockers", "crapper", "tranny's", "dickens", "damning"];

/// Letters for the signs that stand in for them.
fn unmasked(word: &str) -> String {
    if !word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return word.to_owned();
    }
    let letter = |character: char| match character {
        '@' | '4' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    };
    word.chars().map(letter).collect()
}

/// A word with no letter more than twice in a row, and one with none more than once.
fn shortened(word: &str, most: usize) -> String {
    let mut out = String::with_capacity(word.len());
    let (mut last, mut times) = ('\0', 0_usize);
    for character in word.chars() {
        times = if character == last { times.saturating_add(1) } else { 1 };
        last = character;
        if times <= most {
            out.push(character);
        }
    }
    out
}

/// Whether a word is a form of a stem. A star stands for any letter.
fn is_form(word: &str, stem: &str) -> bool {
    let mut letters = word.chars();
    for wanted in stem.chars() {
        match letters.next() {
            Some(letter) if letter == wanted => {}
            Some('*') if stem.len() > 3 => {}
            _ => return false,
        }
    }
    let rest = letters.as_str();
    ENDINGS.contains(&rest)
}

/// Offensive words and phrases, in the order of the text. The rule is the category.
pub fn offences(text: &str) -> Vec<Notice> {
    let mut words = tokens(text);
    words.extend(parted(text, &words));
    let forms: Vec<[String; 2]> = words
        .iter()
        .map(|token| {
            let plain = unmasked(&token.word);
            [shortened(&plain, 2), if shortened(&plain, 2) == plain { plain } else { shortened(&plain, 1) }]
        })
        .collect();
    let mut found: Vec<Notice> = Vec::new();
    for (category, weight, stems) in STEMS {
        for stem in stems.split_ascii_whitespace() {
            let first = stem.split('_').next().unwrap_or(stem);
            let alone = first.len() == stem.len();
            for (at, own) in forms.iter().enumerate() {
                // Most words end at their first letter.
                let begins = own.iter().any(|form| form.as_bytes().first() == first.as_bytes().first());
                if !begins || !own.iter().any(|form| if alone { is_form(form, first) } else { form == first }) {
                    continue;
                }
                let (Some(token), Some(end)) = (words.get(at), phrase_end(&words, &forms, at, stem)) else { continue };
                let known = found.iter().any(|notice| notice.rule == category && notice.span.start == token.span.start);
                if !known && !HARMLESS.contains(&token.word.as_str()) {
                    found.push(Notice { rule: category, span: token.span.start..end, weight });
                }
            }
        }
    }
    found.sort_by_key(|notice| notice.span.start);
    found
}

/// Where a stem that begins at a word ends.
fn phrase_end(words: &[Token], forms: &[[String; 2]], at: usize, stem: &str) -> Option<usize> {
    let mut last = at;
    for part in stem.split('_').skip(1) {
        last = last.checked_add(1)?;
        forms.get(last)?.iter().find(|form| *form == part)?;
    }
    words.get(at).zip(words.get(last)).map(|(first, last)| first.span.end.max(last.span.end))
}

/// Words whose letters were parted by single marks: `f.u.c.k`, `s-h-i-t`, `f u c k`.
fn parted(text: &str, words: &[Token]) -> Vec<Token> {
    let mut out = Vec::new();
    let mut run: Option<Token> = None;
    for token in words {
        let single = token.word.chars().nth(1).is_none();
        let joins = run.as_ref().is_some_and(|run: &Token| {
            text.get(run.span.end..token.span.start).is_some_and(|between| between.chars().count() == 1 && !between.contains(['\n', ',']))
        });
        match run.as_mut().filter(|_| single && joins) {
            Some(run) => {
                run.word.push_str(&token.word);
                run.span.end = token.span.end;
            }
            None => {
                out.extend(run.take().filter(|run| run.word.chars().nth(3).is_some()));
                run = single.then(|| Token { word: token.word.clone(), span: token.span.clone() });
            }
        }
    }
    out.extend(run.filter(|run| run.word.chars().nth(3).is_some()));
    out
}
