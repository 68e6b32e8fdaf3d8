//! The edge of the platform: the fetch event, the bindings, and the Durable Object. Bytes in, bytes out; what is
//! decided is decided elsewhere.

#[cfg(feature = "bench")]
mod bench;
mod cache_shard;
mod calls;
mod ledgers;
mod line;
mod places;
mod settings;
mod sql;
mod sql_book;
mod sql_entries;
mod sql_prefixes;
mod sql_rows;
mod sql_schema;
mod sql_verdicts;
mod start;
mod tenant_ledger;
mod world;

use std::rc::Rc;

use futures_util::StreamExt;
use worker::{Context, Env, Request, Response, ResponseBuilder, Result, event};

use crate::error::Failure;
use crate::gateway::{self, Call, Reply, ReplyBody, Setup};
use crate::ports::Headers;
use crate::semantic::embedder::MODEL_NAME;
use crate::semantic::verifier;
use world::CloudflareWorld;

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let mut call = head(&request)?;
    let world = Rc::new(CloudflareWorld::new(env.clone(), context, request.inner().signal()));
    let failed = |call: &Call, failure| gateway::failed(&*world, gateway::error_shape(call), &failure, Headers::new());
    let reply = match settings::setup(&env) {
        #[cfg(feature = "bench")]
        Ok(setup) if request.path().starts_with("/bench/") => measured(&setup, &request)?,
        Ok(setup) if request.path() == "/healthz" => health(&setup),
        Ok(setup) => match read_body(request, setup.config.max_body_bytes).await? {
            Ok(body) => {
                call.body = body;
                gateway::answer(&world, &setup, call).await
            }
            Err(failure) => failed(&call, failure),
        },
        Err(failure) => failed(&call, failure),
    };
    respond(reply)
}

/// Whether this isolate can work: its version and its models. The verifier is loaded for it, if it was not yet: a damaged
/// one must not hide until the first candidate comes.
fn health(setup: &Setup) -> Reply<CloudflareWorld> {
    let (model, verifier) = (setup.embedder.as_ref(), setup.judge.verifier());
    let failed = matches!(verifier, Some(Err(_)));
    let detail = match (model, verifier) {
        (Err(why), _) => Some(format!("serving exact hits only: the embedder: {why}")),
        (Ok(_), Some(Err(why))) => {
            Some(format!("serving by meaning only the same words in another wrapping: the verifier: {why}"))
        }
        (Ok(_), _) => None,
    };
    let body = serde_json::json!({
        "status": if model.is_ok() && !failed { "ok" } else { "degraded" },
        "version": env!("CARGO_PKG_VERSION"),
        "model": model.ok().map(|_| MODEL_NAME),
        "verifier": match verifier {
            None => "off",
            Some(Ok(_)) => verifier::MODEL_NAME,
            Some(Err(_)) => "failed",
        },
        "detail": detail,
    });
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Reply { status: 200, headers, body: ReplyBody::Whole(body.to_string().into_bytes()) }
}

#[cfg(feature = "bench")]
fn measured(setup: &Setup, request: &Request) -> Result<Reply<CloudflareWorld>> {
    let url = request.url()?;
    let query = url.query_pairs().filter_map(|(key, value)| Some((key.into_owned(), value.parse().ok()?))).collect();
    let name = url.path().trim_start_matches("/bench/").to_owned();
    let measured = setup.embedder.as_ref().ok().and_then(|embedder| bench::run(&name, &query, embedder));
    let body = measured.unwrap_or_default().to_string().into_bytes();
    Ok(Reply { status: 200, headers: Headers::new(), body: ReplyBody::Whole(body) })
}

/// A request without its body.
fn head(request: &Request) -> Result<Call> {
    let url = request.url()?;
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let headers: Headers = request.headers().entries().collect();
    // As it came: the crate's own `Method` takes every name that it does not know for GET.
    Ok(Call { method: request.inner().method(), path, headers, body: Vec::new() })
}

/// Reads a body, no more of it than the limit allows.
async fn read_body(mut request: Request, max_body_bytes: usize) -> Result<std::result::Result<Vec<u8>, Failure>> {
    let announced = request.headers().get("content-length")?.and_then(|length| length.parse::<usize>().ok());
    let body = match announced {
        Some(length) if length > max_body_bytes => return Ok(Err(Failure::too_large(max_body_bytes))),
        Some(_) => request.bytes().await?,
        None if request.inner().body().is_none() => Vec::new(),
        None => {
            let (mut body, mut stream) = (Vec::new(), request.stream()?);
            while let Some(chunk) = stream.next().await {
                body.extend(chunk?);
                if body.len() > max_body_bytes {
                    return Ok(Err(Failure::too_large(max_body_bytes)));
                }
            }
            body
        }
    };
    Ok(Ok(body))
}

fn respond(reply: Reply<CloudflareWorld>) -> Result<Response> {
    let headers = worker::Headers::new();
    for (name, value) in &reply.headers {
        headers.append(name, value)?;
    }
    let response = ResponseBuilder::new().with_status(reply.status).with_headers(headers);
    match reply.body {
        // Statuses that have no body may not be given one (RFC 9110 section 15).
        _ if matches!(reply.status, 101 | 204 | 205 | 304) => Ok(response.empty()),
        ReplyBody::Whole(body) => Ok(response.fixed(body)),
        ReplyBody::Live(live) => response.from_stream(futures_util::stream::unfold(live, |mut live| async move {
            let piece = live.next().await?;
            Some((piece.map_err(|why| worker::Error::RustError(why.0)), live))
        })),
        ReplyBody::Relay(relay) => response.from_stream(futures_util::stream::unfold(relay, |mut relay| async move {
            let piece = relay.next().await?;
            Some((piece.map_err(|why| worker::Error::RustError(why.0)), relay))
        })),
    }
}
