//! The life of a request. The only place where rooms meet.

mod account;
pub mod admin;
mod admission;
mod batch;
mod billing;
mod closing;
mod errand;
mod extent;
mod flight;
mod judging;
mod looking;
mod outgoing;
mod own_model;
mod passing;
mod paths;
mod plan;
mod relief;
mod reserving;
mod shaping;
mod turn;
mod watch;

use std::rc::Rc;

use crate::cache::directives;
use crate::canonical::Bypass;
use crate::config::{Config, Upstream};
use crate::error::Failure;
use crate::forward;
use crate::forward::memory::Memory;
use crate::ports::{Headers, World};
use crate::protocol::{ErrorShape, Generation};
use crate::relay::{Relay, Shared};
use crate::semantic::decision::Judge;
use crate::semantic::embedder::Embedder;
use crate::telemetry::Timing;
use account::Account;
use admission::Access;
use billing::Priced;
use extent::is_measured;
use flight::{Flight, Outgoing};
use plan::Plan;

/// What stays the same from request to request.
#[derive(Debug)]
pub struct Setup {
    /// The checked configuration.
    pub config: Config,
    /// The secret that namespaces are made with.
    pub secret: Vec<u8>,
    /// The token of the admin API; without it there is none.
    pub admin_token: Option<String>,
    /// The embedding model, or why it could not be loaded.
    pub embedder: Result<Embedder, String>,
    /// What decides whether a neighbour serves.
    pub judge: Judge,
    /// What the isolate remembers.
    pub memory: Memory,
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The method, in capitals.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The answer as it leaves.
#[derive(Debug)]
pub struct Reply<W: World> {
    /// HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: ReplyBody<W>,
}

/// An answer's body.
#[derive(Debug)]
pub enum ReplyBody<W: World> {
    /// All of it.
    Whole(Vec<u8>),
    /// The upstream's, as it comes.
    Relay(Box<Relay<W>>),
    /// Another request's, as it comes.
    Live(Box<Shared<W>>),
}

/// Answers one request.
pub async fn answer<W: World>(world: &Rc<W>, setup: &Rc<Setup>, call: Call) -> Reply<W> {
    let call = Call { path: paths::normal(&call.path), ..call };
    let shape = error_shape(&call);
    let mut reply = match route_and_answer(world, setup, Rc::new(call)).await {
        Ok(reply) => reply,
        Err(failure) => failed(&**world, shape, &failure, Vec::new()),
    };
    reply.headers.iter_mut().for_each(|(_, value)| *value = forward::header_value(value));
    reply
}

/// A failure in the API's own error shape, with a request id where its SDK looks for it.
#[must_use]
pub fn failed<W: World>(world: &W, shape: ErrorShape, failure: &Failure, mut headers: Headers) -> Reply<W> {
    let id = format!("req_{}", random_name(world));
    headers.push(("content-type".into(), "application/json".into()));
    headers.push((shape.request_id_header().into(), id.clone()));
    headers.extend(failure.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    if !failure.retryable {
        // The official SDKs retry most 5xx answers unless they are told not to.
        headers.push(("x-should-retry".into(), "false".into()));
    }
    Reply { status: failure.status, headers, body: ReplyBody::Whole(shape.body(failure, &id)) }
}

/// A random name in lower-case hexadecimal.
fn random_name<W: World>(world: &W) -> String {
    world.random().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether something happens that happens in this share of all cases.
#[expect(clippy::cast_precision_loss, reason = "a chance needs no more digits than an f64 has")]
fn chance<W: World>(world: &W, share: f64) -> bool {
    let random = world.random();
    let [.., a, b, c, d] = random;
    // A platform without random numbers gives zeros, which must not make everything happen.
    random != [0; 16]
        && share > 0.0
        && f64::from(u32::from_be_bytes([a, b, c, d])) < share * (u64::from(u32::MAX) + 1) as f64
}

/// Whose errors the client of a call understands.
#[must_use]
pub fn error_shape(call: &Call) -> ErrorShape {
    let path = call.path.split('?').next().unwrap_or_default();
    let rest = path.split_once("/v1/").map_or("", |(_, rest)| rest);
    match rest.split('/').next() {
        Some("messages") => ErrorShape::Anthropic,
        Some("chat" | "responses" | "embeddings") => ErrorShape::OpenAi,
        // Both have the path. Anthropic's SDKs send the version with every request.
        _ if call.header("anthropic-version").is_some() => ErrorShape::Anthropic,
        _ => ErrorShape::OpenAi,
    }
}

/// Where a request goes: an upstream, and what follows `/v1` in the client's path.
#[derive(Clone, Debug)]
struct Target {
    upstream: Upstream,
    rest: String,
    /// What is changed of a request after its key is made, beyond what follows from the key.
    changed: String,
}

impl Target {
    /// What is part of the key: the upstream's name and the path with its query.
    fn name(&self) -> String {
        format!("{}{}{}", self.upstream.name, self.rest, self.changed)
    }

    fn path(&self) -> &str {
        self.rest.split('?').next().unwrap_or_default().trim_end_matches('/')
    }
}

async fn route_and_answer<W: World>(world: &Rc<W>, setup: &Rc<Setup>, call: Rc<Call>) -> Result<Reply<W>, Failure> {
    if call.body.len() > setup.config.max_body_bytes {
        return Err(Failure::too_large(setup.config.max_body_bytes));
    }
    if !matches!(call.method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") {
        return Err(Failure::unknown_method(&call.method));
    }
    if let Some(path) = call.path.strip_prefix("/admin/v1/") {
        return admin::answer(world, setup, &call, path).await;
    }
    let plain = call.path.split('?').next().unwrap_or_default();
    if (plain == "/dashboard" || plain.starts_with("/dashboard/")) && matches!(call.method.as_str(), "GET" | "HEAD") {
        return admin::dashboard(plain);
    }
    if plain == "/metrics" && call.method == "GET" {
        return admin::metrics(&**world, setup, &call).await;
    }
    let target = route(&setup.config, &call)?;
    let started = world.ticks_ms();
    let generation = paths::generation(target.path());
    let encoded = call.header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    let bypass = match (generation, target.path(), call.method.as_str()) {
        (_, path, method) if encoded && is_measured(paths::work(method, path)) => Bypass::EncodedBody,
        (Some(generation), _, "POST") => return generate(world, setup, call, target, generation, started).await,
        (None, "/embeddings", "POST") => return batch::answer(world, setup, call, target, started).await,
        (Some(_), _, _) | (None, "/embeddings", _) => Bypass::UnsupportedMethod,
        _ => Bypass::UnsupportedPath,
    };
    let directives = directives::read(|name| call.header(name))?;
    let access = admission::admit(&**world, setup, &call, "").await?;
    let named =
        !encoded && (is_measured(paths::work(&call.method, target.path())) || paths::asks_named_model(target.path()));
    let content_type = call.header("content-type").unwrap_or_default();
    let model = named.then(|| extent::model(&call.body, content_type)).flatten().unwrap_or_default();
    let priced = Priced::new(&target.upstream, &model);
    let account = Account::open(world, setup, &access, &directives, priced, started);
    let passed = passing::pass(world, setup, &call, &target, &access, bypass, &account, &mut Timing::default()).await;
    passed.inspect_err(|failure| account.failed(failure))
}

/// Answers a request for generated text.
async fn generate<W: World>(
    world: &Rc<W>,
    setup: &Rc<Setup>,
    call: Rc<Call>,
    target: Target,
    generation: Generation,
    started: f64,
) -> Result<Reply<W>, Failure> {
    let asked_ms = world.now_ms();
    let request = generation.read(&call.body)?;
    let directives = directives::read(|name| call.header(name))?;
    let timing = Timing { decode_ms: world.ticks_ms() - started, ..Timing::default() };
    let access = admission::admit(&**world, setup, &call, &directives.partition).await?;
    let asked = Priced::new(&target.upstream, &request.model);
    let strain = relief::of(world, setup, &access, &directives, &asked);
    let account = Account::open(world, setup, &access, &directives, asked, started);
    if setup.config.routes.contains_key(&request.model) {
        account.by_route(&request.model);
    }
    let flown = async {
        let plan = |request, access: &Access| {
            plan::make(&**world, setup, &call, &target, (generation, request), &directives, access)
        };
        let relieved = strain.access(&access).map(|access| plan(request.clone(), &access)).transpose()?;
        let plan = plan(request.clone(), &access)?;
        let (world, setup, call, account) = (world.clone(), setup.clone(), call.clone(), account.clone());
        let (outgoing, embedded, at) = (Outgoing::default(), None, target.clone());
        let flight = Flight {
            world,
            setup,
            call,
            target: at,
            outgoing,
            generation,
            access,
            request,
            directives,
            asked_ms,
            timing,
            pieces: Vec::new(),
            embedded,
            account,
        };
        fly(flight, &target, plan, relieved).await
    };
    let flown = flown.await.inspect_err(|failure| account.failed(failure));
    flown.map(|reply| Reply { headers: reply.headers.into_iter().chain(strain.headers).collect(), ..reply })
}

/// Lets a request take its way through the cache, and tells the client of the plan. Where budgets are nearly spent, what is
/// stored is looked for as it was asked, for that costs nothing; only what has to be asked for is `relieved`.
async fn fly<W: World>(
    mut flight: Flight<W>,
    target: &Target,
    plan: Plan,
    relieved: Option<Plan>,
) -> Result<Reply<W>, Failure> {
    let relieved = relieved.filter(|relieved| !relieved.asks_the_same(&plan));
    let mut notes = flight.plan(target, plan);
    if let Some(relieved) = relieved {
        flight = match flight.stored().await {
            Ok(reply) => return Ok(told(reply, notes)),
            Err(flight) => *flight,
        };
        notes = flight.plan(target, relieved);
    }
    Ok(told(flight.answer().await?, notes))
}

/// An answer with what its client is told of the plan.
fn told<W: World>(mut reply: Reply<W>, notes: Headers) -> Reply<W> {
    for (name, value) in notes {
        // What a fallback has said already is truer than the plan.
        if !reply.headers.iter().any(|(known, _)| *known == name) {
            reply.headers.push((name, value));
        }
    }
    reply
}

/// The upstream that a path names, or that the API belongs to.
fn route(config: &Config, call: &Call) -> Result<Target, Failure> {
    let known: Vec<&str> = config.upstreams.keys().map(String::as_str).collect();
    let path = &call.path;
    let (plain, _) = path.split_once('?').unwrap_or((path, ""));
    let mut segments = plain.split('/').skip(1);
    let (first, second, third) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
    let (name, before) = match (first, second, third) {
        ("v1", Some(_), _) if error_shape(call) == ErrorShape::Anthropic => ("anthropic", "/v1".len()),
        ("v1", Some(_), _) => ("openai", "/v1".len()),
        (name, Some("v1"), Some(_)) => (name, name.len() + "//v1".len()),
        _ => return Err(Failure::unknown_path(plain, &known)),
    };
    let upstream = config.upstream(name).ok_or_else(|| Failure::unknown_upstream(name, &known))?.clone();
    Ok(Target { upstream, rest: path[before..].to_owned(), changed: String::new() })
}
