//! How texts are to sound.

/// How a text is to sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    /// Its name in requests.
    pub name: &'static str,
    /// What a model is told of it.
    pub described: &'static str,
}

/// The tones.
pub const TONES: [Tone; 12] = [
    Tone { name: "friendly", described: "warm and open, as to somebody one likes" },
    Tone { name: "professional", described: "competent and calm, without jargon" },
    Tone { name: "casual", described: "relaxed, with contractions, as in a chat" },
    Tone { name: "formal", described: "polite and complete, without contractions" },
    Tone { name: "playful", described: "light, with a wink" },
    Tone { name: "witty", described: "dry and clever, never at somebody's cost" },
    Tone { name: "bold", described: "short, plain and sure" },
    Tone { name: "inspiring", described: "encouraging, by something concrete" },
    Tone { name: "informative", described: "facts first, nothing that sells" },
    Tone { name: "empathetic", described: "understanding, from the reader's side" },
    Tone { name: "urgent", described: "says what to do and by when, without alarm" },
    Tone { name: "storytelling", described: "a small scene with somebody in it" },
];
