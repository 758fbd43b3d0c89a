//! Listens, and leads each request to what answers it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::USER_AGENT;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::body::{Broken, StepBody};
use crate::catalogue::{self, Format, Found};
use crate::completion::{self, Outcome};
use crate::errors::Problem;
use crate::faults::Faults;
use crate::headers;
use crate::limits::Account;
use crate::request::{Endpoint, MOST_BYTES};
use crate::state::{State, now};

/// Serves until the future is dropped.
pub async fn run(listener: TcpListener, state: Arc<State>) -> io::Result<Infallible> {
    loop {
        let (socket, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            // Out of file handles, say: connections that end will free some.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let _ = socket.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| route(Arc::clone(&state), request));
            // An error here is a client that went away, or a connection that was to be cut.
            let _ = http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn route(state: Arc<State>, request: Request<Incoming>) -> Result<Response<StepBody>, Broken> {
    let path = request.uri().path();
    if path.starts_with("/_") {
        return Ok(own(&state, request.method(), path));
    }
    state.stats().call(path);
    if !request.headers().contains_key(USER_AGENT) {
        return Ok(completion::refuse(&state, &Problem::forbidden(), None, &Faults::default()));
    }
    let endpoint = match path {
        "/v1/chat/completions" => Endpoint::Chat,
        "/v1/completions" => Endpoint::Text,
        _ => return other(&state, &request).await,
    };
    if request.method() != Method::POST {
        return Ok(completion::refuse(&state, &Problem::no_method(), None, &Faults::default()));
    }
    let (head, body) = request.into_parts();
    match Limited::new(body, MOST_BYTES).collect().await {
        Ok(body) => completion::handle(&state, endpoint, head, body.to_bytes()).await,
        Err(error) if error.is::<LengthLimitError>() => Ok(completion::refuse(&state, &Problem::too_large(), None, &Faults::default())),
        Err(_) => Err(Broken),
    }
}

/// The stand-in's own paths.
fn own(state: &State, method: &Method, path: &str) -> Response<StepBody> {
    let answer = match (method, path) {
        (&Method::GET, "/_stats") => state.stats().to_json(),
        (&Method::GET, "/_last") => state.stats().last_to_json(),
        (&Method::POST, "/_stats/reset") => {
            state.reset();
            state.stats().to_json()
        }
        _ => {
            let mut response = Response::new(StepBody::whole(Bytes::from_static(b"{}")));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
    };
    let mut response = Response::new(StepBody::whole(answer.to_string().into()));
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, headers::JSON);
    response
}

/// Everything but completions.
async fn other(state: &State, request: &Request<Incoming>) -> Result<Response<StepBody>, Broken> {
    let account = completion::key_of(state, request.headers()).map(|key| (key, 0));
    let faults = match completion::header_faults(request.headers()) {
        Ok(faults) => faults,
        Err(problem) => return Ok(completion::refuse(state, &problem, account, &Faults::default())),
    };
    let result = match completion::before(&faults).await {
        Ok(()) => look_up(state, request, account).map_err(Outcome::from),
        Err(outcome) => Err(outcome),
    };
    match result {
        Ok(value) => Ok(found(state, &value, account)),
        Err(Outcome::Problem(problem)) => Ok(completion::refuse(state, &problem, account, &faults)),
        Err(Outcome::Cut) => Err(Broken),
    }
}

fn found(state: &State, value: &Value, account: Option<Account>) -> Response<StepBody> {
    let time = now();
    let mut headers = headers::common(headers::JSON, state.next_call(), time);
    if let Some(account) = account {
        state.ledger().write_headers(account, time, &mut headers);
    }
    let mut response = Response::new(StepBody::whole(value.to_string().into()));
    *response.headers_mut() = headers;
    response
}

fn look_up(state: &State, request: &Request<Incoming>, account: Option<Account>) -> Result<Value, Problem> {
    let path = request.uri().path();
    let get = || if request.method() == Method::GET { Ok(()) } else { Err(Problem::no_method()) };
    if path == "/v1/tcp_warming" {
        get()?;
        state.stats().warming();
        return Ok(Value::Null);
    }
    if let Some(rest) = path.strip_prefix("/public/v1/models") {
        get()?;
        return models(rest, request.uri().query(), true);
    }
    let Some(rest) = path.strip_prefix("/v1/") else { return Err(Problem::no_path()) };
    if let Some(rest) = rest.strip_prefix("models") {
        account.ok_or_else(Problem::key)?;
        get()?;
        return models(rest, request.uri().query(), false);
    }
    if ["files", "batches"].contains(&rest.split('/').next().unwrap_or("")) {
        account.ok_or_else(Problem::key)?;
        let message = "This feature is in private preview and is not enabled for your organization.";
        return Err(Problem::flat(404, "not_found_error", "", "feature_not_enabled", message));
    }
    Err(Problem::no_path())
}

fn models(rest: &str, query: Option<&str>, public: bool) -> Result<Value, Problem> {
    let Some(format) = Format::of_query(query) else {
        return Err(Problem::validation("query.format: Input should be 'default', 'openrouter' or 'huggingface'"));
    };
    match rest.strip_prefix('/') {
        None if rest.is_empty() => Ok(catalogue::list(format, public)),
        None => Err(Problem::no_path()),
        Some("") => Ok(catalogue::list(format, public)),
        Some(id) => match catalogue::find(id) {
            Found::Alive(model, _) => Ok(catalogue::item(model, format, public)),
            Found::Archived => Err(Problem::archived()),
            Found::Unknown => Err(Problem::no_model()),
        },
    }
}
