//! Bodies: accepted is what serde_json accepts, and what leaves the gateway differs in the model and the cap alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maya_edge::protocol::json::{Document, Reason};
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let is_json = std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    match Document::read(bytes) {
        Ok(document) => {
            assert!(is_json);
            assert!(serde_json::from_str::<IgnoredAny>(document.root().raw()).is_ok());
        }
        Err(offence) => {
            assert!(!is_json || matches!(offence.reason, Reason::DuplicateKey | Reason::TooDeep), "{offence:?}");
            assert!(offence.offset <= bytes.len());
        }
    }
    for (endpoint, cap_field) in [(Endpoint::Chat, "max_completion_tokens"), (Endpoint::Text, "max_tokens")] {
        let Ok(request) = CompletionRequest::read(bytes, endpoint) else { continue };
        if let Ok(Some(folded)) = request.folded() {
            assert!(serde_json::from_slice::<IgnoredAny>(&folded).is_ok());
            let _ = CompletionRequest::read(&folded, endpoint).map(|request| request.rewritten("m", Some(1)));
        }
        assert_eq!(request.rewritten(request.model(), None), None);
        let Some(rewritten) = request.rewritten("another \"model\"", Some(7)) else { panic!("another model changes the body") };
        // Half a surrogate pair is no text for serde.
        let Ok(mut before) = serde_json::from_slice::<Value>(bytes) else { continue };
        let after: Value = serde_json::from_slice(&rewritten).expect("a body stays JSON");
        before["model"] = "another \"model\"".into();
        if request.lacks_cap() {
            before[cap_field] = 7.into();
        }
        assert_eq!(before, after);
    }
});
