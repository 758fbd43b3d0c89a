//! What is seen of one request on its way, and what is counted of it in the end. No text of a request or an answer comes here.

use std::borrow::Cow;

use super::register::{Labels, OTHER, Register};
use super::request_log::Figures;
use super::series::{Count, Measure, Series};
use super::trace::{Asked, Request, Trace};
use crate::cloud::models::MicroDollars;
use crate::protocol::usage::Usage;

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache.
    Cache,
    /// The gateway itself.
    Edge,
    /// Cerebras.
    Cloud,
}

impl Source {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Edge => "edge",
            Self::Cloud => "cloud",
        }
    }
}

/// A post that was written.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Its platform.
    pub platform: String,
    /// Its variant in an experiment, as `experiment:arm`; empty outside of one.
    pub variant: String,
    /// Whether a rule stood in for what a model should have written.
    pub degraded: bool,
    /// Whether it keeps its platform's rules.
    pub valid: bool,
    /// 0 to 100, if it was scored.
    pub score: Option<f64>,
}

/// One request as far as it was seen.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The tenant; empty until it is known.
    pub tenant: String,
    /// The model that answered last, if it is one of the operator's table.
    pub model: String,
    /// Who answered.
    pub source: Option<Source>,
    /// The code of the error that it ended in.
    pub error: Option<Cow<'static, str>>,
    /// The status of the answer, when an error or Cerebras has said it; 0 else.
    pub status: u16,
    /// What models used.
    pub usage: Usage,
    /// What they cost, as far as it is known.
    pub cost: MicroDollars,
    /// Calls whose price is unknown.
    pub unpriced: u64,
    /// What the cache saved.
    pub saved_by_cache: MicroDollars,
    /// What routing saved.
    pub saved_by_routing: MicroDollars,
    /// How the experiment calls the answer, if it counts for one.
    pub exposure: String,
    /// Whether routing chose the model.
    pub routed: bool,
    /// By how many points the wording of each text gained that was made to read as a person's.
    pub humanizing_gains: Vec<f64>,
    /// Calls of models that were answered.
    pub calls: u64,
    /// Those that another model answered.
    pub stood_in: u64,
    /// How long attempts upstream took, in ms, streams to their end; none without one.
    pub upstream_ms: Option<u64>,
    /// Since when the stream of the last attempt comes, in ms since 1970, as long as it does.
    pub streaming_since_ms: Option<u64>,
    /// When the first bytes of a stream came, in ms since 1970.
    pub first_byte_at_ms: Option<u64>,
    /// The last time that is known, in ms since 1970.
    pub latest_ms: u64,
    /// Its variant in an experiment, as `experiment:arm`; empty outside of one.
    pub variant: String,
    /// Posts that were written.
    pub pieces: Vec<Piece>,
    /// Attempts upstream, those that failed among them.
    pub attempts: u64,
    /// The status that the caller got; 0 before there is one.
    pub answered_status: u16,
    /// The id that the answer bears; empty before there is one.
    pub request_id: String,
    /// Its trace, if it has one.
    pub trace: Option<Box<Trace>>,
    /// Whether that is there on the word of a caller alone, which counts once the caller is admitted.
    pub trace_on_word: bool,
    /// Whether the caller is known, and may call.
    pub admitted: bool,
    /// What calls of each model used and cost, and how many failed.
    pub by_model: Vec<OfModel>,
}

/// What the calls of one model used and cost, and how many failed.
#[derive(Clone, Debug, Default)]
pub struct OfModel {
    /// The model, as labels have it.
    pub model: String,
    /// The calls that were answered.
    pub calls: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost, as far as it is known.
    pub cost: MicroDollars,
    /// Those whose price is unknown.
    pub unpriced: u64,
    /// Attempts that failed. A stream that broke off is a call, too.
    pub failures: u64,
}

impl OfModel {
    fn used(&mut self, usage: Usage, cost: Option<MicroDollars>) {
        self.calls = self.calls.saturating_add(1);
        self.usage.prompt_tokens = self.usage.prompt_tokens.saturating_add(usage.prompt_tokens);
        self.usage.completion_tokens = self.usage.completion_tokens.saturating_add(usage.completion_tokens);
        match cost {
            Some(MicroDollars(cost)) => self.cost.0 = self.cost.0.saturating_add(cost),
            None => self.unpriced = self.unpriced.saturating_add(1),
        }
    }

    fn count(&self, series: &mut Series) {
        for (count, more) in [
            (Count::PromptTokens, self.usage.prompt_tokens),
            (Count::CompletionTokens, self.usage.completion_tokens),
            (Count::CostMicroDollars, self.cost.0),
            (Count::Unpriced, self.unpriced),
            (Count::Calls, self.calls),
            (Count::ModelFailures, self.failures),
        ] {
            series.count(count, more);
        }
        if self.calls == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "tokens far below 2^53")]
        let mut measure = |measure, value: u64| series.measure(measure, value as f64);
        measure(Measure::Prompt, self.usage.prompt_tokens);
        measure(Measure::Completion, self.usage.completion_tokens);
    }
}

impl Observation {
    /// Begins an attempt upstream, as [`Trace::attempt`] does, if there is a trace.
    pub fn attempt_begins(&mut self, target: &str, model: &str, now_ms: u64) -> Option<String> {
        let traced = self.is_traced();
        self.trace.as_mut().filter(|_| traced).map(|trace| trace.attempt(target, model, now_ms))
    }

    /// Whether there is a trace that is kept as far as is known now: a stranger's word alone decides nothing.
    pub fn is_traced(&self) -> bool {
        self.trace.is_some() && (self.admitted || !self.trace_on_word)
    }

    /// Takes the trace out, if it is kept.
    pub fn take_trace(&mut self) -> Option<Box<Trace>> {
        let traced = self.is_traced();
        self.trace.take().filter(|_| traced)
    }

    /// Sees the end of a stream from upstream.
    pub fn stream_ended(&mut self, now_ms: u64) {
        self.latest_ms = now_ms;
        // The attempt was counted to its first byte when that came.
        if let (Some(since_ms), Some(upstream_ms)) = (self.streaming_since_ms.take(), &mut self.upstream_ms) {
            *upstream_ms = upstream_ms.saturating_add(now_ms.saturating_sub(since_ms));
        }
        if let Some(trace) = &mut self.trace {
            trace.stream_ended(now_ms);
        }
    }

    /// What the lines and spans of operators say of the request, which came at a time in ms since 1970.
    pub fn told<'a>(&'a self, asked: Asked<'a>, arrived_ms: u64) -> (Request<'a>, Figures) {
        let Asked { method, scheme, endpoint, route } = asked;
        let source = self.source.or(self.error.is_none().then_some(Source::Edge));
        let request = Request {
            method,
            scheme,
            route,
            endpoint,
            tenant: &self.tenant,
            model: &self.model,
            source: source.map(Source::name).unwrap_or_default(),
            variant: &self.variant,
            request_id: &self.request_id,
            error: self.error.as_deref().unwrap_or_default(),
            status: self.answered_status,
            began_ms: arrived_ms,
            ended_ms: self.latest_ms.max(arrived_ms),
        };
        let figures = Figures {
            latency_ms: self.latency_ms(arrived_ms),
            first_byte_ms: self.first_byte_at_ms.map(|at_ms| at_ms.saturating_sub(arrived_ms)),
            upstream_ms: self.upstream_ms,
            attempts: self.attempts,
            stood_in: self.stood_in,
            calls: self.calls,
            prompt_tokens: self.usage.prompt_tokens,
            completion_tokens: self.usage.completion_tokens,
            cost_micro_dollars: (self.unpriced == 0).then_some(self.cost.0),
            saved_by_cache: self.saved_by_cache.0,
        };
        (request, figures)
    }

    /// Sees an attempt upstream: its whole answer, or the first bytes of a stream that goes on until [`Self::stream_ended`].
    pub fn attempt(&mut self, now_ms: u64, elapsed_ms: u32, is_stream: bool) {
        self.latest_ms = now_ms;
        self.attempts = self.attempts.saturating_add(1);
        self.upstream_ms = Some(self.upstream_ms.unwrap_or_default().saturating_add(u64::from(elapsed_ms)));
        if is_stream {
            self.first_byte_at_ms = Some(now_ms);
            self.streaming_since_ms = Some(now_ms);
        }
    }

    /// Sees that a model of the table, or another, has answered.
    pub fn answered(&mut self, model: Option<&str>, source: Source) {
        model.unwrap_or(OTHER).clone_into(&mut self.model);
        // What asked the cloud once is the cloud's, whatever the edge adds.
        if self.source != Some(Source::Cloud) {
            self.source = Some(source);
        }
    }

    /// Sees what a call of the model that answered last has used and cost.
    pub fn used(&mut self, usage: Usage, cost: Option<MicroDollars>) {
        self.calls = self.calls.saturating_add(1);
        if let Some(trace) = &mut self.trace {
            trace.used(usage);
        }
        self.usage.prompt_tokens = self.usage.prompt_tokens.saturating_add(usage.prompt_tokens);
        self.usage.completion_tokens = self.usage.completion_tokens.saturating_add(usage.completion_tokens);
        match cost {
            Some(MicroDollars(cost)) => self.cost.0 = self.cost.0.saturating_add(cost),
            None => self.unpriced = self.unpriced.saturating_add(1),
        }
        let mut of = self.take_of_model(&self.model.clone());
        of.used(usage, cost);
        self.by_model.push(of);
    }

    /// Sees that an attempt of a model of the table, or of another, has failed, or the stream that it had begun.
    pub fn attempt_failed(&mut self, model: Option<&str>) {
        let mut of = self.take_of_model(model.unwrap_or(OTHER));
        of.failures = of.failures.saturating_add(1);
        self.by_model.push(of);
    }

    fn take_of_model(&mut self, model: &str) -> OfModel {
        match self.by_model.iter().position(|of| of.model == model) {
            Some(place) => self.by_model.swap_remove(place),
            None => OfModel { model: model.to_owned(), ..OfModel::default() },
        }
    }

    /// Sees the error that the request ends in; the first counts.
    pub fn failed(&mut self, code: impl Into<Cow<'static, str>>, status: u16) {
        if self.error.is_none() {
            self.error = Some(code.into());
            self.status = status;
        }
    }

    /// The labels of the request.
    pub fn labels(&self, endpoint: &str) -> Labels {
        let source = self.source.or(self.error.is_none().then_some(Source::Edge));
        Labels {
            tenant: self.tenant.clone(),
            endpoint: endpoint.to_owned(),
            model: self.model.clone(),
            platform: String::new(),
            variant: self.variant.clone(),
            source: source.map(Source::name).unwrap_or_default().to_owned(),
        }
    }

    /// How long it took, in ms, as far as the clock has moved; a request came at `arrived_ms`.
    pub fn latency_ms(&self, arrived_ms: u64) -> u64 {
        self.latest_ms.saturating_sub(arrived_ms)
    }

    /// Counts the request, its models and its posts, each under its labels. It came at a time in ms since 1970.
    pub fn note(&self, arrived_ms: u64, endpoint: &str, register: &mut Register) {
        let labels = self.labels(endpoint);
        let at_ms = self.latest_ms.max(arrived_ms);
        // It is one request, of the model that answered last; what other models used and cost is theirs.
        let (own, others): (Vec<_>, Vec<_>) = self.by_model.iter().partition(|of| of.model == labels.model);
        register.add(at_ms, &labels, |series| {
            self.count_request(arrived_ms, series);
            own.iter().for_each(|of| of.count(series));
        });
        for of in others {
            let of_model = Labels { model: of.model.clone(), source: Source::Cloud.name().to_owned(), ..labels.clone() };
            register.add(at_ms, &of_model, |series| of.count(series));
        }
        for (place, piece) in self.pieces.iter().enumerate() {
            let variant = if piece.variant.is_empty() { &labels.variant } else { &piece.variant };
            let of_piece = Labels { platform: piece.platform.clone(), variant: variant.clone(), ..labels.clone() };
            register.add(at_ms, &of_piece, |series| self.count_piece(place, piece, series));
        }
    }

    /// Counts the request and its models together.
    pub fn count(&self, arrived_ms: u64, series: &mut Series) {
        self.count_request(arrived_ms, series);
        self.by_model.iter().for_each(|of| of.count(series));
    }

    fn count_request(&self, arrived_ms: u64, series: &mut Series) {
        let source = match self.source {
            Some(Source::Cache) => Some(Count::FromCache),
            Some(Source::Cloud) => Some(Count::FromCloud),
            Some(Source::Edge) => Some(Count::FromEdge),
            None => self.error.is_none().then_some(Count::FromEdge),
        };
        series.count(Count::Requests, 1);
        if let Some(source) = source {
            series.count(source, 1);
        }
        if let Some(code) = &self.error {
            series.count(Count::Errors, 1);
            series.error(code);
        }
        for (count, more) in [
            (Count::SavedByCache, self.saved_by_cache.0),
            (Count::SavedByRouting, self.saved_by_routing.0),
            (Count::StoodIn, self.stood_in),
        ] {
            series.count(count, more);
        }
        #[expect(clippy::cast_precision_loss, reason = "times far below 2^53")]
        let mut measure = |measure, value: u64| series.measure(measure, value as f64);
        measure(Measure::Latency, self.latency_ms(arrived_ms));
        if let Some(at_ms) = self.first_byte_at_ms {
            measure(Measure::FirstByte, at_ms.saturating_sub(arrived_ms));
        }
        if let Some(ms) = self.upstream_ms {
            measure(Measure::Upstream, ms);
        }
        for gain in self.humanizing_gains.iter().filter_map(|gain| hundredths(*gain - LEAST_GAIN)) {
            series.count(Count::Humanized, 1);
            series.count(Count::HumanizingGain, gain);
        }
    }

    /// Counts one of its posts, of which each bears the same part of the cost.
    pub fn count_piece(&self, place: usize, piece: &Piece, series: &mut Series) {
        let of = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (share, rest) = (self.cost.0.checked_div(of(self.pieces.len())), self.cost.0.checked_rem(of(self.pieces.len())));
        let share = share.unwrap_or_default().saturating_add(u64::from(of(place) < rest.unwrap_or_default()));
        series.count(Count::Posts, 1);
        series.count(Count::Degraded, u64::from(piece.degraded));
        series.count(Count::Valid, u64::from(piece.valid));
        if self.unpriced == 0 {
            series.count(Count::PieceCost, share);
        } else {
            series.count(Count::PiecesUnpriced, 1);
        }
        if let Some(score) = piece.score {
            series.measure(Measure::Score, score);
        }
    }
}

/// Wording is scored from 0 to 100, so it gains -100 to 100: summed from the lower end, that a loss counts, too.
pub const LEAST_GAIN: f64 = -100.0;

/// A number from 0 on in hundredths; none for another.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
pub fn hundredths(number: f64) -> Option<u64> {
    (0.0..1e9).contains(&number).then(|| (number * 100.0).round() as u64)
}
