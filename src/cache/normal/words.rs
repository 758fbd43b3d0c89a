//! The words that the rules of `normal` know, in lower case. A word that is in no list is never touched, so what is missing here costs a
//! hit, and what is wrong here costs the truth: a word belongs in a list only when the rule holds for every use of it.

/// What a model is told to do.
#[rustfmt::skip]
pub const COMMANDS: [&str; 43] = [
    "write", "draft", "compose", "create", "generate", "make", "give", "tell", "show", "explain", "describe", "summarize", "summarise",
    "list", "name", "suggest", "recommend", "compare", "find", "help", "plan", "outline", "propose", "analyze", "analyse", "calculate",
    "compute", "solve", "brainstorm", "design", "prepare", "provide", "identify", "discuss", "elaborate", "share", "send", "invent",
    "recite", "rank", "estimate", "predict", "teach",
];

/// Those that make a text, or give one.
#[rustfmt::skip]
pub const MAKING: [&str; 8] = [
    "write", "draft", "compose", "create", "generate", "design", "suggest", "invent",
];

/// Those with which "can you … me" asks for the thing, and not whether it can be done.
pub const FAVOURS: [&str; 7] = ["give", "tell", "show", "write", "send", "help", "draft"];

/// Words that begin a question.
pub const ASKING: [&str; 9] = ["what", "who", "whom", "whose", "which", "where", "when", "why", "how"];

/// Verbs that stand before their subject in a question.
#[rustfmt::skip]
pub const AUXILIARIES: [&str; 17] = [
    "is", "are", "was", "were", "am", "do", "does", "did", "can", "could", "should", "would", "will", "has", "have", "had", "must",
];

/// Other words that lose nothing with their capital at the beginning of a text.
#[rustfmt::skip]
pub const OPENERS: [&str; 31] = [
    "the", "an", "my", "your", "our", "their", "if", "for", "with", "without", "from", "please", "hello", "hi", "thanks", "not", "never",
    "because", "although", "about", "however", "cannot", "this", "that", "these", "those", "there", "she", "we", "they", "you",
];

/// What follows "'s" when that is "is". Behind "has" there would be a participle.
pub const DETERMINERS: [&str; 12] = ["a", "an", "the", "my", "your", "our", "his", "her", "their", "this", "that", "not"];

/// Subjects that stand behind the verb in a question and in nothing else.
pub const SUBJECTS: [&str; 7] = ["you", "they", "we", "i", "he", "she", "there"];

/// Verbs beside which "i" is the speaker, and not a letter, a number or an element.
#[rustfmt::skip]
pub const SPEAKERS_VERBS: [&str; 23] = [
    "am", "have", "need", "want", "can", "could", "would", "should", "will", "was", "do", "did", "had", "like", "love", "think", "feel",
    "know", "cannot", "must", "shall", "may", "might",
];

/// Texts of which there is always one or the other number, so that a missing article can be nothing but "a".
#[rustfmt::skip]
pub const MADE: [&str; 34] = [
    "post", "tweet", "caption", "slogan", "headline", "tagline", "poem", "story", "joke", "essay", "article", "paragraph", "summary",
    "list", "letter", "report", "bio", "newsletter", "announcement", "invitation", "outline", "plan", "schedule", "recipe", "song",
    "riddle", "limerick", "sonnet", "ad", "biography", "checklist", "questionnaire", "hashtag", "template",
];

/// What may stand before them.
#[rustfmt::skip]
pub const QUALITIES: [&str; 28] = [
    "short", "long", "brief", "funny", "quick", "simple", "nice", "good", "great", "catchy", "friendly", "professional", "formal",
    "informal", "creative", "detailed", "new", "persuasive", "engaging", "happy", "sad", "blog", "instagram", "facebook", "linkedin",
    "twitter", "birthday", "love",
];

/// What something has one of, so that a missing article before "… of" can be nothing but "the".
#[rustfmt::skip]
pub const ONE_OF: [&str; 12] = [
    "capital", "population", "president", "author", "name", "inventor", "founder", "mayor", "currency", "difference", "purpose", "height",
];

/// What there is one of without being said.
#[rustfmt::skip]
pub const MOST: [&str; 12] = [
    "largest", "biggest", "smallest", "highest", "longest", "shortest", "tallest", "fastest", "oldest", "deepest", "hottest", "coldest",
];

/// Small words between words. Behind "the best" they leave it without a noun, and beside "please" they make a word of it
/// that is spoken of.
#[rustfmt::skip]
pub const BETWEEN: [&str; 36] = [
    "of", "for", "to", "in", "on", "at", "with", "without", "about", "by", "as", "and", "or", "vs", "versus", "than", "between", "like",
    "from", "a", "an", "the", "use", "using", "called", "titled", "named", "if", "when", "into", "not", "no", "instead", "via", "per", "but",
];

/// Words that begin a part of a sentence. In it "please" may be a verb.
#[rustfmt::skip]
pub const SUBORDINATE: [&str; 13] = [
    "how", "what", "why", "that", "which", "who", "whom", "whose", "when", "where", "if", "to", "whether",
];

/// With one of these, "can you" may ask whether something can be done.
#[rustfmt::skip]
pub const ABILITY: [&str; 22] = [
    "on", "without", "while", "before", "if", "minute", "minutes", "second", "seconds", "hour", "hours", "day", "days", "week", "year",
    "legally", "still", "really", "even", "ever", "actually", "alone",
];

/// Whose work was done by somebody.
pub const DID: [&str; 8] = ["wrote", "invented", "discovered", "painted", "composed", "founded", "directed", "designed"];

/// Who speaks of words, or works on a text, means the text as it was written.
#[rustfmt::skip]
pub const OF_WORDS: [&str; 78] = [
    "repeat", "echo", "parrot", "verbatim", "wording", "spell", "spelled", "spelling", "count", "letters", "characters", "punctuation",
    "comma", "apostrophe", "contraction", "contractions", "uppercase", "lowercase", "capitalize", "capitalise", "capitalized",
    "capitalised", "capitalization", "capitals", "caps", "grammar", "grammatical", "grammatically", "syllable", "syllables", "rhyme",
    "rhymes", "rhyming", "pronounce", "pronunciation", "translate", "translated", "translation", "translator", "proofread", "proofreader",
    "paraphrase", "rephrase", "rewrite", "reword", "shorten", "correct", "correction", "fix", "edit", "editor", "polish", "improve",
    "convert", "simplify", "adverb", "verb", "noun", "adjective", "pronoun", "synonym", "synonyms", "antonym", "antonyms", "etymology",
    "acronym", "abbreviation", "abbreviate", "prefix", "suffix", "transcribe", "classify", "classifier", "classification", "sentiment",
    "parse", "tokenize", "palindrome",
];

/// Names that mean nothing else without their capital.
#[rustfmt::skip]
pub const NAMES: [&str; 140] = [
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "april", "june", "july",
    "september", "october", "november", "december", "christmas", "halloween", "ramadan", "diwali", "hanukkah",
    "europe", "africa", "asia", "america", "antarctica", "france", "germany", "italy", "spain", "portugal", "austria", "switzerland",
    "belgium", "netherlands", "denmark", "sweden", "norway", "finland", "iceland", "ireland", "scotland", "england", "britain", "poland",
    "ukraine", "russia", "greece", "hungary", "romania", "bulgaria", "croatia", "serbia", "egypt", "kenya", "nigeria", "ethiopia", "ghana",
    "tunisia", "algeria", "india", "pakistan", "bangladesh", "indonesia", "malaysia", "thailand", "vietnam", "philippines", "taiwan",
    "australia", "canada", "mexico", "argentina", "colombia", "venezuela", "ecuador", "bolivia", "peru", "uruguay", "paraguay", "jamaica",
    "california", "texas", "florida", "hawaii", "alaska", "oregon", "nevada", "arizona", "colorado",
    "paris", "london", "berlin", "madrid", "rome", "vienna", "prague", "warsaw", "moscow", "kyiv", "athens", "cairo", "tokyo", "osaka",
    "kyoto", "beijing", "seoul", "bangkok", "singapore", "sydney", "melbourne", "toronto", "montreal", "vancouver", "chicago", "boston",
    "seattle", "denver", "miami", "houston", "dallas", "manchester", "liverpool", "dublin", "edinburgh", "glasgow", "amsterdam",
    "brussels", "copenhagen", "stockholm", "oslo", "helsinki", "munich", "zurich", "lisbon", "barcelona", "milan", "venice",
    "shakespeare", "einstein",
];

/// Networks and products, in their own spelling, that mean nothing else in another.
#[rustfmt::skip]
pub const BRANDS: [&str; 15] = [
    "LinkedIn", "TikTok", "YouTube", "WhatsApp", "ChatGPT", "OpenAI", "Instagram", "Facebook", "Snapchat", "Reddit", "Netflix",
    "Pinterest", "Google", "Microsoft", "Wikipedia",
];

/// Letters that stand for the same thing in small.
pub const INITIALS: [&str; 10] = ["AI", "USA", "UK", "SEO", "HTML", "CSS", "SQL", "JSON", "DNA", "NASA"];

/// Languages. Behind "into" and its like they are nothing else; "polish" may be one without it.
#[rustfmt::skip]
pub const LANGUAGES: [&str; 15] = [
    "english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish", "norwegian", "russian", "japanese",
    "chinese", "korean", "arabic",
];

/// Contractions of "not".
#[rustfmt::skip]
pub const NOT: [(&str, &str); 16] = [
    ("don't", "do"), ("doesn't", "does"), ("didn't", "did"), ("isn't", "is"), ("aren't", "are"), ("wasn't", "was"), ("weren't", "were"),
    ("couldn't", "could"), ("shouldn't", "should"), ("wouldn't", "would"), ("won't", "will"), ("haven't", "have"), ("hasn't", "has"),
    ("hadn't", "had"), ("mustn't", "must"), ("needn't", "need"),
];

/// Contractions that can be one thing only, by their endings: of these pronouns.
pub const ENDINGS: [(&str, &str, &[&str]); 4] = [
    ("'m", "am", &["i"]),
    ("'re", "are", &["you", "we", "they"]),
    ("'ve", "have", &["i", "you", "we", "they"]),
    ("'ll", "will", &["i", "you", "he", "she", "it", "we", "they"]),
];

/// Before "'s" and a determiner it is "is".
pub const BEFORE_IS: [&str; 9] = ["what", "who", "where", "when", "how", "it", "that", "he", "she"];

/// The same, of a question; instructions speak of answers all the time.
#[rustfmt::skip]
pub const SPOKEN: [&str; 23] = [
    "say", "says", "said", "saying", "quote", "word", "words", "sentence", "sentences", "phrase", "phrases", "print", "output", "reply",
    "replies", "respond", "answer", "mean", "means", "meant", "meaning", "define", "definition",
];

/// And of instructions, which speak of what they are given.
#[rustfmt::skip]
pub const GIVEN: [&str; 13] = [
    "please", "polite", "politeness", "courtesy", "text", "input", "message", "prompt", "query", "utterance", "user", "rude", "formality",
];

/// Beside one of these, a contraction is a word that is spoken of: "can't or cannot".
#[rustfmt::skip]
pub const JOINING: [&str; 17] = [
    "of", "and", "or", "vs", "versus", "than", "between", "like", "as", "use", "using", "called", "titled", "named", "instead", "with",
    "without",
];

/// Of what a superlative leaves but one.
#[rustfmt::skip]
pub const RANKED: [&str; 13] = [
    "planet", "country", "city", "mountain", "river", "ocean", "lake", "continent", "animal", "building", "island", "desert", "volcano",
];

/// What may be told or given to "me", of which there is always one or the other number.
#[rustfmt::skip]
pub const TOLD: [&str; 13] = [
    "joke", "list", "summary", "story", "poem", "riddle", "recipe", "tweet", "caption", "slogan", "headline", "tagline", "limerick",
];

/// Words that begin a text in no other language.
#[rustfmt::skip]
pub const ENGLISH_FIRST: [&str; 21] = [
    "what", "who", "whose", "which", "where", "when", "why", "how", "write", "explain", "describe", "summarize", "suggest", "recommend", "generate",
    "create", "compare", "discuss", "could", "would", "should",
];

/// Words that are in no other language.
#[rustfmt::skip]
pub const ENGLISH: [&str; 27] = [
    "the", "with", "and", "about", "your", "you", "they", "this", "that", "these", "there", "would", "should", "could", "how", "why", "what",
    "which", "who", "because", "does", "their", "our", "cannot", "without", "before", "after",
];
