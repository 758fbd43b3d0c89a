//! The models, alive and retired, and the listings of them.

use serde_json::{Value, json};

use crate::limits::Tier;

/// A model that answers.
#[derive(Debug)]
pub struct Model {
    /// As in requests.
    pub id: &'static str,
    name: &'static str,
    description: &'static str,
    hugging_face_id: &'static str,
    created: u64,
    /// Dollars per token, as text.
    prices: (&'static str, &'static str),
    /// Context length: paid, free.
    context: (usize, usize),
    /// Longest answer: paid, free.
    output: (usize, usize),
    /// Takes pictures.
    pub vision: bool,
    /// Takes `prediction`.
    pub prediction: bool,
    /// Also serves text completions.
    pub text: bool,
    quantization: &'static str,
    tokenizer: &'static str,
    /// As in answers.
    pub fingerprint: &'static str,
}

/// All that is alive.
pub static MODELS: [Model; 2] = [
    Model {
        id: "gpt-oss-120b",
        name: "OpenAI GPT OSS",
        description: "Open-weight mixture-of-experts model for reasoning, coding and tool use.",
        hugging_face_id: "openai/gpt-oss-120b",
        created: 1_754_352_000,
        prices: ("0.00000035", "0.00000075"),
        context: (131_072, 65_536),
        output: (40_960, 32_768),
        vision: false,
        prediction: true,
        text: true,
        quantization: "fp16",
        tokenizer: "o200k_harmony",
        fingerprint: "fp_7c2e91d04ab35f68c0e1",
    },
    Model {
        id: "qwen-3.8-27b",
        name: "Qwen 3.8 27B",
        description: "Dense multimodal model for chat, vision and agents.",
        hugging_face_id: "Qwen/Qwen3.8-27B",
        created: 1_788_393_600,
        prices: ("0.00000099", "0.00000149"),
        context: (65_536, 65_536),
        output: (32_768, 32_768),
        vision: true,
        prediction: false,
        text: false,
        quantization: "fp16",
        tokenizer: "Qwen3",
        fingerprint: "fp_1f80b6e35d92c47a0b6d",
    },
];

/// Models that once answered.
static RETIRED: [&str; 15] = [
    "gemma-4-31b",
    "zai-glm-4.7",
    "zai-glm-4.6",
    "llama3.1-8b",
    "llama3.1-70b",
    "llama-3.3-70b",
    "qwen-3-32b",
    "qwen-3-235b-a22b-instruct-2507",
    "qwen-3-235b-a22b-thinking-2507",
    "qwen-3-coder-480b",
    "llama-4-scout",
    "llama-4-scout-17b-16e-instruct",
    "llama-4-maverick",
    "llama-4-maverick-17b-128e-instruct",
    "deepseek-r1-distill-llama-70b",
];

/// What a model id stands for.
#[derive(Debug)]
pub enum Found {
    /// A model, with its number.
    Alive(&'static Model, usize),
    /// A retired model.
    Archived,
    /// Nothing.
    Unknown,
}

/// Looks an id up.
pub fn find(id: &str) -> Found {
    match MODELS.iter().position(|model| model.id == id) {
        Some(number) => Found::Alive(&MODELS[number], number),
        None if RETIRED.contains(&id) => Found::Archived,
        None => Found::Unknown,
    }
}

impl Model {
    /// Tokens of prompt and answer together.
    pub fn context(&self, tier: Tier) -> usize {
        if tier == Tier::Free { self.context.1 } else { self.context.0 }
    }

    /// Tokens of an answer.
    pub fn output(&self, tier: Tier) -> usize {
        if tier == Tier::Free { self.output.1 } else { self.output.0 }
    }

    fn short(&self) -> Value {
        json!({"id": self.id, "object": "model", "created": 0, "owned_by": "Cerebras"})
    }

    fn full(&self) -> Value {
        json!({
            "id": self.id, "object": "model", "created": self.created, "owned_by": "Cerebras",
            "name": self.name, "description": self.description, "hugging_face_id": self.hugging_face_id,
            "pricing": {"prompt": self.prices.0, "completion": self.prices.1},
            "capabilities": {
                "streaming": true, "function_calling": true, "tools": true, "tool_choice": true,
                "parallel_tool_calls": self.vision, "structured_outputs": true, "json_mode": true,
                "response_format": true, "reasoning": true, "vision": self.vision,
            },
            "supported_parameters": {
                "temperature": true, "top_p": true, "frequency_penalty": true, "presence_penalty": true,
                "repetition_penalty": false, "logit_bias": true, "logprobs": false, "top_logprobs": false,
                "seed": true, "stop": true, "max_completion_tokens": true,
            },
            "architecture": {
                "modality": if self.vision { "text+vision" } else { "text" },
                "tokenizer": self.tokenizer, "instruct_type": "chat",
            },
            "limits": {
                "max_context_length": self.context.0, "max_completion_tokens": self.output.0,
                "requests_per_minute": 1000, "tokens_per_minute": 1_000_000,
            },
            "datacenter_locations": [],
            "deprecated": false, "preview": false, "quantization": self.quantization,
        })
    }

    fn openrouter(&self) -> Value {
        json!({
            "id": self.id, "hugging_face_id": self.hugging_face_id, "name": self.name, "created": self.created,
            "description": self.description,
            "input_modalities": if self.vision { json!(["text", "image"]) } else { json!(["text"]) },
            "output_modalities": ["text"], "quantization": self.quantization,
            "context_length": self.context.0, "max_output_length": self.output.0,
            "pricing": {
                "prompt": self.prices.0, "completion": self.prices.1, "image": "0", "request": "0",
                "input_cache_read": self.prices.0,
            },
            "supported_sampling_parameters": ["temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop"],
            "supported_features": ["tools", "json_mode", "structured_outputs", "reasoning"],
            "datacenters": [],
        })
    }

    fn hugging_face(&self) -> Value {
        let dollars_per_million = |price: &str| price.parse::<f64>().map_or(0.0, |dollars| (dollars * 1e8).round() / 100.0);
        json!({
            "id": self.hugging_face_id, "object": "model", "created": self.created, "owned_by": "Cerebras",
            "provider_model_id": self.id,
            "pricing": {"input": dollars_per_million(self.prices.0), "output": dollars_per_million(self.prices.1)},
            "context_length": self.context.0, "supports_tools": true, "supports_structured_output": true,
        })
    }
}

/// The forms of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Cerebras' own.
    Default,
    /// For OpenRouter.
    OpenRouter,
    /// For Hugging Face.
    HuggingFace,
}

impl Format {
    /// Reads the `format` of a query; an unknown one is an error.
    pub fn of_query(query: Option<&str>) -> Option<Self> {
        let value = query.unwrap_or("").split('&').find_map(|pair| pair.strip_prefix("format="));
        match value {
            None | Some("" | "default") => Some(Self::Default),
            Some("openrouter") => Some(Self::OpenRouter),
            Some("huggingface") => Some(Self::HuggingFace),
            Some(_) => None,
        }
    }
}

/// One model as listed; `public` is the catalogue with prices.
pub fn item(model: &Model, format: Format, public: bool) -> Value {
    match format {
        Format::Default if public => model.full(),
        Format::Default => model.short(),
        Format::OpenRouter => model.openrouter(),
        Format::HuggingFace => model.hugging_face(),
    }
}

/// The list of all models.
pub fn list(format: Format, public: bool) -> Value {
    let items: Vec<Value> = MODELS.iter().map(|model| item(model, format, public)).collect();
    match format {
        Format::OpenRouter => json!({"data": items}),
        Format::Default | Format::HuggingFace => json!({"object": "list", "data": items}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_alive_archived_or_unknown() {
        assert!(matches!(find("gpt-oss-120b"), Found::Alive(_, 0)));
        assert!(matches!(find("qwen-3.8-27b"), Found::Alive(_, 1)));
        assert!(matches!(find("llama3.1-8b"), Found::Archived));
        assert!(matches!(find("gpt-5"), Found::Unknown));
    }

    #[test]
    fn the_short_list_is_as_recorded() {
        let first = &list(Format::Default, false)["data"][0];
        assert_eq!(first, &json!({"id": "gpt-oss-120b", "object": "model", "created": 0, "owned_by": "Cerebras"}));
    }

    #[test]
    fn prices_are_text_per_token_and_numbers_per_million() {
        let list = list(Format::Default, true);
        assert_eq!(list["data"][0]["pricing"]["prompt"], "0.00000035");
        assert_eq!(item(&MODELS[1], Format::HuggingFace, true)["pricing"]["output"], json!(1.49));
    }

    #[test]
    fn formats() {
        assert_eq!(Format::of_query(None), Some(Format::Default));
        assert_eq!(Format::of_query(Some("a=1&format=openrouter")), Some(Format::OpenRouter));
        assert_eq!(Format::of_query(Some("format=xml")), None);
    }

    #[test]
    fn fingerprints_have_twenty_digits() {
        for model in &MODELS {
            let digits = model.fingerprint.strip_prefix("fp_").unwrap();
            assert!(digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        }
    }
}
