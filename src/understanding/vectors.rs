//! Embeddings, in the shape of OpenAI's `/v1/embeddings`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{MOST_EMBEDDED, end_user, texts};
use crate::admission::reading;
use crate::edge::embedding::{DIMENSIONS, of_words, truncated};
use crate::edge::wordpiece::{normalise, tokens};
use crate::error::Error;

/// The model's name.
pub const MODEL: &str = "maya-edge-embed";

/// How a vector is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As a list of numbers.
    #[default]
    Float,
    /// As base64 of 32-bit floats, little endian.
    Base64,
}

/// The body of a request for embeddings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    input: Value,
    model: String,
    #[serde(default)]
    encoding_format: Option<Encoding>,
    #[serde(default)]
    dimensions: Option<u32>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    store: Option<bool>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The texts.
    pub texts: Vec<String>,
    /// How vectors are written.
    pub encoding: Encoding,
    /// How many dimensions each has.
    pub dimensions: usize,
    /// The end user that the caller names.
    pub user: Option<String>,
    /// Whether the call may be kept.
    pub stored: bool,
}

impl Wanted {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 naming the field, 404 for another model.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        let Body { input, model, encoding_format, dimensions, user, store } = reading::read(body)?;
        if model != MODEL {
            let message = format!("There is no such model for embeddings. Use `{MODEL}`, the gateway's own: {DIMENSIONS} dimensions.");
            return Err(Error::new(404, "model_not_found", message).about("model").final_word());
        }
        let most = u32::try_from(DIMENSIONS).unwrap_or_default();
        let dimensions = dimensions.unwrap_or(most);
        if !(1..=most).contains(&dimensions) {
            return Err(Error::invalid("wrong_value", "dimensions", format!("`dimensions` must be from 1 to {most}.")));
        }
        let dimensions = usize::try_from(dimensions).unwrap_or(DIMENSIONS);
        let texts = texts(&input, MOST_EMBEDDED)?;
        Ok(Self { texts, encoding: encoding_format.unwrap_or_default(), dimensions, user: end_user(user)?, stored: store != Some(false) })
    }

    /// The answer, and how many tokens were read.
    pub fn answer(&self) -> (Value, u64) {
        let mut read = 0_usize;
        let data: Vec<Value> = (0_u32..)
            .zip(&self.texts)
            .map(|(index, text)| {
                let words = normalise(text);
                read = read.saturating_add(tokens(&words).len());
                let vector = truncated(&of_words(&words), self.dimensions);
                json!({"object": "embedding", "index": index, "embedding": written(&vector, self.encoding)})
            })
            .collect();
        let usage = json!({"prompt_tokens": read, "total_tokens": read});
        (json!({"object": "list", "data": data, "model": MODEL, "usage": usage}), u64::try_from(read).unwrap_or(u64::MAX))
    }
}

fn written(vector: &[f32], encoding: Encoding) -> Value {
    match encoding {
        Encoding::Float => vector.iter().map(|value| json!(value)).collect(),
        Encoding::Base64 => STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).into(),
    }
}

/// How many tokens texts have, as the gateway's own tokenizer sees them.
pub fn count<'t>(texts: impl IntoIterator<Item = &'t str>) -> u64 {
    let sum = texts.into_iter().map(|text| tokens(&normalise(text)).len()).fold(0, usize::saturating_add);
    u64::try_from(sum).unwrap_or(u64::MAX)
}
