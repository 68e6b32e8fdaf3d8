//! `POST /v1/embeddings` for the model in the isolate.

use super::{Reply, ReplyBody, Setup};
use crate::error::Failure;
use crate::ports::World;
use crate::protocol::embeddings::{self, OwnRequest};
use crate::semantic::embedder::{DIMENSIONS, MAX_PIECES, NoVector};

/// Answers from the model in the isolate. A text that holds nothing that the model knows has the zero vector.
pub(super) fn answer<W: World>(setup: &Setup, request: &OwnRequest) -> Result<Reply<W>, Failure> {
    let embedder = setup.embedder.as_ref().map_err(|why| Failure::model_unavailable(why))?;
    if let Some(dimensions) = request.dimensions.filter(|dimensions| *dimensions != DIMENSIONS as u64) {
        let what = format!("'dimensions' is {dimensions}; the vectors of this model have {DIMENSIONS} and no fewer.");
        return Err(Failure::bad_field("dimensions", what));
    }
    let (mut vectors, mut pieces) = (Vec::new(), 0);
    for (k, text) in request.inputs.iter().enumerate() {
        vectors.push(match embedder.embed(text) {
            Ok(vector) => vector,
            Err(NoVector::Nothing) => vec![0.0; DIMENSIONS],
            Err(NoVector::TooLong) => {
                let what =
                    format!("'input[{k}]' is longer than {MAX_PIECES} wordpieces, which is all that this model reads.");
                return Err(Failure::bad_field(format!("input[{k}]"), what));
            }
            Err(NoVector::Fault) => return Err(Failure::model_unavailable("it failed on this text")),
        });
        pieces += embedder.pieces(text).map_or(0, |pieces| pieces.len());
    }
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-nearhit-cost-usd".to_owned(), "0".to_owned()),
    ];
    let body = embeddings::own_body(&vectors, request.base64, pieces);
    Ok(Reply { status: 200, headers, body: ReplyBody::Whole(body) })
}
