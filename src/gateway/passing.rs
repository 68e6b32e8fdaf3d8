//! Requests that the cache has nothing to do with, and answers on their way to the client.

use std::rc::Rc;

use super::account::Account;
use super::admission::Access;
use super::billing::{Bill, tariff_of};
use super::extent::{self, Extent, Work};
use super::outgoing::{Leg, Sending, Sent, Shaped};
use super::watch::Watch;
use super::{Call, Reply, ReplyBody, Setup, Target, paths};
use crate::canonical::Bypass;
use crate::error::Failure;
use crate::forward;
use crate::forward::reasoning::Caps;
use crate::keeping::{Keeping, is_event_stream};
use crate::ports::{Headers, World};
use crate::protocol::json;
use crate::relay::Relay;
use crate::telemetry::{Decision, Timing};

/// Forwards a request that the cache has nothing to do with.
///
/// # Errors
/// 400 when it would pass by the caps or the budgets that its caller is under.
#[expect(clippy::too_many_arguments, reason = "each is another part of the request or of how it is sent")]
pub(super) async fn pass<W: World>(
    world: &Rc<W>,
    setup: &Setup,
    call: &Call,
    target: &Target,
    access: &Access,
    bypass: Bypass,
    account: &Account<W>,
    timing: &mut Timing,
) -> Result<Reply<W>, Failure> {
    let work = match paths::work(&call.method, target.path()) {
        Work::Free => Work::Free,
        // Only what is read without a doubt is measured.
        _ if bypass == Bypass::EncodedBody || json::parse(&call.body).is_err() => Work::Unmeasured,
        work => work,
    };
    check(target, access, bypass, account, work).await?;
    let bill = match work {
        Work::Free => Bill::Free,
        _ if extent::is_deferred(&call.body) => Bill::Told,
        Work::Unmeasured => Bill::Told,
        Work::Vectors => Bill::Input,
        Work::Generation(_) | Work::Completions => Bill::Estimated,
    };
    // Nobody knows what such a request does, so it is done once.
    let sent = async {
        account.reserve_own(Extent { body: &call.body, work, reads_more: false }).await?;
        account.sending(call.body.len(), bill, false);
        account.change(|facts| facts.billing = tariff_of(&call.body, target.upstream.provider.has_flex()));
        send(world, setup, call, target, access, account, call.body.clone(), 0, timing).await
    };
    let sent = Watch::CLIENT.unless_abandoned(&**world, sent).await.and_then(|sent| sent)?;
    let decision = Decision::Bypass(bypass);
    account.decided(&decision, timing);
    Ok(relay(world, sent, None, decision.headers(timing), account, false))
}

/// Whether a request keeps within what its caller may do, as far as that is not the budgets' own matter.
async fn check<W: World>(
    target: &Target,
    access: &Access,
    bypass: Bypass,
    account: &Account<W>,
    work: Work,
) -> Result<(), Failure> {
    let capped = access.caps != Caps::default();
    if bypass == Bypass::EncodedBody {
        return if capped || account.has_budgets().await? {
            let what = "A compressed body cannot be held to caps and budgets. Send it without 'content-encoding'.";
            Err(Failure::bad_field("content-encoding", what))
        } else {
            Ok(())
        };
    }
    let uncapped = match work {
        Work::Free | Work::Vectors => false,
        Work::Unmeasured => !paths::makes_no_text(target.path()),
        // By another method than the one by which it is read here.
        Work::Generation(_) | Work::Completions => true,
    };
    if capped && uncapped {
        return Err(Failure::cannot_cap(target.path()));
    }
    Ok(())
}

/// Sends a request to the upstream that it is for.
#[expect(clippy::too_many_arguments, reason = "each is another part of the request or of how it is sent")]
pub(super) async fn send<W: World>(
    world: &Rc<W>,
    setup: &Setup,
    call: &Call,
    target: &Target,
    access: &Access,
    account: &Account<W>,
    body: Vec<u8>,
    retries: u32,
    timing: &mut Timing,
) -> Result<Sent<W>, Failure> {
    let credential = access.credential(&**world, &target.upstream)?;
    let leg = Leg { upstream: target.upstream.clone(), model: None, direction: None, credential, own: true };
    // A signature of AWS covers the body.
    let signed = call.header("authorization").is_some_and(|value| value.starts_with("AWS4-"));
    let body = if signed { body } else { forward::hint_untyped(&target.upstream, &target.rest, body) };
    let shape = |_: &Leg| {
        let (rest, headers, notes) = (target.rest.clone(), Headers::new(), Headers::new());
        Ok(Shaped { body: body.clone(), headers, rest, notes, unasked: false })
    };
    Sending { world, setup, call, account, retries, usage: false }.by(&[leg], shape, timing).await
}

/// An upstream's answer on its way to the client, with what counts it.
pub(super) fn relay<W: World>(
    world: &Rc<W>,
    sent: Sent<W>,
    keeping: Option<Keeping<W>>,
    own: Headers,
    account: &Account<W>,
    tells_usage: bool,
) -> Reply<W> {
    let mut headers = forward::response_headers(&sent.headers);
    headers.extend(own);
    let tap = account.tap_on(&sent);
    // A comment after any other body would be a part of it.
    let tells_usage = tells_usage && is_event_stream(&sent.headers);
    let relay = Relay::new(world.clone(), sent.chunks, keeping, tap, tells_usage);
    Reply { status: sent.status, headers, body: ReplyBody::Relay(Box::new(relay)) }
}
