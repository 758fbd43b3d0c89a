//! Which kind of work a prompt asks for: what decides how much a stronger model gains.
//!
//! Within one kind, how hard a prompt is cannot be told from its words; between kinds the difference is clear. So this tells the kind,
//! by signs: code, figures, the words that name the work, and the intents of a social-media manager ([`super::intents`]).

use super::intents::{self, Intent};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// Programs: to write, mend, explain them.
    Coding,
    /// To reckon, or to prove.
    Mathematics,
    /// To take facts out of a text, to sort and to tabulate them.
    Extraction,
    /// To conclude: riddles, plans, comparisons, causes.
    Reasoning,
    /// To say the same in another language.
    Translation,
    /// Posts, letters, stories: text for readers.
    Writing,
    /// Chat, and playing a part.
    Conversation,
    /// To know something.
    Knowledge,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Coding,
        Self::Mathematics,
        Self::Extraction,
        Self::Reasoning,
        Self::Translation,
        Self::Writing,
        Self::Conversation,
        Self::Knowledge,
    ];

    /// The name in rules and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coding => "coding",
            Self::Mathematics => "mathematics",
            Self::Extraction => "extraction",
            Self::Reasoning => "reasoning",
            Self::Translation => "translation",
            Self::Writing => "writing",
            Self::Conversation => "conversation",
            Self::Knowledge => "knowledge",
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }

    /// How many points of ten a strong model gains over a small one on MT-bench (Zheng et al. 2023). Translation and knowledge are
    /// not among what was measured: 0.3, between writing and reasoning, is an assumption.
    pub const fn gain(self) -> f64 {
        match self {
            Self::Coding => 2.6,
            Self::Mathematics => 1.8,
            Self::Extraction => 1.5,
            Self::Reasoning => 0.9,
            Self::Translation | Self::Knowledge => 0.3,
            Self::Writing => 0.06,
            Self::Conversation => 0.03,
        }
    }
}

/// What was found of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The kind.
    pub task: Task,
    /// 0 to 1: by how much its signs outweigh the others'. An estimate, not a measured probability.
    pub confidence: f64,
    /// The signs that spoke for it, by their names: never text of the prompt.
    pub signs: Vec<&'static str>,
    /// What a social-media manager is asked for, when that is sure and of this kind.
    pub intent: Option<Intent>,
    /// Demands on the answer that can be counted: "exactly", "at most", "must", "without".
    pub constraints: usize,
}

/// Bytes that are read from each end: what stands between changes the kind little, and time is bounded.
const READ: usize = 2000;

/// Words that name the work. Stems end with a star.
#[rustfmt::skip]
const WORDS: [(Task, &str, f64, &[&str]); 8] = [
    (Task::Coding, "words of programming", 1.0, &["function", "functions", "code", "compile*", "debug*", "refactor*", "regex", "sql", "python", "javascript", "typescript", "rust", "java", "kotlin", "golang", "html", "css", "bash", "algorithm*", "api", "json", "exception", "stacktrace", "traceback", "segfault", "unittest*", "dockerfile", "kubernetes", "script", "bug", "bugs", "class", "method", "variable", "array", "loop", "recursion", "recursive", "repository", "endpoint", "query", "programm*", "programa*"]),
    (Task::Mathematics, "words of mathematics", 1.0, &["calculate", "compute", "solve", "equation*", "integral", "derivative", "probability", "proof", "prove", "theorem", "sum", "multiply", "divide", "percent*", "average", "median", "square", "root", "triangle", "matrix", "prime", "modulo", "interest", "berechne", "rechne", "calcule", "calcula", "gleichung"]),
    (Task::Extraction, "words of extraction", 1.0, &["extract*", "classify", "categorize", "categorise", "label", "table", "tabulate", "parse", "csv", "fields", "entities", "summarize", "summarise", "summary", "tl;dr", "bullet", "list", "count", "find", "identify", "fasse", "résume", "resume", "extrahiere", "fehlende"]),
    (Task::Reasoning, "words of reasoning", 1.0, &["why", "reason*", "explain", "analyze", "analyse", "compare", "evaluate", "argue", "pros", "cons", "trade-off*", "tradeoff*", "decide", "strategy", "plan", "step-by-step", "logic*", "puzzle", "riddle", "infer", "conclude", "cause*", "implication*", "warum", "vergleiche", "pourquoi", "compara"]),
    (Task::Translation, "words of translation", 2.0, &["translate*", "translation", "übersetz*", "traduis", "traduire", "traduce", "traducir", "traduza", "tradurre", "traduci", "vertaal", "przetłumacz", "in german", "into german", "into english", "into french", "into spanish"]),
    (Task::Writing, "words of writing", 1.0, &["write", "rewrite", "draft", "post", "tweet", "caption", "email", "letter", "story", "poem", "headline", "slogan", "blog", "article", "essay", "newsletter", "hashtags", "tone", "shorten", "rephrase", "paraphrase", "proofread", "copy", "announcement", "schreib*", "écris", "rédige", "escribe", "escreva", "scrivi", "napisz"]),
    (Task::Conversation, "words of talk", 1.0, &["hello", "hi", "hey", "thanks", "thank", "pretend", "roleplay", "act as", "imagine", "you are a", "joke", "chat", "hallo", "danke", "bonjour", "merci", "hola", "gracias", "ciao"]),
    (Task::Knowledge, "a question", 0.8, &["who", "when", "where", "which", "what", "capital", "meaning", "define", "definition", "history", "wer", "wann", "wo", "was", "qui", "quand", "où", "quién", "cuándo", "dónde", "qué"]),
];

/// Words that bound an answer.
#[rustfmt::skip]
const DEMANDS: [&str; 24] = [
    "exactly", "must", "only", "without", "avoid", "don't", "at most", "at least", "no more", "no longer", "fewer than", "less than", "more than", "under",
    "between", "include", "exclude", "ensure", "format", "strictly", "genau", "höchstens", "mindestens", "ohne",
];

/// Tells the kind of a prompt.
pub fn find(text: &str) -> Found {
    let read = ends(text);
    let lower = read.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '-' | ';' | '#'))).filter(|word| !word.is_empty()).collect();
    let mut weights = [0.0_f64; Task::ALL.len()];
    let mut signs: Vec<(Task, &'static str)> = Vec::new();
    let mut speak = |task: Task, sign: &'static str, weight: f64| {
        if let Some(sum) = weights.get_mut(task as usize) {
            *sum += weight;
        }
        signs.push((task, sign));
    };
    for (task, sign, weight, list) in WORDS {
        let hits = list.iter().filter(|entry| stands(entry, &words, &lower)).count();
        if hits > 0 {
            // The second word tells half as much as the first, and more than four tell nothing new.
            speak(task, sign, weight * (0.5 + 0.5 * float(hits.min(4))));
        }
    }
    let programs = read.contains("```") || code_lines(&read) >= 2;
    if programs {
        speak(Task::Coding, "code", 2.5);
    }
    if operations(&read) > 0 {
        speak(Task::Mathematics, "figures with operators", 1.5);
    }
    if text.len() > 1500 && !programs {
        speak(Task::Extraction, "a long text", 0.8);
    }
    let classified = intents::classify(&read);
    let intent = classified.answer.filter(|intent| !matches!(intent, Intent::Other));
    if let (Some(intent), Some(first)) = (intent, classified.guesses.first()) {
        speak(of_intent(intent), "an intent of social media", 2.0 * f64::from(first.probability));
    }
    let total: f64 = weights.iter().sum();
    let best = Task::ALL.into_iter().zip(weights).max_by(|(_, one), (_, other)| one.total_cmp(other));
    let constraints = DEMANDS.iter().filter(|demand| stands(demand, &words, &lower)).count();
    match best.filter(|(_, weight)| *weight > 0.0) {
        Some((task, weight)) => {
            let signs = signs.into_iter().filter(|(of, _)| *of == task).map(|(_, sign)| sign).collect();
            // The intents know social media alone: of other work they say something that is beside it.
            let intent = intent.filter(|intent| of_intent(*intent) == task);
            Found { task, confidence: weight / total, signs, intent, constraints }
        }
        None => Found { task: Task::Conversation, confidence: 0.0, signs: Vec::new(), intent: None, constraints },
    }
}

/// The kind of work behind an intent.
const fn of_intent(intent: Intent) -> Task {
    match intent {
        Intent::Analyse | Intent::Audience => Task::Reasoning,
        Intent::Report => Task::Extraction,
        Intent::Translate => Task::Translation,
        Intent::Smalltalk | Intent::Complaint | Intent::Other => Task::Conversation,
        _ => Task::Writing,
    }
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The beginning and the end of a text: instructions stand there.
fn ends(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= READ.saturating_mul(2) {
        return text.into();
    }
    let (head, tail) = (text.floor_char_boundary(READ), text.ceil_char_boundary(text.len().saturating_sub(READ)));
    format!("{}\n{}", text.get(..head).unwrap_or_default(), text.get(tail..).unwrap_or_default()).into()
}

/// Whether a word, a stem or a phrase of a list stands in a text.
fn stands(entry: &str, words: &[&str], lower: &str) -> bool {
    if entry.contains(' ') {
        lower.contains(entry)
    } else if let Some(stem) = entry.strip_suffix('*') {
        words.iter().any(|word| word.starts_with(stem))
    } else {
        words.contains(&entry)
    }
}

/// Lines that look like a program's.
fn code_lines(text: &str) -> usize {
    let code = |line: &&str| {
        let line = line.trim();
        line.ends_with(';')
            || line.ends_with('{')
            || line == "}"
            || ["def ", "fn ", "import ", "#include", "class ", "const ", "let ", "var ", "return ", "SELECT ", "public "]
                .iter()
                .any(|begin| line.starts_with(begin))
                && line.contains(['(', '=', ';', '{', ':', '*', '<'])
    };
    text.lines().filter(code).count()
}

/// Places where two figures stand around an operator.
fn operations(text: &str) -> usize {
    let compact: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    compact
        .windows(3)
        .filter(|three| matches!(three, [a, op, b] if a.is_ascii_digit() && matches!(op, '+' | '*' | '×' | '÷' | '^' | '=' | '/') && (b.is_ascii_digit() || *b == '(')))
        .count()
}
