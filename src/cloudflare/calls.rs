//! Calling a Durable Object: an operation, with its question and its answer in postcard.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::futures::JsFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen::JsValue;
use worker::{Delay, Method, Request, RequestInit, Response, ResponseBody, Stub};

use crate::ports::ShardFault;

/// How long a request waits for its shard. A slow cache must not become a slow answer: after this the request goes on
/// without it.
pub(super) const SHARD_DEADLINE: Duration = Duration::from_secs(2);

/// How long an operator waits for one: purging a full shard takes longer than looking something up.
pub(super) const OPERATOR_DEADLINE: Duration = Duration::from_secs(20);

/// Calls a shard's operation: the request and the answer are postcard.
pub(super) async fn ask<Q: Serialize, A: DeserializeOwned>(
    stub: worker::Result<Stub>,
    operation: &str,
    question: &Q,
) -> Result<A, ShardFault> {
    ask_within(SHARD_DEADLINE, stub, operation, question).await
}

/// The same, with another deadline.
pub(super) async fn ask_within<Q: Serialize, A: DeserializeOwned>(
    patience: Duration,
    stub: worker::Result<Stub>,
    operation: &str,
    question: &Q,
) -> Result<A, ShardFault> {
    let fault = |what: String| ShardFault(format!("{operation}: {what}"));
    let body = postcard::to_stdvec(question).map_err(|error| fault(error.to_string()))?;
    let deadline = pin!(Delay::from(patience));
    let answer = match select(pin!(post_bytes(stub, operation, &body)), deadline).await {
        Either::Left((answer, _)) => answer.map_err(|error| fault(error.to_string()))?,
        Either::Right(_) => return Err(fault(format!("no answer within {patience:?}"))),
    };
    postcard::from_bytes(&answer).map_err(|error| fault(error.to_string()))
}

/// Posts to a shard's operation; an answer that is not 200 is an error.
pub(super) async fn post(stub: worker::Result<Stub>, operation: &str, body: JsValue) -> worker::Result<Response> {
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(body));
    let request = Request::new_with_init(&format!("https://shard/{operation}"), &init)?;
    let response = stub?.fetch_with_request(request).await?;
    match response.status_code() {
        200 => Ok(response),
        _ => Err(worker::Error::RustError(String::from_utf8_lossy(&all_bytes(response).await?).into_owned())),
    }
}

/// The same, with the whole of the answer.
async fn post_bytes(stub: worker::Result<Stub>, operation: &str, body: &[u8]) -> worker::Result<Vec<u8>> {
    all_bytes(post(stub, operation, Uint8Array::from(body).into()).await?).await
}

/// A whole body in one step: the crate's own way reads it piece by piece, which takes a fifth of a hit's time.
pub(super) async fn all_bytes(response: Response) -> worker::Result<Vec<u8>> {
    match response.body() {
        ResponseBody::Empty => Ok(Vec::new()),
        ResponseBody::Body(bytes) => Ok(bytes.clone()),
        ResponseBody::Stream(stream) => {
            let whole = web_sys::Response::new_with_opt_readable_stream(Some(stream))?.array_buffer()?;
            Ok(Uint8Array::new(&JsFuture::from(whole).await?).to_vec())
        }
    }
}
