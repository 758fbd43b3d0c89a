//! Attempts to turn a model against its instructions, by their wording and their marks.
//!
//! Heuristics: each rule is a chain of words with little between them, in a dozen languages for the commonest attempt. They find what is
//! said plainly; a paraphrase passes. OWASP's LLM01 (prompt injection) names the kinds.

use std::ops::Range;

use super::{Notice, Token, tokens};

/// Words, one of which stands at a place of a chain; a star at the end stands for any ending.
type Slot = &'static str;

struct Chain {
    rule: &'static str,
    weight: f32,
    /// How many other words may stand between two slots.
    gap: usize,
    slots: &'static [Slot],
}

const fn chain(rule: &'static str, weight: f32, gap: usize, slots: &'static [Slot]) -> Chain {
    Chain { rule, weight, gap, slots }
}

const IGNORE: &str = "ignore_instructions";
const EXTRACT: &str = "prompt_extraction";
const ROLE: &str = "role_change";

#[rustfmt::skip]
const CHAINS: [Chain; 28] = [
    chain(IGNORE, 0.9, 3, &["ignore ignoring disregard forget override bypass neglect discard skip", "previous prior above earlier preceding former initial original system", "instruct* rule* prompt* guideline* direct* message* command* context order* polic*"]),
    chain(IGNORE, 0.8, 2, &["ignore disregard forget override bypass", "all any every your my the", "instruct* rule* guideline* safety restrictions filters polic* programming"]),
    chain(IGNORE, 0.7, 3, &["ignore disregard forget", "everything anything all", "above before previous* told said"]),
    chain(IGNORE, 0.7, 3, &["new updated real actual", "instruct*", "are follow: is below instead"]),
    chain(IGNORE, 0.8, 4, &["do", "not don't", "follow obey", "instruct* rule* guideline* prompt*"]),
    // German, Dutch
    chain(IGNORE, 0.9, 4, &["ignorier* vergiss vergessen missachte* negeer vergeet", "alle* vorherig* bisherig* vorig* obig* deine die eerdere vorige bovenstaande", "anweisung* instruktion* regel* vorgaben befehl* instructies regels opdrachten"]),
    // French
    chain(IGNORE, 0.9, 4, &["ignore ignorez ignorer oublie oubliez oublier", "toutes tes les vos", "instructions consignes règles directives"]),
    // Spanish, Portuguese
    chain(IGNORE, 0.9, 4, &["ignora ignore ignorar olvida olvide olvidar esquece esqueça desconsidere", "todas las tus as suas anteriores", "instrucciones instruções reglas regras órdenes ordens indicaciones"]),
    // Italian
    chain(IGNORE, 0.9, 4, &["ignora ignorare dimentica dimenticare", "tutte le tue", "istruzioni regole indicazioni"]),
    // Polish, Czech
    chain(IGNORE, 0.9, 4, &["zignoruj ignoruj zapomnij pomiń ignorujte zapomeň", "wszystkie poprzednie wcześniejsze o swoje powyższe všechny předchozí", "instrukcj* poleceni* zasad* reguł* instrukce pokyny"]),
    // Scandinavian
    chain(IGNORE, 0.9, 4, &["ignorera ignorer glöm glem", "alla alle tidigare tidligere föregående forrige dina dine", "instruktion* regler* instrukser instruksjoner"]),
    // Russian, Ukrainian
    chain(IGNORE, 0.9, 4, &["игнорируй игнорируйте проигнорируй забудь забудьте ігноруй ігноруйте забудьте", "все всі предыдущие попередні свои свої", "инструкц* правила указания інструкц* вказівки команды"]),
    // Turkish, Indonesian
    chain(IGNORE, 0.9, 3, &["önceki tüm abaikan lupakan", "talimat* kuralları semua instruksi", "yok unut* görmezden instruksi aturan sebelumnya"]),

    chain(EXTRACT, 0.85, 4, &["reveal show print repeat output display tell leak give dump expose recite share", "system hidden initial original secret developer your", "prompt prompts instructions preprompt"]),
    chain(EXTRACT, 0.8, 4, &["what", "is are was were", "your the", "system hidden initial original secret", "prompt instructions message"]),
    chain(EXTRACT, 0.85, 3, &["repeat print output", "everything text words all", "above before"]),
    chain(EXTRACT, 0.8, 4, &["zeig* nenne gib verrate", "system* deine*", "prompt systemprompt anweisungen"]),
    chain(EXTRACT, 0.8, 4, &["montre révèle affiche muestra revela mostra pokaż ujawnij", "ton tes tu tus tuo seu swój", "prompt invite instructions instrucciones istruzioni instruções instrukcje"]),

    chain(ROLE, 0.8, 4, &["you", "are", "now", "dan unrestricted unfiltered jailbroken evil uncensored free amoral"]),
    chain(ROLE, 0.75, 5, &["act pretend roleplay behave respond", "as like to", "dan unrestricted unfiltered jailbroken uncensored evil root admin"]),
    chain(ROLE, 0.8, 2, &["enter enable activate switch", "developer god dan jailbreak sudo admin debug", "mode"]),
    chain(ROLE, 0.7, 5, &["without no free", "any all of", "restrictions filters limits guidelines censorship limitations"]),
    chain(ROLE, 0.85, 2, &["do", "anything", "now"]),
    chain(ROLE, 0.6, 4, &["pretend imagine assume suppose", "no have not", "rules restrictions guidelines limits filters"]),
    chain(ROLE, 0.75, 3, &["from", "now", "on", "you", "will are must"]),
    chain("decode_and_follow", 0.8, 6, &["decode decrypt deobfuscate unscramble", "base64 rot13 hex morse following string", "follow execute run obey do then and"]),
    chain("exfiltration", 0.75, 6, &["send post forward upload exfiltrate append", "conversation history secrets keys passwords credentials prompt", "to at http* https* url webhook"]),
    chain("tool_abuse", 0.7, 4, &["without", "telling informing asking notifying", "user them anyone me"]),
];

/// Marks with which providers part the roles of a conversation, in lower case: nobody writes them by chance.
const MARKS: [(&str, f32); 22] = [
    ("<|im_start|>", 0.95),
    ("<|im_end|>", 0.9),
    ("<|system|>", 0.95),
    ("<|user|>", 0.8),
    ("<|assistant|>", 0.9),
    ("<|endoftext|>", 0.9),
    ("<|start_header_id|>", 0.95),
    ("<|eot_id|>", 0.9),
    ("<|channel|>", 0.9),
    ("<|start|>", 0.85),
    ("[inst]", 0.85),
    ("[/inst]", 0.85),
    ("<<sys>>", 0.95),
    ("<</sys>>", 0.95),
    ("<system>", 0.75),
    ("</system>", 0.8),
    ("### system:", 0.8),
    ("### instruction:", 0.7),
    ("[system]:", 0.7),
    ("<start_of_turn>", 0.9),
    ("\nsystem:", 0.6),
    ("\n\nhuman:", 0.6),
];

fn fits(word: &str, slot: Slot) -> bool {
    slot.split_ascii_whitespace().any(|choice| match choice.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == choice,
    })
}

/// Where a chain that begins at a word ends.
fn follow(words: &[Token], at: usize, chain: &Chain) -> Option<usize> {
    let (first, others) = chain.slots.split_first()?;
    if !fits(&words.get(at)?.word, first) {
        return None;
    }
    let mut last = at;
    for slot in others {
        let from = last.checked_add(1)?;
        let near = words.get(from..)?.iter().take(chain.gap.saturating_add(1));
        last = from.checked_add(near.into_iter().position(|token| fits(&token.word, slot))?)?;
    }
    Some(last)
}

/// What in a text looks like an attempt, in the order of the text.
pub fn injections(text: &str) -> Vec<Notice> {
    let words = tokens(text);
    let mut found = Vec::new();
    for chain in &CHAINS {
        let mut at = 0;
        while at < words.len() {
            let Some(last) = follow(&words, at, chain) else {
                at = at.saturating_add(1);
                continue;
            };
            if let (Some(from), Some(to)) = (words.get(at), words.get(last)) {
                found.push(Notice { rule: chain.rule, span: from.span.start..to.span.end, weight: chain.weight });
            }
            at = last.max(at).saturating_add(1);
        }
    }
    // Lower case in ASCII alone, so that places stay what they are.
    let lower = text.to_ascii_lowercase();
    for (mark, weight) in MARKS {
        found.extend(lower.match_indices(mark).map(|(at, _)| Notice {
            rule: "delimiter",
            span: at..at.saturating_add(mark.len()),
            weight,
        }));
    }
    found.extend(invisible(text));
    found.extend(encoded(text));
    found.sort_by_key(|notice| notice.span.start);
    found
}

/// Text that no reader sees: tag characters, which spell ASCII invisibly, overrides of direction, and rows of zero-width characters.
fn invisible(text: &str) -> Vec<Notice> {
    let mut out = Vec::new();
    let mut run: Option<(Range<usize>, usize)> = None;
    let mut flag = false;
    for (at, character) in text.char_indices() {
        let end = at.saturating_add(character.len_utf8());
        let hidden = match character {
            // The flags of England, Scotland and Wales are spelt in tags behind a black flag.
            '\u{e0020}'..='\u{e007f}' => !flag,
            '\u{e0001}' | '\u{202d}' | '\u{202e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' => true,
            _ => false,
        };
        flag = character == '\u{1f3f4}' || flag && matches!(character, '\u{e0020}'..='\u{e007f}');
        if hidden {
            let weight_of_one = usize::from(matches!(character, '\u{202d}' | '\u{202e}')).saturating_mul(8).saturating_add(1);
            let (span, count) = run.get_or_insert((at..end, 0));
            span.end = end;
            *count = count.saturating_add(weight_of_one);
        } else if let Some((span, count)) = run.take()
            && count >= 8
        {
            out.push(Notice { rule: "hidden_text", span, weight: 0.85 });
        }
    }
    out.extend(run.filter(|(_, count)| *count >= 8).map(|(span, _)| Notice { rule: "hidden_text", span, weight: 0.85 }));
    out
}

/// Base64 of forty characters or more that decodes to text: graver when the text is an attempt itself.
fn encoded(text: &str) -> Vec<Notice> {
    let mut out = Vec::new();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let run = bytes.get(at..).unwrap_or_default();
        let length = run.iter().take_while(|byte| is_base64(byte)).count();
        if length >= 40
            && let Some(plain) = run.get(..length).and_then(decoded)
        {
            let words = tokens(&plain);
            let commands = (0..words.len()).any(|place| CHAINS.iter().any(|chain| follow(&words, place, chain).is_some()));
            let weight = if commands { 0.95 } else { 0.4 };
            out.push(Notice { rule: "encoded_text", span: at..at.saturating_add(length), weight });
        }
        at = at.saturating_add(length.max(1));
    }
    out
}

/// Base64 (RFC 4648, both alphabets, without padding) that is readable text in ASCII; the first 2,000 characters.
fn decoded(run: &[u8]) -> Option<String> {
    let mut out = String::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in run.iter().take(2000) {
        let value = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').saturating_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').saturating_add(52),
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count = count.saturating_add(6);
        if count >= 8 {
            count = count.saturating_sub(8);
            let plain = u8::try_from(bits.checked_shr(count)? & 0xff).ok()?;
            if !(plain.is_ascii_graphic() || plain.is_ascii_whitespace()) {
                return None;
            }
            out.push(char::from(plain));
            bits &= 1_u32.checked_shl(count)?.saturating_sub(1);
        }
    }
    Some(out)
}
