//! Sending a request: to one upstream after the other, each as often as it is worth it, until one answers.

use std::rc::Rc;

use super::account::Account;
use super::admission::Credential;
use super::{Call, Setup};
use crate::canonical::Api;
use crate::config::Upstream;
use crate::error::Failure;
use crate::forward;
use crate::forward::retry::{self, Fault};
use crate::forward::translate::Direction;
use crate::forward::translate::refusal::CannotCarry;
use crate::incoming::{Gathered, Incoming, within};
use crate::keeping::{MAX_ANSWER_BYTES, is_event_stream};
use crate::ports::{Headers, UpstreamAnswer, UpstreamRequest, Upstreams, World};
use crate::telemetry::Timing;
use crate::tenant;

/// One upstream that a request may be sent to, and what it is asked for.
#[derive(Clone)]
pub(super) struct Leg {
    pub(super) upstream: Upstream,
    /// The model, when the route and not the client names it.
    pub(super) model: Option<String>,
    /// From the client's API to the upstream's, when they differ.
    pub(super) direction: Option<Direction>,
    /// What is sent in place of the client's credentials.
    pub(super) credential: Option<Credential>,
    /// It is the upstream that the client called.
    pub(super) own: bool,
}

impl Leg {
    /// How it is shown: `openai/gpt-5`, or the upstream alone.
    pub(super) fn name(&self) -> String {
        let model = self.model.as_ref().map(|model| format!("/{model}")).unwrap_or_default();
        format!("{}{model}", self.upstream.name)
    }
}

/// A request as one leg wants it.
pub(super) struct Shaped {
    pub(super) body: Vec<u8>,
    /// Headers to add where the client has not set them.
    pub(super) headers: Headers,
    /// What follows the upstream's address.
    pub(super) rest: String,
    /// What the client is told of how it was changed.
    pub(super) notes: Headers,
    /// The provider is asked to count, which the client did not ask for.
    pub(super) unasked: bool,
}

/// An upstream's answer in the client's API, its body still to come.
pub(super) struct Sent<W: World> {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) chunks: Incoming<W>,
    /// Which of the legs it came by.
    pub(super) leg: usize,
    /// What was tried before: `openai/gpt-5=503`.
    pub(super) tried: Vec<String>,
    /// What the client is told of how the request was changed for this leg.
    pub(super) notes: Headers,
    /// The client's own key was refused on the way.
    pub(super) rejected: bool,
    /// As in [`Shaped`].
    pub(super) unasked: bool,
}

/// How a request is sent.
pub(super) struct Sending<'a, W: World> {
    pub(super) world: &'a Rc<W>,
    pub(super) setup: &'a Setup,
    pub(super) call: &'a Call,
    /// What the request costs.
    pub(super) account: &'a Account<W>,
    /// How often it may be sent again to one upstream. Not at all what might be done twice.
    pub(super) retries: u32,
    /// The client wants to know what was used, as far as a stream says so.
    pub(super) usage: bool,
}

/// Whether a status is that of something in between that did not wait for the upstream's answer: a proxy, or Cloudflare's
/// edge (<https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/>).
fn is_given_up(status: u16) -> bool {
    matches!(status, 408 | 499 | 504 | 520..=524)
}

/// From when on an attempt without an answer may have been at work, in milliseconds. An upstream that cannot be reached says
/// so sooner.
const AT_WORK_MS: f64 = 5_000.0;

type Outcome<W> = Result<UpstreamAnswer<<W as Upstreams>::Body>, Failure>;

impl<W: World> Sending<'_, W> {
    /// Sends it by the first leg that leads to an answer.
    ///
    /// # Errors
    /// When no leg can carry the request, or the last one could not be reached.
    pub(super) async fn by(
        &self,
        legs: &[Leg],
        shape: impl Fn(&Leg) -> Result<Shaped, CannotCarry>,
        timing: &mut Timing,
    ) -> Result<Sent<W>, Failure> {
        let mut way = Way { tried: Vec::new(), refusals: Vec::new(), best: None, rejected: false, unsure: false };
        let open = |leg: &Leg| self.setup.memory.breakers.borrow().is_open(&leg.upstream.name, self.world.now_ms());
        // One that is left in peace is asked when there is no other: its error is of more use than ours.
        let all_open = legs.iter().all(open);
        for (i, leg) in legs.iter().enumerate() {
            let allowed = self.setup.memory.breakers.borrow_mut().allows(&leg.upstream.name, self.world.now_ms());
            if !allowed && !all_open {
                way.tried.push(format!("{}=open", leg.name()));
                continue;
            }
            // Each in its turn: all of them at once would be as many copies of the body.
            let shaped = match shape(leg) {
                Ok(shaped) => shaped,
                Err(refusal) => {
                    way.tried.push(format!("{}=cannot-carry:{}", leg.name(), refusal.field));
                    way.refusals.push((leg.name(), refusal));
                    continue;
                }
            };
            if way.unsure && !self.account.once_more().await {
                way.tried.push(format!("{}=no-budget", leg.name()));
                break;
            }
            self.account.asking(&leg.upstream, leg.model.as_deref());
            let retries = if allowed { self.retries } else { 0 };
            let (outcome, fault, unsure) = self.attempts(leg, &shaped, retries, timing).await;
            way.unsure = unsure;
            way.rejected |= leg.own && status_of(&outcome) == 401;
            let moves = moves_on(&outcome, fault);
            let why = fault.map_or_else(|| status_of(&outcome).to_string(), Fault::text);
            let answered = status_of(&outcome) < 300;
            let received = match outcome {
                Ok(answer) => self.received(answer, i, leg, shaped).await,
                Err(failure) => Err(failure),
            };
            if answered && received.is_err() {
                // It is billed, and what it says of that is lost with it.
                self.account.unsure();
                way.unsure = true;
            }
            if !moves && received.is_ok() {
                return way.end(received);
            }
            let why = if moves { why } else { "unreadable".to_owned() };
            way.put(format!("{}={why}", leg.name()), received);
        }
        way.finish()
    }

    /// Sends it to one upstream, again and again while that may help. The last word is whether the last attempt may be
    /// billed without an answer, so that whoever sends it once more needs another reservation.
    async fn attempts(
        &self,
        leg: &Leg,
        shaped: &Shaped,
        retries: u32,
        timing: &mut Timing,
    ) -> (Outcome<W>, Option<Fault>, bool) {
        let config = &self.setup.config;
        let mut attempt = 0;
        loop {
            let started = self.world.ticks_ms();
            self.account.under_way(true);
            let sent = within(&**self.world, config.first_byte_ms, self.world.send(self.request(leg, shaped))).await;
            let took_ms = self.world.ticks_ms() - started;
            timing.upstream_ms = Some(took_ms);
            let unsure = match &sent {
                Some(Ok(answer)) => is_given_up(answer.status) && took_ms >= AT_WORK_MS,
                Some(Err(_)) => took_ms >= AT_WORK_MS,
                None => true,
            };
            if unsure {
                self.account.unsure();
            }
            self.account.under_way(matches!(&sent, Some(Ok(answer)) if answer.status < 300));
            let name = &leg.upstream.name;
            let (outcome, fault) = match sent {
                Some(Ok(answer)) => {
                    let fault = Fault::of_status(answer.status);
                    (Ok(answer), fault)
                }
                Some(Err(why)) => (Err(Failure::unreachable(name, &why.0)), Some(Fault::Connect)),
                None => (Err(Failure::timed_out(name, config.first_byte_ms / 1000)), Some(Fault::TimedOut)),
            };
            let now_ms = self.world.now_ms();
            self.setup.memory.breakers.borrow_mut().note(name, fault, now_ms);
            let again = fault.filter(|fault| fault.may_pass() && attempt < retries);
            let asked = outcome
                .as_ref()
                .ok()
                .and_then(|answer| retry::retry_after_ms(|name| header(&answer.headers, name), now_ms));
            let wait = again.and_then(|_| retry::wait_ms(attempt, random(&**self.world), asked, config.retry_wait_ms));
            let Some(wait_ms) = wait else { return (outcome, fault, unsure) };
            if unsure && !self.account.once_more().await {
                return (outcome, fault, true);
            }
            // Dropping the answer closes its connection.
            drop(outcome);
            attempt += 1;
            self.world.sleep_ms(wait_ms).await;
        }
    }

    fn request(&self, leg: &Leg, shaped: &Shaped) -> UpstreamRequest {
        let mut headers = forward::request_headers(&self.call.headers);
        if !leg.own {
            // What chooses an account or a version at the client's own provider is nobody else's.
            let kept = |name: &str| tenant::carries_credential(name) || name.starts_with("anthropic-");
            headers.retain(|(name, _)| kept(name) || !tenant::identifies(name));
        }
        if let Some(direction) = leg.direction {
            forward::change_api(&mut headers, direction.there());
        }
        if let Some(credential) = &leg.credential {
            credential.replace(&mut headers);
        }
        for (name, value) in &shaped.headers {
            if header(&headers, name).is_none() {
                headers.push((name.clone(), value.clone()));
            }
        }
        let url = forward::address(&leg.upstream, &shaped.rest);
        UpstreamRequest { method: self.call.method.clone(), url, headers, body: shaped.body.clone() }
    }

    /// An answer in the client's API.
    async fn received(
        &self,
        answer: UpstreamAnswer<W::Body>,
        leg: usize,
        by: &Leg,
        shaped: Shaped,
    ) -> Result<Sent<W>, Failure> {
        let UpstreamAnswer { status, mut headers, chunks } = answer;
        let Shaped { notes, mut unasked, .. } = shaped;
        let mut chunks =
            Incoming::new(self.world.clone(), chunks, (self.setup.config.first_byte_ms, self.setup.config.idle_ms));
        if let Some(direction) = by.direction {
            let now_secs = self.world.now_ms() / 1000;
            if let Some(id) = header(&headers, "request-id").or(header(&headers, "x-request-id")).map(str::to_owned) {
                let name = if direction.there() == Api::Messages { "x-request-id" } else { "request-id" };
                headers.retain(|(known, _)| known != name);
                headers.push((name.to_owned(), id));
            }
            if status == 200 && is_event_stream(&headers) {
                // The other API always counts; what the client did not ask for is taken out again.
                unasked |= direction == Direction::ChatToMessages && !self.usage;
                chunks = chunks.translated(direction.stream(now_secs, self.usage || unasked));
            } else {
                let unreadable =
                    || Failure::unreachable(&by.upstream.name, "its answer cannot be put into this API's form.");
                let Ok(Gathered::All(body)) = chunks.gather(MAX_ANSWER_BYTES).await else { return Err(unreadable()) };
                let made = match status {
                    200 => direction.answer(&body, now_secs).ok_or_else(unreadable)?,
                    _ => direction.error(&body, status),
                };
                headers.retain(|(name, _)| name != "content-type");
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
                chunks = Incoming::whole(self.world.clone(), made);
            }
        }
        Ok(Sent { status, headers, chunks, leg, tried: Vec::new(), notes, rejected: false, unasked })
    }
}

/// What has come of the legs so far.
struct Way<W: World> {
    tried: Vec<String>,
    refusals: Vec<(String, CannotCarry)>,
    /// What the client gets when no leg does better, and how it is shown.
    best: Option<(String, Result<Sent<W>, Failure>)>,
    rejected: bool,
    /// The leg before may have been billed without an answer.
    unsure: bool,
}

impl<W: World> Way<W> {
    /// Takes note of a leg that came to nothing. A fault that may pass is of more use to a client than a later leg's
    /// refusal, for then it may come again.
    fn put(&mut self, shown: String, received: Result<Sent<W>, Failure>) {
        let status =
            |received: &Result<Sent<W>, Failure>| received.as_ref().map_or_else(|why| why.status, |sent| sent.status);
        let worse = |status: u16| matches!(status, 401..=404);
        match &self.best {
            Some((_, best)) if !worse(status(best)) && worse(status(&received)) => self.tried.push(shown),
            _ => {
                let before = self.best.replace((shown, received));
                self.tried.extend(before.map(|(shown, _)| shown));
            }
        }
    }

    fn end(self, received: Result<Sent<W>, Failure>) -> Result<Sent<W>, Failure> {
        let mut tried = self.tried;
        tried.extend(self.best.map(|(shown, _)| shown));
        received.map(|sent| Sent { tried, rejected: self.rejected, ..sent })
    }

    fn finish(mut self) -> Result<Sent<W>, Failure> {
        match self.best.take() {
            Some((_, received)) => self.end(received),
            None => Err(Failure::cannot_carry(&self.refusals)),
        }
    }
}

/// Whether the next leg is asked. A key that is refused or a model that is not there is this leg's matter as well.
fn moves_on<B>(outcome: &Result<UpstreamAnswer<B>, Failure>, fault: Option<Fault>) -> bool {
    fault.is_some() || matches!(status_of(outcome), 401..=404)
}

fn status_of<B>(outcome: &Result<UpstreamAnswer<B>, Failure>) -> u16 {
    outcome.as_ref().map_or_else(|failure| failure.status, |answer| answer.status)
}

fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn random<W: World>(world: &W) -> u32 {
    let [.., a, b, c, d] = world.random();
    u32::from_be_bytes([a, b, c, d])
}
