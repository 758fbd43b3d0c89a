//! Everything counted so far in the text format of Prometheus (0.0.4). Names follow OpenTelemetry's conventions for generative AI, translated as
//! its specification of compatibility with Prometheus says: dots become underscores, the unit and `_total` follow.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::observation::LEAST_GAIN;
use super::register::{Labels, NOBODY};
use super::series::{Count, Measure, Series};
use super::sketch::Sketch;

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bounds of the buckets of durations, in seconds, that OpenTelemetry advises for `gen_ai.client.operation.duration`.
const SECONDS: [f64; 14] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Those that it advises for `gen_ai.server.time_to_first_token`.
const FIRST_SECONDS: [f64; 16] = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Those that it advises for `gen_ai.client.token.usage`.
const TOKENS: [f64; 14] =
    [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0];
/// Those of scores.
const POINTS: [f64; 10] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0];
/// Those of the time until a post is published, in seconds: a minute to thirty days.
const WAITS: [f64; 8] = [60.0, 600.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 604_800.0, 2_592_000.0];

const MS: f64 = 1000.0;

/// The most sets of labels that are told with their tenants, of requests and of posts each: beyond, in the order of names, tenants are told
/// together. The page is made in an isolate of 128 MB, where each set takes some thousand bytes of numbers and text.
pub const MOST_SETS: usize = 20_000;

/// A label of a sample: its name and its value.
type Label = (&'static str, String);

/// Counters that are told by tenant, endpoint, model and source: their name, help, and what they count.
const BY_REQUEST: [(&str, &str, Count); 9] = [
    ("maya_edge_requests_total", "Requests of callers.", Count::Requests),
    ("maya_edge_model_calls_total", "Calls of models, the gateway's own questions among them.", Count::Calls),
    (
        "maya_edge_model_failures_total",
        "Attempts of models that failed: no answer, 429, 5xx, or a stream that broke off.",
        Count::ModelFailures,
    ),
    ("maya_edge_model_stood_in_total", "Calls that another model answered than the one asked first.", Count::StoodIn),
    ("maya_edge_prompt_tokens_total", "Tokens of prompts.", Count::PromptTokens),
    ("maya_edge_completion_tokens_total", "Tokens of completions.", Count::CompletionTokens),
    ("maya_edge_cost_micro_dollars_total", "What was spent, in millionths of a dollar.", Count::CostMicroDollars),
    ("maya_edge_unpriced_total", "Calls whose price is unknown.", Count::Unpriced),
    ("maya_edge_humanized_total", "Texts whose wording was measured before and after.", Count::Humanized),
];

/// Counters that are told by tenant and platform. Not by variant: tenants call those as they like, and as many as they like.
const BY_POST: [(&str, &str, Count); 10] = [
    ("maya_edge_posts_total", "Posts that were written.", Count::Posts),
    ("maya_edge_posts_degraded_total", "Posts that a rule stood in for.", Count::Degraded),
    ("maya_edge_posts_valid_total", "Posts that keep their platform's rules.", Count::Valid),
    ("maya_edge_ratings_total", "Ratings of posts.", Count::Ratings),
    ("maya_edge_posts_published_total", "Posts that were published.", Count::Published),
    ("maya_edge_impressions_total", "Impressions that were reported.", Count::Impressions),
    ("maya_edge_likes_total", "Likes that were reported.", Count::Likes),
    ("maya_edge_comments_total", "Comments that were reported.", Count::Comments),
    ("maya_edge_shares_total", "Shares that were reported.", Count::Shares),
    ("maya_edge_clicks_total", "Clicks that were reported.", Count::Clicks),
];

/// Counters without labels.
const BY_NOTHING: [(&str, &str, Count); 2] = [
    ("maya_edge_telemetry_overflowed_total", "Requests whose labels had no room and are counted under other ones.", Count::Overflowed),
    ("maya_edge_telemetry_lost_total", "Requests that could not be counted elsewhere.", Count::Lost),
];

/// A histogram: its name, its help, and the bounds of its buckets, of which each is so much in the measure's own unit.
struct Shape {
    name: &'static str,
    help: &'static str,
    bounds: &'static [f64],
    scale: f64,
}

/// The histograms in their order on the page; [`Page::add`] has what comes into each.
const HISTOGRAMS: [Shape; 7] = [
    Shape {
        name: "gen_ai_client_operation_duration_seconds",
        help: "How long Cerebras took, all attempts of a request together.",
        bounds: &SECONDS,
        scale: MS,
    },
    Shape {
        name: "gen_ai_server_request_duration_seconds",
        help: "From the arrival of a request of generative AI to the end of its answer.",
        bounds: &SECONDS,
        scale: MS,
    },
    Shape {
        name: "gen_ai_server_time_to_first_token_seconds",
        help: "From a request's arrival to the first bytes of a stream.",
        bounds: &FIRST_SECONDS,
        scale: MS,
    },
    Shape { name: "gen_ai_client_token_usage", help: "Tokens of a request.", bounds: &TOKENS, scale: 1.0 },
    Shape {
        name: "maya_edge_request_duration_seconds",
        help: "From any request's arrival to the end of its answer.",
        bounds: &SECONDS,
        scale: MS,
    },
    Shape { name: "maya_edge_post_score", help: "Scores of posts, 0 to 100.", bounds: &POINTS, scale: 1.0 },
    Shape { name: "maya_edge_time_to_publish_seconds", help: "From a post's answer to its publication.", bounds: &WAITS, scale: MS },
];
const CLIENT_DURATION: usize = 0;
const SERVER_DURATION: usize = 1;
const FIRST_TOKEN: usize = 2;
const TOKEN_USAGE: usize = 3;
const DURATION: usize = 4;
const SCORE: usize = 5;
const TIME_TO_PUBLISH: usize = 6;

/// The values of a histogram under one set of labels.
#[derive(Debug, Default)]
struct Values {
    all: Sketch,
    /// Those among them of requests that failed, by the code of the error.
    failed: BTreeMap<String, Sketch>,
}

/// OpenTelemetry's name of what an endpoint does; none when that is no generative AI.
pub fn operation(endpoint: &str) -> Option<&'static str> {
    match endpoint {
        "chat" => Some("chat"),
        "completions" => Some("text_completion"),
        "embeddings" => Some("embeddings"),
        "campaigns" | "intents" | "sentiments" | "languages" | "moderations" => Some("generate_content"),
        _ => (endpoint == "posts" || endpoint.starts_with("posts/")).then_some("generate_content"),
    }
}

const CEREBRAS: &str = "cerebras";
const GATEWAY: &str = "maya_edge";

/// The labels of OpenTelemetry's histograms. Without the tenant: a histogram is many series.
fn of_operation(labels: &Labels, operation: &str, provider: &str) -> Vec<Label> {
    // Who got no answer has no model that gave it.
    let answered = if labels.source.is_empty() { String::new() } else { labels.model.clone() };
    // What the gateway asks Cerebras for is what answers. What its caller has asked for, an alias or `auto`, is not among the labels.
    let asked = if provider == CEREBRAS { labels.model.clone() } else { String::new() };
    let mut told = vec![("gen_ai_operation_name", operation.to_owned()), ("gen_ai_provider_name", provider.to_owned())];
    let known = [
        ("gen_ai_request_model", asked),
        ("gen_ai_response_model", answered),
        ("endpoint", labels.endpoint.clone()),
        ("source", labels.source.clone()),
    ];
    told.extend(known.into_iter().filter(|(_, value)| !value.is_empty()));
    told
}

fn with(mut labels: Vec<Label>, name: &'static str, value: &str) -> Vec<Label> {
    labels.push((name, value.to_owned()));
    labels
}

/// What is to stand on the page, added up as it is read.
#[derive(Debug, Default)]
pub struct Page {
    /// Counts by tenant, endpoint, model and source.
    requests: BTreeMap<[String; 4], Series>,
    /// Counts by tenant and platform.
    posts: BTreeMap<[String; 2], Series>,
    all: Series,
    /// By the place of the histogram.
    histograms: BTreeMap<(usize, Vec<Label>), Values>,
}

impl Page {
    /// Adds a series.
    pub fn add(&mut self, labels: &Labels, series: &Series) {
        let Labels { tenant, endpoint, model, platform, source, .. } = labels;
        bounded(&mut self.requests, [tenant, endpoint, model, source].map(Clone::clone)).merge_counts(series);
        bounded(&mut self.posts, [tenant, platform].map(Clone::clone)).merge_counts(series);
        self.all.merge_counts(series);
        if let Some(operation) = operation(endpoint) {
            // Whatever became of the request: what took time upstream, or tokens, is Cerebras.
            let of_client = of_operation(labels, operation, CEREBRAS);
            let of_server = of_operation(labels, operation, if source == "cloud" { CEREBRAS } else { GATEWAY });
            self.measure(CLIENT_DURATION, of_client.clone(), series, Measure::Upstream);
            self.measure(SERVER_DURATION, of_server.clone(), series, Measure::Latency);
            self.measure(FIRST_TOKEN, of_server, series, Measure::FirstByte);
            self.measure(TOKEN_USAGE, with(of_client.clone(), "gen_ai_token_type", "input"), series, Measure::Prompt);
            self.measure(TOKEN_USAGE, with(of_client, "gen_ai_token_type", "output"), series, Measure::Completion);
        }
        self.measure(DURATION, vec![("endpoint", endpoint.clone()), ("source", source.clone())], series, Measure::Latency);
        self.measure(SCORE, vec![("platform", platform.clone())], series, Measure::Score);
        self.measure(TIME_TO_PUBLISH, vec![("platform", platform.clone())], series, Measure::TimeToPublish);
    }

    fn measure(&mut self, histogram: usize, labels: Vec<Label>, series: &Series, measure: Measure) {
        let Some(sketch) = series.measured(measure) else { return };
        let values = self.histograms.entry((histogram, labels)).or_default();
        values.all.merge(sketch);
        for (code, sketch) in series.failed(measure) {
            values.failed.entry(code.to_owned()).or_default().merge(sketch);
        }
    }

    /// The whole text.
    pub fn told(&self) -> String {
        let mut text = Text(String::new());
        for (name, help, count) in BY_REQUEST {
            text.counter(name, help, self.requests.iter().map(|(labels, series)| (of_request(labels), series.counted(count))));
        }
        let errors = self.requests.iter().flat_map(|(labels, series)| {
            series.errors().iter().map(|(code, count)| (with(of_request(labels), "error_type", code), *count))
        });
        text.counter("maya_edge_errors_total", "Requests that ended in an error, by its code.", errors);
        let saved = self.requests.iter().flat_map(|(labels, series)| {
            let told = |by, count| (with(of_request(labels), "by", by), series.counted(count));
            [told("cache", Count::SavedByCache), told("routing", Count::SavedByRouting)]
        });
        text.counter("maya_edge_saved_micro_dollars_total", "What was not spent, in millionths of a dollar.", saved);
        // A sum of losses, too, so it may fall.
        text.head("maya_edge_humanizing_gain_points", "The sum of what wording gained, in points; a loss counts below 0.", "gauge");
        for (labels, series) in &self.requests {
            let humanized = series.counted(Count::Humanized);
            if humanized > 0 {
                let gain = float(series.counted(Count::HumanizingGain)) / HUNDRED + float(humanized) * LEAST_GAIN;
                text.sample("maya_edge_humanizing_gain_points", &of_request(labels), (gain * HUNDRED).round() / HUNDRED);
            }
        }
        for (name, help, count) in BY_POST {
            text.counter(name, help, self.posts.iter().map(|(labels, series)| (of_post(labels), series.counted(count))));
        }
        text.head("maya_edge_rating_sum_total", "The sum of ratings of posts, each from 0 to 1.", "counter");
        for (labels, series) in self.posts.iter().filter(|(_, series)| series.counted(Count::Ratings) > 0) {
            text.sample("maya_edge_rating_sum_total", &of_post(labels), float(series.counted(Count::RatingSum)) / HUNDRED);
        }
        for (name, help, count) in BY_NOTHING {
            text.counter(name, help, [(Vec::new(), self.all.counted(count))].into_iter());
        }
        for (place, shape) in HISTOGRAMS.iter().enumerate() {
            text.head(shape.name, shape.help, "histogram");
            for ((_, labels), values) in self.histograms.range((place, Vec::new())..(place.saturating_add(1), Vec::new())) {
                text.histogram(shape, labels, &values.all, &values.failed);
                for (code, sketch) in &values.failed {
                    text.histogram(shape, &with(labels.clone(), "error_type", code), sketch, &BTreeMap::new());
                }
            }
        }
        text.0
    }
}

/// The counts under labels, of which the first is the tenant, or under everybody else's when there are too many.
fn bounded<const N: usize>(sets: &mut BTreeMap<[String; N], Series>, mut labels: [String; N]) -> &mut Series {
    if sets.len() >= MOST_SETS && !sets.contains_key(&labels) {
        labels.iter_mut().take(1).for_each(|tenant| NOBODY.clone_into(tenant));
    }
    sets.entry(labels).or_default()
}

const HUNDRED: f64 = 100.0;

#[expect(clippy::cast_precision_loss, reason = "sums far below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

fn of_request([tenant, endpoint, model, source]: &[String; 4]) -> Vec<Label> {
    vec![("tenant", tenant.clone()), ("endpoint", endpoint.clone()), ("model", model.clone()), ("source", source.clone())]
}

fn of_post([tenant, platform]: &[String; 2]) -> Vec<Label> {
    vec![("tenant", tenant.clone()), ("platform", platform.clone())]
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[Label], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            self.0.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", escaped(value));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn counter(&mut self, name: &str, help: &str, samples: impl Iterator<Item = (Vec<Label>, u64)>) {
        self.head(name, help, "counter");
        for (labels, count) in samples.filter(|(labels, count)| *count > 0 || labels.is_empty()) {
            self.sample(name, &labels, count);
        }
    }

    /// The samples of a histogram of all values but some, which are among them.
    fn histogram(&mut self, Shape { name, bounds, scale, .. }: &Shape, labels: &[Label], all: &Sketch, but: &BTreeMap<String, Sketch>) {
        let less = |of: &dyn Fn(&Sketch) -> u64| but.values().fold(of(all), |left, sketch| left.saturating_sub(of(sketch)));
        let count = less(&Sketch::count);
        if count == 0 {
            return;
        }
        let sum = but.values().fold(all.sum(), |left, sketch| left - sketch.sum());
        for bound in *bounds {
            let bounded = with(labels.to_vec(), "le", &bound.to_string());
            self.sample(&[name, "_bucket"].concat(), &bounded, less(&|sketch| sketch.at_most(bound * scale)));
        }
        self.sample(&[name, "_bucket"].concat(), &with(labels.to_vec(), "le", "+Inf"), count);
        self.sample(&[name, "_sum"].concat(), labels, sum.max(0.0) / scale);
        self.sample(&[name, "_count"].concat(), labels, count);
    }
}

/// A label's value as the format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
