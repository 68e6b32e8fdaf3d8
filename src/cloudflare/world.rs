//! The ports, over the platform.

use std::fmt;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use js_sys::futures::JsFuture;
use web_sys::AbortSignal;
use worker::js_sys::{Promise, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{
    AbortController, ByteStream, Context, Date, Delay, Env, Fetch, Method, Request, RequestInit, RequestRedirect,
    Response, ResponseBody, Stub,
};

use super::calls::{OPERATOR_DEADLINE, SHARD_DEADLINE, ask, ask_within, post};
use super::line::ShardLine;
use super::places::{self, PLACES_OBJECT};
use crate::cache::key::EntryPrefix;
use crate::ports::entries::{EntryRow, EntryWhole, Export, Find, Page, Purge, Purged, Stored};
use crate::ports::evidence::{Feedback, FeedbackDone, Note, ShardReport};
use crate::ports::prefixes::{PrefixAnswer, PrefixKnown, PrefixSeen};
use crate::ports::{
    Chunks, Follow, Followed, Found, Lease, Looked, Lookup, LookupMany, Nature, ShardAddress, ShardFault, ShardPlace,
    Shards, Store, TakeTurn, Tenants, Turn, Unreachable, UpstreamAnswer, UpstreamRequest, Upstreams,
};
use crate::tenant::directory::{Order, Outcome};
use crate::tenant::places::Places;

/// One request's view of the platform.
pub(super) struct CloudflareWorld {
    pub(super) env: Env,
    context: Rc<Context>,
    client: AbortSignal,
}

impl fmt::Debug for CloudflareWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CloudflareWorld")
    }
}

impl CloudflareWorld {
    /// `client` is the signal of the incoming request (compatibility flag `enable_request_signal`).
    pub(super) fn new(env: Env, context: Context, client: AbortSignal) -> Self {
        Self { env, context: Rc::new(context), client }
    }

    fn stub(&self, at: &ShardAddress) -> worker::Result<Stub> {
        self.shard_at(&at.into())
    }

    fn shard_at(&self, place: &ShardPlace) -> worker::Result<Stub> {
        self.env.durable_object("CACHE_SHARD")?.get_by_name(&place.0)
    }

    pub(super) fn ledger(&self, name: &str) -> worker::Result<Stub> {
        self.env.durable_object("TENANT_LEDGER")?.get_by_name(name)
    }

    /// Sees to it that a shard is in the list of places. The list is for reports: a fault there costs a line in them.
    fn list(&self, at: &ShardAddress, tenant: Option<&str>) -> impl Future<Output = ()> + use<> {
        let (place, tenant) = (ShardPlace::from(at), tenant.map(str::to_owned));
        let now_ms = self.now_ms();
        let ledger = (!places::is_listed(&place, now_ms)).then(|| self.ledger(PLACES_OBJECT));
        async move {
            if let Some(ledger) = ledger {
                places::list(ledger, place, tenant, now_ms).await;
            }
        }
    }
}

impl Shards for CloudflareWorld {
    type Live = FetchedBody;
    type Line = ShardLine;

    async fn lookup(&self, at: &ShardAddress, question: &Lookup) -> Result<Looked, ShardFault> {
        ask(self.stub(at), "lookup", question).await
    }

    async fn lookup_many(&self, at: &ShardAddress, question: &LookupMany) -> Result<Vec<Option<Found>>, ShardFault> {
        ask(self.stub(at), "lookup_many", question).await
    }

    async fn store(&self, at: &ShardAddress, entries: &[Store]) -> Result<Stored, ShardFault> {
        ask(self.stub(at), "store", &entries).await
    }

    fn enlist(&self, at: &ShardAddress, tenant: Option<&str>) {
        if !places::is_listed(&at.into(), self.now_ms()) {
            self.context.wait_until(self.list(at, tenant));
        }
    }

    async fn take_turn(&self, at: &ShardAddress, question: &TakeTurn) -> Result<Turn, ShardFault> {
        ask(self.stub(at), "turn", question).await
    }

    async fn follow(&self, at: &ShardAddress, question: &Follow) -> Result<Followed<FetchedBody>, ShardFault> {
        let fault = |what: String| ShardFault(format!("follow: {what}"));
        let body = postcard::to_stdvec(question).map_err(|error| fault(error.to_string()))?;
        let patience = Duration::from_millis(question.terms.patience_ms) + SHARD_DEADLINE;
        let deadline = pin!(Delay::from(patience));
        let posted = post(self.stub(at), "follow", Uint8Array::from(body.as_slice()).into());
        let heard = async {
            let mut body = FetchedBody::of(posted.await.map_err(|error| error.to_string())?)?;
            let followed = first_frame(&mut body).await?;
            Ok::<_, String>((followed, body))
        };
        let (followed, body) = match select(pin!(heard), deadline).await {
            Either::Left((heard, _)) => heard.map_err(fault)?,
            Either::Right(_) => return Err(fault(format!("no answer within {patience:?}"))),
        };
        Ok(match followed {
            Followed::Live(()) => Followed::Live(body),
            Followed::Hit(found) => Followed::Hit(found),
            Followed::Again => Followed::Again,
            Followed::Lead(token) => Followed::Lead(token),
            Followed::Alone => Followed::Alone,
        })
    }

    fn lead(&self, at: &ShardAddress, lease: Lease) -> ShardLine {
        ShardLine::open(self.context.clone(), self.stub(at), lease)
    }

    async fn followers(&self, at: &ShardAddress, lease: Lease) -> Result<u32, ShardFault> {
        ask(self.stub(at), "followers", &lease).await
    }

    async fn note(&self, at: &ShardAddress, tenant: Option<&str>, note: &Note) -> Result<(), ShardFault> {
        let noted = ask(self.stub(at), "note", note).await;
        self.list(at, tenant).await;
        noted
    }

    async fn prefix(
        &self,
        at: &ShardAddress,
        tenant: Option<&str>,
        question: &PrefixSeen,
    ) -> Result<PrefixAnswer, ShardFault> {
        let answer: PrefixAnswer = ask(self.stub(at), "prefix", question).await?;
        if question.keep && matches!(answer.known, PrefixKnown::Noted(Some(_))) {
            // A client may be waiting for the answer, but not for the list.
            self.context.wait_until(self.list(at, tenant));
        }
        Ok(answer)
    }

    async fn feedback(&self, place: &ShardPlace, word: &Feedback) -> Result<FeedbackDone, ShardFault> {
        ask(self.shard_at(place), "feedback", word).await
    }

    async fn report(&self, place: &ShardPlace) -> Result<ShardReport, ShardFault> {
        ask(self.shard_at(place), "report", &()).await
    }

    async fn find(&self, place: &ShardPlace, question: &Find) -> Result<Page<EntryRow>, ShardFault> {
        ask_within(OPERATOR_DEADLINE, self.shard_at(place), "find", question).await
    }

    async fn show(&self, place: &ShardPlace, entry: &EntryPrefix) -> Result<Option<EntryWhole>, ShardFault> {
        ask(self.shard_at(place), "show", entry).await
    }

    async fn purge(&self, place: &ShardPlace, order: &Purge) -> Result<Purged, ShardFault> {
        ask_within(OPERATOR_DEADLINE, self.shard_at(place), "purge", order).await
    }

    async fn export(&self, place: &ShardPlace, question: &Export) -> Result<Page<EntryWhole>, ShardFault> {
        ask_within(OPERATOR_DEADLINE, self.shard_at(place), "export", question).await
    }

    async fn places(&self, tenant: Option<&str>) -> Result<Places, ShardFault> {
        ask(self.ledger(PLACES_OBJECT), "places", &tenant).await
    }
}

impl Tenants for CloudflareWorld {
    async fn order(&self, tenant: &str, order: &Order) -> Result<Outcome, ShardFault> {
        ask(self.ledger(tenant), "order", order).await
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.env.secret(name).ok().map(|secret| secret.to_string()).filter(|secret| !secret.is_empty())
    }
}

impl Upstreams for CloudflareWorld {
    type Body = FetchedBody;

    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamAnswer<FetchedBody>, Unreachable> {
        let abort = AbortController::default();
        let signal = abort.signal();
        let mut guard = AbortOnDrop(Some(abort));
        let unreachable = |error: worker::Error| Unreachable(error.to_string());
        let request = fetch_request(&request).map_err(unreachable)?;
        let mut response = Fetch::Request(request).send_with_signal(&signal).await.map_err(unreachable)?;
        let headers = response.headers().entries().collect();
        let status = response.status_code();
        let stream = match response.body() {
            ResponseBody::Empty => {
                guard.0 = None;
                None
            }
            _ => Some(response.stream().map_err(unreachable)?),
        };
        Ok(UpstreamAnswer { status, headers, chunks: FetchedBody { head: None, stream, guard } })
    }
}

fn fetch_request(request: &UpstreamRequest) -> worker::Result<Request> {
    let headers = worker::Headers::new();
    for (name, value) in &request.headers {
        headers.append(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::from(request.method.clone())).with_headers(headers);
    init.with_redirect(RequestRedirect::Manual);
    if !matches!(request.method.as_str(), "GET" | "HEAD") && !request.body.is_empty() {
        init.with_body(Some(Uint8Array::from(request.body.as_slice()).into()));
    }
    Request::new_with_init(&request.url, &init)
}

/// Ends a fetch when nobody wants its answer any more: otherwise the upstream goes on generating, and charging.
struct AbortOnDrop(Option<AbortController>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(abort) = self.0.take() {
            abort.abort();
        }
    }
}

/// Reads what came of a follower's waiting off the beginning of a body; what follows stays in it.
async fn first_frame(body: &mut FetchedBody) -> Result<Followed<()>, String> {
    let mut bytes = Vec::new();
    loop {
        if let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if let Some(frame) = rest.get(..length) {
                let followed = postcard::from_bytes(frame).map_err(|error| error.to_string())?;
                body.head = Some(rest[length..].to_vec()).filter(|rest| !rest.is_empty());
                return Ok(followed);
            }
        }
        let piece = body.next().await.ok_or("it ended before it said anything")?;
        bytes.extend(piece.map_err(|why| why.0)?);
    }
}

/// The body of an upstream's answer, or of a shard's.
pub(super) struct FetchedBody {
    /// What was read already.
    head: Option<Vec<u8>>,
    stream: Option<ByteStream>,
    guard: AbortOnDrop,
}

impl FetchedBody {
    fn of(mut response: Response) -> Result<Self, String> {
        let stream = response.stream().map_err(|error| error.to_string())?;
        Ok(Self { head: None, stream: Some(stream), guard: AbortOnDrop(None) })
    }
}

impl fmt::Debug for FetchedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FetchedBody")
    }
}

impl Chunks for FetchedBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        if let Some(head) = self.head.take() {
            return Some(Ok(head));
        }
        let piece = self.stream.as_mut()?.next().await;
        if !matches!(piece, Some(Ok(_))) {
            // The end, or a broken connection: there is nothing left to abort.
            self.guard.0 = None;
            self.stream = None;
        }
        piece.map(|piece| piece.map_err(|error| Unreachable(error.to_string())))
    }
}

impl Nature for CloudflareWorld {
    fn now_ms(&self) -> u64 {
        Date::now().as_millis()
    }

    fn ticks_ms(&self) -> f64 {
        ticks_ms()
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // Without randomness the ids of replays repeat, and nothing is audited.
        let _ = getrandom::fill(&mut bytes);
        bytes
    }

    async fn sleep_ms(&self, ms: u64) {
        Delay::from(Duration::from_millis(ms)).await;
    }

    async fn client_leaves(&self) {
        let signal = &self.client;
        if signal.aborted() {
            return;
        }
        let aborted = Promise::new(&mut |resolve, _| {
            // A signal that cannot be listened to tells nothing, which is what the client's presence does as well.
            let _ = signal.add_event_listener_with_callback("abort", &resolve);
        });
        let _ = JsFuture::from(aborted).await;
    }

    fn background(&self, work: Pin<Box<dyn Future<Output = ()>>>) {
        self.context.wait_until(work);
    }
}

/// `performance.now()`.
pub(super) fn ticks_ms() -> f64 {
    let now = || {
        let performance = js_sys::Reflect::get(&js_sys::global(), &"performance".into()).ok()?;
        let now: js_sys::Function = js_sys::Reflect::get(&performance, &"now".into()).ok()?.dyn_into().ok()?;
        now.call0(&performance).ok()?.as_f64()
    };
    now().unwrap_or_default()
}

/// An error in words.
pub(super) fn in_words(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
