//! The handler: one delivery in, one receipt out.
//!
//! Each step needs the result of the one before, so their order cannot be changed: find the source, read
//! the body, verify, normalize, store, answer.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::Incoming;

use super::counted::Counted;
use super::gate::Guest;
use super::receipt::accepted;
use super::{App, Problem};
use crate::config::Source;
use crate::delivery::{Delivery, NotAuthenticated};
use crate::event::{Data, Time};
use crate::listen::body::{Claim, read_body};
use crate::listen::registry::ConnHandle;
use crate::live::Live;
use crate::message::Message;
use crate::metrics::SourceCounts;
use crate::outbox::NotStored;
use crate::source::{SourceName, UnsignedHeaders};
use crate::trace::TraceContext;
use crate::{facts, form, normalize, spans};

/// Longest query of a delivery by GET, in bytes.
const MAX_QUERY: usize = 60 * 1024;
/// A body larger than this is worked on beside the runtime: an HMAC of 32 MiB takes a tenth of a second.
const INLINE_BYTES: usize = 128 * 1024;

/// `POST /hooks/<source>`, and every other path and method, which lead nowhere.
pub(super) async fn receive(
    app: Arc<App>,
    connection: ConnHandle,
    request: Request<Incoming>,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let live = app.live.load_full();
    let asked = asked_for(&live, request.uri().path());
    let client = app.gate.client(connection.peer().ip(), request.headers());
    let guest = app.gate.enter(client, asked.as_ref().ok().map(|(name, _)| name));
    let mut guest = guest.map_err(|away| turned_away(away.into(), asked.as_ref().ok()))?;
    let (name, counts) = asked.inspect_err(|problem| {
        guest.refused(None);
        facts::request_refused(problem.verdict().1);
    })?;
    facts::delivery_received(counts);
    let mut receiving = spans::receive(name.as_str(), request.method(), request.headers());
    let asked = Asked { app: &app, live: &live, name: &name, counts };
    let answer = accept(asked, &mut guest, connection, request, &mut receiving).await;
    if answer.as_ref().map_or_else(|refusal| refusal.problem().is_after_reading(), |_| true) {
        guest.spared();
    }
    let answer = answer.map_err(|refusal| {
        let problem = refusal.problem();
        if problem.is_strangers() {
            guest.refused(Some(&name));
        }
        let code = problem.verdict().1;
        match &refusal {
            // The client has left, or was told often enough.
            Refusal::Problem {
                problem: Problem::BodyAborted | Problem::TooManyRefused { .. },
                ..
            } => facts::delivery_broke_off(counts, code),
            Refusal::Problem { why, claimed, .. } => {
                facts::delivery_refused(counts, claimed.as_deref(), code, *why);
            }
            Refusal::NotStored => {}
        }
        problem
    });
    let (status, code) = match &answer {
        Ok(response) => (response.status(), None),
        Err(problem) => (problem.verdict().0, Some(problem.verdict().1)),
    };
    receiving.answered(status.as_u16(), code);
    facts::delivery_answered(counts, began.elapsed());
    answer
}

/// A source, with what is counted for it.
type Named<'l> = (SourceName, &'l Arc<SourceCounts>);

/// The source that a path leads to.
fn asked_for<'l>(live: &'l Live, path: &str) -> Result<Named<'l>, Problem> {
    let name = path.strip_prefix("/hooks/").filter(|name| !name.is_empty() && !name.contains('/'));
    let name = SourceName::new(name.ok_or(Problem::NotFound)?).ok();
    name.and_then(|name| Some((live.counts_of(&name)?, name)))
        .map(|(counts, name)| (name, counts))
        .ok_or(Problem::NoSuchSource)
}

/// Counts a stranger's request that is not read.
fn turned_away(problem: Problem, asked: Option<&Named<'_>>) -> Problem {
    let code = problem.verdict().1;
    if let Some((_, counts)) = asked {
        facts::delivery_received(counts);
        facts::delivery_broke_off(counts, code);
    } else {
        facts::request_refused(code);
    }
    problem
}

/// Why a delivery is refused, with what only the log may say.
enum Refusal {
    NotStored,
    Problem {
        problem: Problem,
        why: Option<NotAuthenticated>,
        /// The delivery id that the request claims.
        claimed: Option<String>,
    },
}

impl Refusal {
    fn of(problem: Problem, source: &Source, headers: &HeaderMap) -> Self {
        let claimed = normalize::claimed_id(source, UnsignedHeaders::new(headers));
        Self::Problem { problem, why: None, claimed: claimed.map(str::to_owned) }
    }

    fn problem(&self) -> Problem {
        match self {
            Self::NotStored => Problem::NotStored,
            Self::Problem { problem, .. } => *problem,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem { problem, why: None, claimed: None }
    }
}

/// What a request asks for, and what it is served with.
#[derive(Clone, Copy)]
struct Asked<'r> {
    app: &'r Arc<App>,
    live: &'r Arc<Live>,
    name: &'r SourceName,
    counts: &'r Arc<SourceCounts>,
}

async fn accept(
    Asked { app, live, name, counts }: Asked<'_>,
    guest: &mut Guest<'_>,
    connection: ConnHandle,
    request: Request<Incoming>,
    receiving: &mut spans::Step,
) -> Result<Response, Refusal> {
    let source = live.source(name).ok_or(Problem::NoSuchSource)?;
    if source.clients.as_ref().is_some_and(|networks| !networks.contain(guest.address())) {
        return Err(Problem::ClientNotAllowed.into());
    }
    let (parts, body) = request.into_parts();
    let by_proxy = app.gate.by_unknown_proxy(connection.peer().ip(), &parts.headers);
    let carrier = Carrier::of(&connection, source, &parts, guest, body).await;
    let carrier = carrier.map_err(|problem| Refusal::of(problem, source, &parts.headers))?;
    let request = Inbound {
        app: Arc::clone(app),
        live: Arc::clone(live),
        source: name.clone(),
        counts: Arc::clone(counts),
        headers: parts.headers,
        carrier,
        connection,
        trace: receiving.context(),
    };
    let outcome = if request.carrier.bytes.len() > INLINE_BYTES {
        let beside = tokio::task::spawn_blocking(move || request.read()).await;
        // It panicked, and was logged, or the daemon is ending.
        beside.map_err(|_gone| Refusal::from(Problem::Overloaded))??
    } else {
        request.read()?
    };
    match outcome {
        Outcome::ConnectionTest => {
            facts::connection_tested(name.as_str());
            Ok((StatusCode::OK, Json(serde_json::json!({ "status": "ping" }))).into_response())
        }
        Outcome::Work(work) => {
            if work.authenticated {
                guest.authenticated();
                app.gate.name_proxy(by_proxy);
            }
            receiving.is_of(&work.delivery, &work.messages);
            store(app, counts, work).await
        }
    }
}

/// Whether the delivery comes by GET.
fn checked_method(source: &Source, method: &Method) -> Result<bool, Problem> {
    match *method {
        Method::POST => Ok(false),
        Method::GET if source.accept_get => Ok(true),
        _ if source.accept_get => Err(Problem::MethodNotAllowed { allow: "GET, POST" }),
        _ => Err(Problem::MethodNotAllowed { allow: "POST" }),
    }
}

/// What carries the payload: a JSON body, a form, or a query.
struct Carrier {
    /// Whether the payload is the member `payload` of a form or query.
    encoded: bool,
    bytes: Bytes,
    /// The claim on memory; it ends with the answer.
    held: Option<Claim>,
}

impl Carrier {
    async fn of(
        connection: &ConnHandle,
        source: &Source,
        parts: &Parts,
        guest: &mut Guest<'_>,
        body: Incoming,
    ) -> Result<Self, Problem> {
        let by_get = checked_method(source, &parts.method)?;
        let encoding = parts.headers.get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(Problem::Compressed);
        }
        if !by_get {
            return Self::read(connection, source, &parts.headers, guest, body).await;
        }
        let query = parts.uri.query().unwrap_or_default();
        if query.len() > MAX_QUERY {
            return Err(Problem::UriTooLong);
        }
        Ok(Self { encoded: true, held: None, bytes: Bytes::copy_from_slice(query.as_bytes()) })
    }

    async fn read(
        connection: &ConnHandle,
        source: &Source,
        headers: &HeaderMap,
        guest: &mut Guest<'_>,
        body: Incoming,
    ) -> Result<Self, Problem> {
        let encoded = source.kind.forge().signs_decoded_form() && is_form(headers);
        let mut away = None;
        let held = read_body(connection, Counted::new(body, guest, &mut away)).await;
        let held = held.map_err(|error| away.map_or_else(|| error.into(), Problem::from))?;
        Ok(Self { encoded, bytes: held.bytes, held: Some(held.claim) })
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// A request whose bytes are all here.
struct Inbound {
    app: Arc<App>,
    live: Arc<Live>,
    source: SourceName,
    counts: Arc<SourceCounts>,
    headers: HeaderMap,
    carrier: Carrier,
    connection: ConnHandle,
    /// That of its span, if spans are made.
    trace: Option<TraceContext>,
}

/// What a request turned out to be.
enum Outcome {
    /// The forge's test of the connection: nothing happened.
    ConnectionTest,
    Work(Work),
}

/// The messages of a delivery, and the memory that they may take. The body itself has gone.
struct Work {
    delivery: String,
    messages: Vec<Message>,
    /// Whether a secret of the source signed it.
    authenticated: bool,
    held: Option<Claim>,
}

impl Inbound {
    /// Verifies, normalizes and addresses. No I/O.
    fn read(self) -> Result<Outcome, Refusal> {
        let source = self.live.source(&self.source).ok_or(Problem::NoSuchSource)?;
        let signed = if self.carrier.encoded {
            let payload = form::payload(&self.carrier.bytes);
            payload.map_err(|_not_one| Refusal::of(Problem::NoPayload, source, &self.headers))?
        } else {
            self.carrier.bytes
        };
        let delivery = Delivery::new(self.headers, signed);
        // By GET there is none.
        if !self.carrier.encoded && delivery.is_connection_test(source) {
            return Ok(Outcome::ConnectionTest);
        }
        let verifying = spans::verify(self.trace);
        let delivery = delivery.verify_or_headers(source);
        verifying.verified(delivery.as_ref().map(Delivery::secret_id).map_err(|(why, _)| *why));
        let delivery = delivery.map_err(|(why, headers)| {
            let claimed = normalize::claimed_id(source, UnsignedHeaders::new(&headers));
            let (why, claimed) = (Some(why), claimed.map(str::to_owned));
            Refusal::Problem { problem: Problem::NotAuthenticated, why, claimed }
        })?;
        self.connection.authenticated();
        if let Some(id) = delivery.secret_id() {
            self.live.secret_used(&self.source, id);
        }
        let normalizing = spans::normalize(self.trace);
        let payload = normalize::Payload::of(&delivery);
        let events = normalize::events(&delivery, &payload, source, Time::now());
        let events = events.map_err(|_out_of_scope| {
            let claimed = normalize::claimed_id(source, delivery.headers()).map(str::to_owned);
            Refusal::Problem { problem: Problem::OutOfScope, why: None, claimed }
        })?;
        let trace = self.trace.unwrap_or_else(|| TraceContext::of(delivery.headers()));
        let (prefix, room) = (&self.live.config().stream.subject_prefix, self.app.outbox.room());
        let id = events.first().map(|event| event.delivery.id.to_string()).unwrap_or_default();
        let mut messages = Vec::with_capacity(events.len());
        for event in &events {
            if let Data::Unrecognized(_, data) = &event.data {
                facts::delivery_unrecognized(event, data.reason.as_str());
            }
            let message = Message::fitting(event, prefix, trace, &room, &source.redact_data);
            messages.push(message.map_err(|_impossible| abandoned(&self.counts, &id))?);
        }
        normalizing.normalized(&events);
        let first = messages.first().map(|message| &*message.id);
        facts::delivery_verified(self.source.as_str(), &id, first, &events);
        let authenticated = delivery.authenticated();
        Ok(Outcome::Work(Work { delivery: id, messages, authenticated, held: self.carrier.held }))
    }
}

fn abandoned(source: &SourceCounts, delivery: &str) -> Refusal {
    facts::delivery_abandoned(source, delivery);
    Refusal::NotStored
}

async fn store(
    app: &Arc<App>,
    source: &Arc<SourceCounts>,
    work: Work,
) -> Result<Response, Refusal> {
    let Work { delivery, messages, held, .. } = work;
    let large = messages.iter().any(|message| message.objects().next().is_some());
    let stored = if messages.len() > 1 || large {
        // A client that leaves in the middle must not leave half a delivery or object behind.
        let (outbox, counts) = (Arc::clone(app), Arc::clone(source));
        let all = app.work.spawn(async move { outbox.outbox.store(&counts, messages).await });
        all.await.map_err(|_gone| abandoned(source, &delivery))?
    } else {
        app.outbox.store(source, messages).await
    };
    drop(held);
    match stored {
        Ok(receipts) => {
            facts::delivery_stored(source.name(), &delivery, &receipts);
            Ok(accepted(&delivery, &receipts))
        }
        Err(error) => {
            let error: NotStored = error;
            facts::delivery_not_stored(source, &delivery, &error);
            Err(Refusal::NotStored)
        }
    }
}
