//! Which language a text is in, or that it cannot be told.
//!
//! Witnesses: the script, which decides alone for some languages; the little words of 33 languages, which even a short text has; letters
//! that few languages write; and trigrams (the crate whatlang, 69 languages). Each adds to a language's points. The answer is the one
//! with the most, when it leads clearly; otherwise it is `und`.

use whatlang::{Detector, Lang};

use super::bag::{Bag, beyond_ascii, push_lower};

/// The code of a language that could not be told (BCP 47, from ISO 639-2).
pub const UNKNOWN: &str = "und";

/// Bytes that count: what follows them changes little, and time is bounded.
const LONGEST: usize = 600;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Language {
    /// BCP 47: `en`, `pl`, `zh`; [`UNKNOWN`] when it cannot be told.
    pub code: &'static str,
    /// 0 to 1: how well the witnesses agree. An estimate, not a measured probability; 0 for an unknown language.
    pub confidence: f64,
    /// The script of most letters (ISO 15924): `Latn`, `Cyrl`; `Zyyy` when there are no letters.
    pub script: &'static str,
}

/// Scripts, and the one language that is written in each, where there is but one of note.
fn script_of(character: char) -> Option<(&'static str, Option<&'static str>)> {
    Some(match character {
        'a'..='z' | 'A'..='Z' | 'ª' | 'º' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => ("Latn", None),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => ("Grek", Some("el")),
        '\u{400}'..='\u{52f}' => ("Cyrl", None),
        '\u{531}'..='\u{58f}' => ("Armn", Some("hy")),
        '\u{5d0}'..='\u{5ea}' => ("Hebr", None),
        '\u{620}'..='\u{6d3}' | '\u{750}'..='\u{77f}' => ("Arab", None),
        '\u{900}'..='\u{97f}' => ("Deva", None),
        '\u{980}'..='\u{9ff}' => ("Beng", None),
        '\u{a00}'..='\u{a7f}' => ("Guru", Some("pa")),
        '\u{a80}'..='\u{aff}' => ("Gujr", Some("gu")),
        '\u{b00}'..='\u{b7f}' => ("Orya", Some("or")),
        '\u{b80}'..='\u{bff}' => ("Taml", Some("ta")),
        '\u{c00}'..='\u{c7f}' => ("Telu", Some("te")),
        '\u{c80}'..='\u{cff}' => ("Knda", Some("kn")),
        '\u{d00}'..='\u{d7f}' => ("Mlym", Some("ml")),
        '\u{d80}'..='\u{dff}' => ("Sinh", Some("si")),
        '\u{e01}'..='\u{e4e}' => ("Thai", Some("th")),
        '\u{1000}'..='\u{109f}' => ("Mymr", Some("my")),
        '\u{10a0}'..='\u{10ff}' => ("Geor", Some("ka")),
        '\u{1200}'..='\u{137f}' => ("Ethi", None),
        '\u{1780}'..='\u{17d3}' => ("Khmr", Some("km")),
        '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' => ("Kore", Some("ko")),
        '\u{3041}'..='\u{30ff}' => ("Jpan", Some("ja")),
        '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => ("Hani", Some("zh")),
        _ => return None,
    })
}

/// Little words by language, each once, with a space before and behind it: articles, pronouns, prepositions, forms of "to be", and a few that people post. Written for this project.
#[rustfmt::skip]
const LITTLE_WORDS: [(&str, &str); 33] = [
    ("en", " the and is are was were to of in it you that this for on with my me we they have has had be not at your just what so do did don't i'm it's can't from but our will would been about when how who why all out get got going he she his her him their there here then than if or as by into over after before again down off only own too very more most some any each few other same no nor yes could should may might must shall am being does doing done having make made know think see look want need like love good great new day today tonight tomorrow now back home work time people really still even never always much many because let let's please thanks thank you're that's he's she's we're they're i've i'll isn't wasn't won't didn't doesn't what's there's u ur lol gonna wanna gotta yeah oh hey happy best last first way right feel says said "),
    ("de", " der die das und ist nicht ich du wir sie ein eine einen mit auf für von zu den dem im es auch wie was noch aber mein habe hat sind war schon nur bei uns euch heute wird nach "),
    ("fr", " le la les des une un est et pas je tu nous vous ils elle que qui dans pour sur avec ce cette mon ma mes au aux du c'est j'ai sont plus tout très ça mais où été on ne se "),
    ("es", " el la los las un una es y no yo que de en por para con su mi me se lo muy pero como está más hoy ya todo del al son qué sí te este esta gracias nos "),
    ("pt", " o os as um uma é e não eu que de em por para com seu sua meu minha me se muito mas como está mais hoje já do da dos das no na são você nós isso foi ao obrigado obrigada "),
    ("it", " il lo gli un una è e non io che di in per con mio mia mi si molto ma come sono più oggi già del della dei delle al alla nel questo questa ho ha anche ci cosa grazie sempre "),
    ("nl", " de het een en is niet ik je wij ze dat dit van voor op met mijn maar ook als naar er zijn was heb heeft nog wel bij aan te om geen ons wat deze "),
    ("pl", " i w na nie się jest to że z do jak ale co po mam już tylko czy jestem są był była być dla od o za tak tym ten ta moje mój bardzo dziś przez "),
    ("cs", " a je se na že to v s z do jak ale co jsem jsi jsme jsou byl byla být pro od o za tak ten ta moje můj velmi dnes už jen který jako není u protože když náš "),
    ("sk", " a je sa na že to v s z do ako ale čo som si sme sú bol bola byť pre od o za tak ten tá moje môj veľmi dnes už len ktorý nie pri pretože keď náš "),
    ("sv", " och är det att jag du vi en ett som på för med inte av den till har var min mig så om men kan ska från idag vad bara nu också oss "),
    ("da", " og er det at jeg du vi en et som på for med ikke af den til har var min mig så om men kan skal fra hvad bare nu også os blev meget hvor dig uge vores næste gøre hvordan nogen får være efter lige "),
    ("nb", " og er det at jeg du vi en et som på for med ikke av den til har var min meg så om men kan skal fra hva bare nå også oss ble veldig hvor deg uke vår neste gjøre hvordan noen får være etter mye "),
    ("fi", " ja on ei se että en oli hän mutta kun niin kuin minä sinä me ovat ole olen tämä mitä vain nyt jo myös kanssa minun hyvä tai mukaan "),
    ("hu", " a az és nem hogy egy is van volt ez meg én de már csak mint nagyon ha vagy mi ki ma lesz el még nincs minden "),
    ("ro", " și este nu în la de un o cu pe că mai pentru sunt din ce a fost eu tu noi dar foarte am ai acest această sau azi să se "),
    ("tr", " ve bir bu için çok ne ile de da ama ben sen biz var yok gibi daha mi mı değil en her şey olarak kadar sonra bugün "),
    ("id", " yang dan di ini itu tidak dengan untuk saya aku kamu kami dari akan ke ada pada sudah bisa juga karena apa lagi banget nggak adalah mereka kita hari "),
    ("vi", " và là của có không được cho một những này với tôi bạn các người trong đã đang rất nhưng như ở "),
    ("ca", " el la els les i és no jo que de en per amb meu molt però com està més avui ja del al són aquest aquesta dels "),
    ("uk", " і в на не що це з до як але я ти ми ви він вона є був була для від за та у мене дуже вже так тільки сьогодні й або її "),
    ("ru", " и в на не что это с к как но я ты мы вы он она был была для от за так у меня очень уже только сегодня все его её или мне "),
    ("bg", " и в на не че това с от как но аз ти ние вие той тя е беше за да са съм се много вече само днес или ще във "),
    ("sr", " и у на не да је то са од као али ја ти ми ви он она био била за се сам веома већ само данас или који "),
    ("sl", " in je se na da z do kot ali pa sem si smo ste bil bila biti za od o tako ta moj moja zelo danes že samo ki kaj ni jih tudi vsi "),
    ("hr", " i je se na da s do kao ali sam si smo ste bio bila biti za od o tako taj moj moja vrlo danas već samo koji što nije su ili jako dobro "),
    ("lt", " ir yra kad į iš su bet kaip aš tu mes jūs jis ji buvo bus už nuo apie taip tai mano labai šiandien jau tik ar ne kas visi "),
    ("lv", " un ir ka uz no ar bet kā es tu mēs jūs viņš viņa bija būs par tā mans ļoti šodien jau tikai vai ne kas visi savu "),
    ("et", " ja on ei et see ma sa me te ta oli oma ka kui aga nii väga täna juba ainult või mis kõik ning minu pole kes "),
    ("tl", " ang ng sa na ay mga ako ikaw siya kami kayo sila ito iyan hindi po ko mo kung may para lang din rin natin namin si ni "),
    ("af", " die en is nie ek jy ons hulle dit wat van vir op met my maar ook as na daar sy het was nog by aan te om geen baie vandag "),
    ("ar", " في من على أن إلى هذا هذه ما لا هو هي كان مع عن التي الذي أنا نحن لم كل قد اليوم يا جدا و "),
    ("hi", " है और के में की को का से यह नहीं हैं पर मैं हम एक कि था थी भी हो जो तो आज ने बहुत "),
];

/// BCP 47 for the crate's languages (ISO 639-3); the two that are written alike share one.
#[rustfmt::skip]
fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Epo => "eo", Lang::Eng => "en", Lang::Rus => "ru", Lang::Cmn => "zh", Lang::Spa => "es", Lang::Por => "pt", Lang::Ita => "it",
        Lang::Ben => "bn", Lang::Fra => "fr", Lang::Deu => "de", Lang::Ukr => "uk", Lang::Kat => "ka", Lang::Ara => "ar", Lang::Hin => "hi",
        Lang::Jpn => "ja", Lang::Heb => "he", Lang::Yid => "yi", Lang::Pol => "pl", Lang::Amh => "am", Lang::Jav => "jv", Lang::Kor => "ko",
        Lang::Nob => "nb", Lang::Dan => "da", Lang::Swe => "sv", Lang::Fin => "fi", Lang::Tur => "tr", Lang::Nld => "nl", Lang::Hun => "hu",
        Lang::Ces => "cs", Lang::Ell => "el", Lang::Bul => "bg", Lang::Bel => "be", Lang::Mar => "mr", Lang::Kan => "kn", Lang::Ron => "ro",
        Lang::Slv => "sl", Lang::Hrv => "hr", Lang::Srp => "sr", Lang::Mkd => "mk", Lang::Lit => "lt", Lang::Lav => "lv", Lang::Est => "et",
        Lang::Tam => "ta", Lang::Vie => "vi", Lang::Urd => "ur", Lang::Tha => "th", Lang::Guj => "gu", Lang::Uzb => "uz", Lang::Pan => "pa",
        Lang::Aze => "az", Lang::Ind => "id", Lang::Tel => "te", Lang::Pes => "fa", Lang::Mal => "ml", Lang::Ori => "or", Lang::Mya => "my",
        Lang::Nep => "ne", Lang::Sin => "si", Lang::Khm => "km", Lang::Tuk => "tk", Lang::Aka => "ak", Lang::Zul => "zu", Lang::Sna => "sn",
        Lang::Afr => "af", Lang::Lat => "la", Lang::Slk => "sk", Lang::Cat => "ca", Lang::Tgl => "tl", Lang::Hye => "hy",
        Lang::Cym => "cy",
    }
}

/// Which language a text is in.
pub fn detect(text: &str) -> Language {
    let words = prose(text);
    let (mut scripts, mut all, mut latin) = (Vec::<(&'static str, Option<&'static str>, usize)>::new(), 0_usize, 0_usize);
    for letter in words.chars() {
        // Most letters are these, and need no search.
        if latin > 0 && letter.is_ascii_alphabetic() {
            latin = latin.saturating_add(1);
            continue;
        }
        let Some(found) = script_of(letter) else { continue };
        all = all.saturating_add(1);
        latin = latin.saturating_add(usize::from(latin == 0 && letter.is_ascii_alphabetic()));
        if let Some(entry) = scripts.iter_mut().find(|entry| entry.0 == found.0) {
            entry.2 = entry.2.saturating_add(1);
        } else {
            scripts.push((found.0, found.1, 1));
        }
    }
    // The first of them is in the list.
    let more = latin.saturating_sub(1);
    all = all.saturating_add(more);
    scripts.iter_mut().filter(|entry| entry.0 == "Latn").for_each(|entry| entry.2 = entry.2.saturating_add(more));
    let count = |name: &str| scripts.iter().find(|entry| entry.0 == name).map_or(0, |entry| entry.2);
    let Some(most) = scripts.iter().max_by_key(|entry| entry.2) else {
        return Language { code: UNKNOWN, confidence: 0.0, script: "Zyyy" };
    };
    let share = ratio(most.2, all);
    // Japanese mixes kana into Han; a fifth of kana is plenty.
    let kana = count("Jpan");
    let han = count("Hani");
    if (most.0 == "Hani" || most.0 == "Jpan") && kana.saturating_mul(8) >= han.saturating_add(kana) {
        return Language { code: "ja", confidence: ratio(kana.saturating_add(han), all), script: "Jpan" };
    }
    if let Some(code) = most.1 {
        // Han alone may be a Japanese heading, so a few characters are not sure.
        let short = if most.0 == "Hani" && most.2 < 6 { 0.7 } else { 1.0 };
        return Language { code, confidence: share * short, script: most.0 };
    }
    let (code, confidence) = by_words(&words, most.0);
    Language { code, confidence: confidence * share, script: most.0 }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// The words that say something of the language, a space between them: in lower case, without links, names and tags.
fn prose(text: &str) -> String {
    let mut words = String::with_capacity(text.len().min(2 * LONGEST));
    let mut length = 0_usize;
    let is_prose = |token: &&str| {
        let lower_starts = |prefix: &str| token.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        !(token.starts_with(['@', '#', '&']) || lower_starts("http") || lower_starts("www.") || *token == "RT")
    };
    for token in text.split_whitespace().filter(is_prose) {
        for word in token.split(|character: char| !(character.is_alphabetic() || is_mark(character) || matches!(character, '\'' | '’'))) {
            let word = word.trim_matches(['\'', '’']);
            if word.is_empty() {
                continue;
            }
            let before = words.len();
            if before > 0 {
                words.push(' ');
            }
            let begin = words.len();
            if word.contains('’') {
                push_lower(&mut words, &word.replace('’', "'"));
            } else {
                push_lower(&mut words, word);
            }
            length = length.saturating_add(words.len().saturating_sub(begin));
            if length >= LONGEST {
                words.truncate(before);
                return words;
            }
        }
    }
    words
}

/// Vowel signs and the like, which hold a word together in the scripts of India.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{dff}' | '\u{200c}' | '\u{200d}')
}

/// Letters by which a language is known among those of its script.
#[rustfmt::skip]
const TELLING: [(&str, &str); 29] = [
    ("pl", "ąęłżźśćń"), ("cs", "ěřů"), ("sk", "ľĺŕôť"), ("hu", "őűö"), ("ro", "șțăî"), ("tr", "ğışç"), ("de", "ßäü"), ("es", "ñ"), ("pt", "ãõç"),
    ("fr", "œçèù"), ("it", "ìòù"), ("ca", "ŀòç"), ("sv", "åäö"), ("da", "æøå"), ("nb", "æøå"), ("fi", "äö"), ("et", "õäü"), ("lt", "ėųįš"),
    ("lv", "āēīūņļķģ"), ("hr", "đćž"), ("sl", "čšž"), ("vi", "đơưạảấầậếềệốộớờứựịọụỏủ"), ("uk", "їієґ"), ("ru", "ыэё"), ("bg", "ъщ"), ("sr", "ђјљњћџ"),
    ("be", "ўі"), ("fa", "پچژگکی"), ("ur", "ٹڈڑےہ"),
];

/// Points of a telling letter, when it is there; two letters count.
const TELLING_POINTS: usize = 2;

/// Where several languages share a script: who has the most points.
fn by_words(words: &str, script: &str) -> (&'static str, f64) {
    if !matches!(script, "Latn" | "Cyrl" | "Arab" | "Deva") {
        let found = whatlang::detect_lang(words);
        return found.map_or((UNKNOWN, 0.0), |lang| (code(lang), 0.8));
    }
    let mut heard = Bag::for_text(words.len());
    words.split(' ').for_each(|word| heard.add(word));
    let mut points: Vec<(&'static str, usize)> = Vec::with_capacity(LITTLE_WORDS.len());
    for (code, little) in LITTLE_WORDS {
        // A list in another script has none of these words.
        if little.chars().nth(1).and_then(script_of).is_none_or(|of| of.0 == script) {
            points.push((code, heard.among(little)));
        }
    }
    let mut beyond: Vec<char> = beyond_ascii(words).collect();
    beyond.sort_unstable();
    beyond.dedup();
    for (code, letters) in TELLING {
        if beyond.is_empty() {
            break;
        }
        let found = letters.chars().filter(|letter| beyond.binary_search(letter).is_ok()).take(2).count();
        add(&mut points, code, found.saturating_mul(TELLING_POINTS));
    }
    let (leader, lead, _) = ranking(&points);
    let letters = words.chars().filter(|letter| *letter != ' ').count();
    // The trigrams cost the most, so they are asked only where they can change something.
    if (leader == UNKNOWN || lead < 5)
        && let Some(found) = Detector::new().detect(words)
    {
        let worth = if letters < 8 {
            0
        } else if found.confidence() >= 0.8 && letters >= 30 {
            3
        } else if found.confidence() >= 0.15 && letters >= 16 {
            2
        } else {
            1
        };
        add(&mut points, code(found.lang()), worth);
    }
    let (leader, lead, most) = ranking(&points);
    // A word that many languages have, or a guess of the trigrams alone, is not enough.
    if lead == 0 || most < 2 || lead < 2 && most < 3 {
        return (UNKNOWN, 0.0);
    }
    // Neighbours that share most of their little words are told apart by few.
    let close = lead < 3 && matches!(leader, "da" | "nb" | "cs" | "sk" | "hr" | "sl" | "es" | "pt" | "ca");
    let doubt = if most < 3 { 0.6 } else { 0.95 } * if close { 0.7 } else { 1.0 };
    (leader, ratio(lead, lead.saturating_add(1)) * doubt)
}

fn add(points: &mut Vec<(&'static str, usize)>, code: &'static str, more: usize) {
    if more == 0 || code == UNKNOWN {
        return;
    }
    match points.iter_mut().find(|entry| entry.0 == code) {
        Some(entry) => entry.1 = entry.1.saturating_add(more),
        None => points.push((code, more)),
    }
}

/// The language with the most points, by how many it leads, and how many it has.
fn ranking(points: &[(&'static str, usize)]) -> (&'static str, usize, usize) {
    let (mut first, mut second) = ((UNKNOWN, 0), 0);
    for (code, found) in points {
        if *found > first.1 {
            second = first.1;
            first = (code, *found);
        } else {
            second = second.max(*found);
        }
    }
    (first.0, first.1.saturating_sub(second), first.1)
}
