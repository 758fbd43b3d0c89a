//! Refusals, from the text of a body to the message of the error.

use serde_json::{Value, json};

use crate::catalogue::MODELS;
use crate::request::{Ask, Endpoint};
use crate::{rules, schema};

fn message(problem: &crate::errors::Problem) -> (String, String) {
    let body: Value = serde_json::from_slice(&problem.body).unwrap();
    (body["param"].as_str().unwrap().to_owned(), body["message"].as_str().unwrap().to_owned())
}

fn chat(more: Value) -> Value {
    let mut body = json!({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Complaint of the schema; empty when it fits.
fn complaint(body: &Value) -> String {
    schema::chat(body.as_object().unwrap()).message().unwrap_or_default()
}

/// `param` and message of a rule's refusal; the body must fit the schema.
fn refusal(body: &Value) -> Option<(String, String)> {
    assert_eq!(complaint(body), "", "{body}");
    let model = MODELS.iter().find(|model| body["model"] == model.id).unwrap();
    rules::check(&Ask::of(Endpoint::Chat, body.as_object().unwrap()), model).err().map(|problem| message(&problem))
}

#[test]
fn unknown_properties_at_every_level() {
    let expected = "body.store: property 'body.store' is unsupported\nbody.thinking: property 'body.thinking' is unsupported";
    assert_eq!(complaint(&chat(json!({"store": true, "thinking": {}}))), expected);
    let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "reasoning_content": "c"}]);
    let path = "messages.1.assistant.reasoning_content";
    assert_eq!(complaint(&chat(json!({"messages": messages}))), format!("{path}: property '{path}' is unsupported"));
    for (body, path) in [
        (json!({"stream_options": {"x": 1}}), "body.stream_options.x"),
        (json!({"tools": [{"type": "function", "function": {"name": "a", "x": 1}}]}), "body.tools.0.function.x"),
        (json!({"tools": [{"type": "function", "x": 1, "function": {"name": "a"}}]}), "body.tools.0.x"),
        (json!({"response_format": {"type": "text", "x": 1}}), "body.response_format.x"),
        (json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "x": 1}}}), "body.response_format.json_schema.x"),
        (json!({"prediction": {"type": "content", "content": "a", "x": 1}}), "body.prediction.x"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}]}),
            "messages.0.user.content.0.cache_control",
        ),
        (json!({"metadata": null}), "body.metadata"),
        (json!({"disable_reasoning": true}), "body.disable_reasoning"),
    ] {
        assert_eq!(complaint(&chat(body)), format!("{path}: property '{path}' is unsupported"));
    }
}

#[test]
fn types_and_ranges() {
    for body in [
        json!({"temperature": 2.1}),
        json!({"temperature": "1"}),
        json!({"top_p": -0.1}),
        json!({"n": 0}),
        json!({"n": 1.5}),
        json!({"max_completion_tokens": -2}),
        json!({"frequency_penalty": 3}),
        json!({"top_logprobs": 21}),
        json!({"stream": 1}),
        json!({"stop": ["a", "b", "c", "d", "e"]}),
        json!({"stop": [1]}),
        json!({"logit_bias": {"1": 101}}),
        json!({"logit_bias": []}),
        json!({"reasoning_effort": "max"}),
        json!({"service_tier": "fast"}),
        json!({"prompt_cache_key": "x".repeat(1025)}),
        json!({"response_format": {"type": "xml"}}),
        json!({"response_format": {"type": "json_schema"}}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
        json!({"tools": {}}),
        json!({"tools": [{"type": "function", "function": {"name": "with space"}}]}),
        json!({"tool_choice": "any"}),
        json!({"messages": []}),
        json!({"messages": "hi"}),
        json!({"messages": [{"content": "x"}]}),
        json!({"messages": ["x"]}),
        json!({"messages": [{"role": "robot", "content": "x"}]}),
        json!({"messages": [{"role": "user"}]}),
        json!({"messages": [{"role": "user", "content": null}]}),
        json!({"messages": [{"role": "tool", "content": "x"}]}),
        json!({"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        json!({"model": 5}),
    ] {
        assert_ne!(complaint(&chat(body.clone())), "", "{body}");
    }
    assert_eq!(complaint(&json!({})), "body.model: Field required\nbody.messages: Field required");
}

#[test]
fn a_full_request_is_fine() {
    let body = chat(json!({
        "max_completion_tokens": -1, "temperature": 0, "top_p": 1.0, "n": 2.0, "seed": -5, "stop": ["a"], "stream": false,
        "stream_options": {"include_usage": null}, "logit_bias": {"50256": -100}, "logprobs": true, "top_logprobs": 2,
        "user": "u", "service_tier": "auto", "prompt_cache_key": "k", "reasoning_effort": "low", "reasoning_format": "parsed",
        "clear_thinking": null, "disable_reasoning": null, "model_parameters": {"x": 1}, "tools": null, "tool_choice": null,
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "a"}]},
            {"role": "user", "content": "b", "name": "n"},
            {"role": "assistant", "content": null, "reasoning": "r", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "index": 0}]},
            {"role": "tool", "tool_call_id": "1", "content": "c"},
        ],
    }));
    assert_eq!(refusal(&body), None);
}

#[test]
fn text_completions() {
    let complaint = |body: Value| schema::text(body.as_object().unwrap()).message().unwrap_or_default();
    for prompt in [json!("a"), json!(["a", "b"]), json!([1, 2]), json!([[1], [2, 3]])] {
        assert_eq!(complaint(json!({"model": "gpt-oss-120b", "prompt": prompt, "echo": true, "best_of": 1})), "");
    }
    for prompt in [json!(1), json!([1, "a"]), json!(null), json!([-1])] {
        assert_ne!(complaint(json!({"model": "gpt-oss-120b", "prompt": prompt})), "");
    }
    let path = "body.frequency_penalty";
    let body = json!({"model": "gpt-oss-120b", "prompt": "a", "frequency_penalty": 0});
    assert_eq!(complaint(body), format!("{path}: property '{path}' is unsupported"));
}

fn tool() -> Value {
    json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}})
}

#[test]
fn tools_against_formats_and_choices() {
    let format = json!({"type": "json_object"});
    let (_, text) = refusal(&chat(json!({"tools": [tool()], "response_format": format}))).unwrap();
    assert_eq!(text, "\"tools\" is incompatible with \"response_format\"");
    assert_eq!(refusal(&chat(json!({"tools": [tool()], "response_format": {"type": "text"}}))), None);
    assert_eq!(refusal(&chat(json!({"tool_choice": "auto"}))).unwrap().0, "tool_choice");
    let named = json!({"type": "function", "function": {"name": "other"}});
    assert_eq!(refusal(&chat(json!({"tools": [tool()], "tool_choice": named}))).unwrap().0, "tool_choice");
    assert!(refusal(&chat(json!({"response_format": {"type": "json_object"}, "stream": true}))).is_some());
    assert!(refusal(&chat(json!({"response_format": {"type": "json_object"}, "reasoning_format": "raw"}))).is_some());
    assert!(refusal(&chat(json!({"top_logprobs": 2}))).is_some());
}

#[test]
fn every_tool_call_is_answered_once_and_directly() {
    let call = |id: &str| json!({"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let answer = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "c"});
    let user = || json!({"role": "user", "content": "u"});
    let of = |messages: Vec<Value>| refusal(&chat(json!({"messages": messages}))).map(|(param, _)| param);
    assert_eq!(of(vec![user(), call("1"), answer("1"), call("2"), answer("2"), user()]), None);
    for wrong in [
        vec![user(), call("1")],
        vec![user(), call("1"), user()],
        vec![user(), answer("1")],
        vec![user(), call("1"), answer("1"), answer("1")],
        vec![user(), call("1"), answer("1"), call("1"), answer("1")],
        vec![user(), call("1"), answer("2")],
    ] {
        assert_eq!(of(wrong).as_deref(), Some("messages"));
    }
}

#[test]
fn predictions_and_pictures_by_model() {
    let prediction = json!({"type": "content", "content": "old text"});
    assert_eq!(refusal(&chat(json!({"prediction": prediction}))), None);
    let (_, text) = refusal(&chat(json!({"prediction": prediction, "model": "qwen-3.8-27b"}))).unwrap();
    assert_eq!(text, "\"prediction\" is not currently supported");
    for other in [json!({"n": 2}), json!({"logprobs": true}), json!({"tools": [tool()]})] {
        let mut body = chat(other);
        body["prediction"] = prediction.clone();
        assert!(refusal(&body).is_some());
    }
    let picture = |url: &str, count: usize| {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        json!([{"role": "user", "content": vec![part; count]}])
    };
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let qwen = |messages: Value| refusal(&chat(json!({"model": "qwen-3.8-27b", "messages": messages})));
    assert_eq!(qwen(picture(png, 5)), None);
    assert!(qwen(picture(png, 6)).is_some());
    assert!(qwen(picture("https://example.com/a.png", 1)).is_some());
    assert!(qwen(picture("data:image/gif;base64,iVBO", 1)).is_some());
    assert!(refusal(&chat(json!({"messages": picture(png, 1)}))).is_some());
}

fn strict(schema: &Value) -> Option<String> {
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema": schema}});
    refusal(&chat(json!({"response_format": format}))).map(|(param, text)| {
        assert_eq!(param, "response_format");
        text
    })
}

fn closed(properties: &Value) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

#[test]
fn strict_schemas() {
    let list = json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "pattern": "x"});
    assert_eq!(strict(&closed(&json!({"a": list}))).unwrap(), "Unsupported JSON schema fields: {'minItems', 'pattern'}");
    assert_eq!(strict(&closed(&json!({"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}))), None);
    let tuple = json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false});
    assert_eq!(strict(&closed(&json!({"a": tuple}))), None);
    let many: Vec<String> = (0..501).map(|number| number.to_string()).collect();
    let mut deep = json!({"type": "string"});
    for _ in 0..11 {
        deep = closed(&json!({"a": deep}));
    }
    let mut recursive = closed(&json!({"a": {"$ref": "#/$defs/node"}}));
    recursive["$defs"] = json!({"node": closed(&json!({"next": {"$ref": "#/$defs/node"}}))});
    for wrong in [
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"type": "object", "properties": {}}),
        closed(&json!({"a": {"type": "object", "properties": {}}})),
        closed(&json!({"a": {"type": ["string", "null"]}})),
        closed(&json!({"a": {"type": "array", "items": true}})),
        closed(&json!({"a": {"$ref": "https://example.com/x"}})),
        closed(&json!({"a": {"$ref": "#/definitions/x"}})),
        closed(&json!({"a": {"enum": many}})),
        closed(&json!({"a": {"description": "x".repeat(5000)}})),
        deep,
        recursive,
    ] {
        assert!(strict(&wrong).is_some(), "{wrong}");
    }
    // Without `strict` all of that is taken.
    let loose = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array"}}});
    assert_eq!(refusal(&chat(json!({"response_format": loose}))), None);
}

#[test]
fn strict_tools() {
    let mut tool = tool();
    tool["function"]["strict"] = true.into();
    assert_eq!(refusal(&chat(json!({"tools": [tool.clone()]}))).unwrap().0, "tools");
    tool["function"]["parameters"]["additionalProperties"] = false.into();
    assert_eq!(refusal(&chat(json!({"tools": [tool]}))), None);
}
