//! Everything counted so far in the text format of Prometheus (0.0.4). Names follow OpenTelemetry's conventions for generative AI, translated as
//! its specification of compatibility with Prometheus says: dots become underscores, the unit and `_total` follow.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::register::Labels;
use super::series::{Count, Measure, Series};
use super::sketch::Sketch;

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bounds of the buckets of durations, in seconds, that OpenTelemetry advises for `gen_ai.client.operation.duration`.
const SECONDS: [f64; 14] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Those that it advises for `gen_ai.client.token.usage`.
const TOKENS: [f64; 14] =
    [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0];
/// Those of scores.
const POINTS: [f64; 10] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0];
/// Those of the time until a post is published, in seconds: a minute to thirty days.
const WAITS: [f64; 8] = [60.0, 600.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 604_800.0, 2_592_000.0];

const MS: f64 = 1000.0;

/// A label of a sample: its name and its value.
type Label = (&'static str, String);

/// The samples of a series: their labels and what they have.
type Samples<T> = Vec<(Vec<Label>, T)>;

/// Counters that are told by tenant, endpoint, model and source: their name, help, and what they count.
const BY_REQUEST: [(&str, &str, Count); 7] = [
    ("maya_edge_requests_total", "Requests of callers.", Count::Requests),
    ("maya_edge_model_calls_total", "Calls of models, the gateway's own questions among them.", Count::Calls),
    ("maya_edge_model_stood_in_total", "Calls that another model answered than the one asked first.", Count::StoodIn),
    ("maya_edge_prompt_tokens_total", "Tokens of prompts.", Count::PromptTokens),
    ("maya_edge_completion_tokens_total", "Tokens of completions.", Count::CompletionTokens),
    ("maya_edge_cost_micro_dollars_total", "What was spent, in millionths of a dollar.", Count::CostMicroDollars),
    ("maya_edge_unpriced_total", "Calls whose price is unknown.", Count::Unpriced),
];

/// Counters that are told by tenant, platform and variant.
const BY_POST: [(&str, &str, Count); 8] = [
    ("maya_edge_posts_total", "Posts that were written.", Count::Posts),
    ("maya_edge_posts_degraded_total", "Posts that a rule stood in for.", Count::Degraded),
    ("maya_edge_posts_valid_total", "Posts that keep their platform's rules.", Count::Valid),
    ("maya_edge_ratings_total", "Ratings of posts.", Count::Ratings),
    ("maya_edge_posts_published_total", "Posts that were published.", Count::Published),
    ("maya_edge_impressions_total", "Impressions that were reported.", Count::Impressions),
    ("maya_edge_likes_total", "Likes that were reported.", Count::Likes),
    ("maya_edge_clicks_total", "Clicks that were reported.", Count::Clicks),
];

/// Counters without labels.
const BY_NOTHING: [(&str, &str, Count); 2] = [
    ("maya_edge_telemetry_overflowed_total", "Requests whose labels had no room and are counted under other ones.", Count::Overflowed),
    ("maya_edge_telemetry_lost_total", "Requests that could not be counted elsewhere.", Count::Lost),
];

/// The whole text.
pub fn rendered(sums: &BTreeMap<Labels, Series>) -> String {
    let mut page = Page { text: String::new(), sums };
    for (name, help, count) in BY_REQUEST {
        page.counter(name, help, &|labels, series| vec![(of_request(labels), series.counted(count))]);
    }
    page.counter("maya_edge_errors_total", "Requests that ended in an error, by its code.", &|labels, series| {
        let told = |(code, count): (&String, &u64)| (with(of_request(labels), "error_type", code), *count);
        series.errors().iter().map(told).collect()
    });
    page.counter("maya_edge_saved_micro_dollars_total", "What was not spent, in millionths of a dollar.", &|labels, series| {
        let told = |by, count| (with(of_request(labels), "by", by), series.counted(count));
        vec![told("cache", Count::SavedByCache), told("routing", Count::SavedByRouting)]
    });
    for (name, help, count) in BY_POST {
        page.counter(name, help, &|labels, series| vec![(of_post(labels), series.counted(count))]);
    }
    for (name, help, count) in BY_NOTHING {
        page.counter(name, help, &|_, series| vec![(Vec::new(), series.counted(count))]);
    }
    for (name, help, measure) in [
        ("gen_ai_client_operation_duration_seconds", "How long Cerebras took, all attempts of a request together.", Measure::Upstream),
        ("gen_ai_server_request_duration_seconds", "From a request's arrival to the end of its answer.", Measure::Latency),
        ("gen_ai_server_time_to_first_token_seconds", "From a request's arrival to the first bytes of a stream.", Measure::FirstByte),
    ] {
        page.histogram(name, help, (&SECONDS, MS), &|labels, series| of_measure(labels, series, measure, None));
    }
    page.histogram("gen_ai_client_token_usage", "Tokens of a request.", (&TOKENS, 1.0), &|labels, series| {
        let mut told = of_measure(labels, series, Measure::Prompt, Some("input"));
        told.extend(of_measure(labels, series, Measure::Completion, Some("output")));
        told
    });
    page.histogram("maya_edge_post_score", "Scores of posts, 0 to 100.", (&POINTS, 1.0), &|labels, series| {
        series.measured(Measure::Score).map(|sketch| (vec![("platform", labels.platform.clone())], sketch)).into_iter().collect()
    });
    page.histogram("maya_edge_time_to_publish_seconds", "From a post's answer to its publication.", (&WAITS, MS), &|labels, series| {
        series.measured(Measure::TimeToPublish).map(|sketch| (vec![("platform", labels.platform.clone())], sketch)).into_iter().collect()
    });
    page.text
}

fn of_request(labels: &Labels) -> Vec<Label> {
    vec![
        ("tenant", labels.tenant.clone()),
        ("endpoint", labels.endpoint.clone()),
        ("model", labels.model.clone()),
        ("source", labels.source.clone()),
    ]
}

fn of_post(labels: &Labels) -> Vec<Label> {
    vec![("tenant", labels.tenant.clone()), ("platform", labels.platform.clone()), ("variant", labels.variant.clone())]
}

fn with(mut labels: Vec<Label>, name: &'static str, value: &str) -> Vec<Label> {
    labels.push((name, value.to_owned()));
    labels
}

/// OpenTelemetry's name of what an endpoint does.
pub fn operation(endpoint: &str) -> &'static str {
    match endpoint {
        "chat" => "chat",
        "completions" => "text_completion",
        "embeddings" => "embeddings",
        _ => "generate_content",
    }
}

/// Without the tenant: a histogram is many series.
fn of_measure<'s>(labels: &Labels, series: &'s Series, measure: Measure, token: Option<&str>) -> Samples<&'s Sketch> {
    let mut told: Vec<Label> = vec![
        ("gen_ai_operation_name", operation(&labels.endpoint).to_owned()),
        ("gen_ai_provider_name", if labels.source == "cloud" { "cerebras" } else { "maya_edge" }.to_owned()),
        ("gen_ai_response_model", labels.model.clone()),
        ("endpoint", labels.endpoint.clone()),
        ("source", labels.source.clone()),
    ];
    told.extend(token.map(|token| ("gen_ai_token_type", token.to_owned())));
    series.measured(measure).map(|sketch| (told, sketch)).into_iter().collect()
}

struct Page<'s> {
    text: String,
    sums: &'s BTreeMap<Labels, Series>,
}

impl<'s> Page<'s> {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a text does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[Label], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"{}\"", escaped(value));
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn counter(&mut self, name: &str, help: &str, told: &dyn Fn(&Labels, &Series) -> Samples<u64>) {
        let mut samples: BTreeMap<Vec<Label>, u64> = BTreeMap::new();
        for (labels, count) in self.sums.iter().flat_map(|(labels, series)| told(labels, series)) {
            let sum = samples.entry(labels).or_default();
            *sum = sum.saturating_add(count);
        }
        self.head(name, help, "counter");
        for (labels, count) in samples.iter().filter(|(labels, count)| **count > 0 || labels.is_empty()) {
            self.sample(name, labels, count);
        }
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        (bounds, scale): (&[f64], f64),
        told: &dyn Fn(&Labels, &'s Series) -> Samples<&'s Sketch>,
    ) {
        let mut sums: BTreeMap<Vec<Label>, Sketch> = BTreeMap::new();
        for (labels, sketch) in self.sums.iter().flat_map(|(labels, series)| told(labels, series)) {
            sums.entry(labels).or_default().merge(sketch);
        }
        self.head(name, help, "histogram");
        for (labels, sketch) in sums {
            for bound in bounds {
                let bounded = with(labels.clone(), "le", &bound.to_string());
                self.sample(&[name, "_bucket"].concat(), &bounded, sketch.at_most(bound * scale));
            }
            self.sample(&[name, "_bucket"].concat(), &with(labels.clone(), "le", "+Inf"), sketch.count());
            self.sample(&[name, "_sum"].concat(), &labels, sketch.sum() / scale);
            self.sample(&[name, "_count"].concat(), &labels, sketch.count());
        }
    }
}

/// A label's value as the format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
