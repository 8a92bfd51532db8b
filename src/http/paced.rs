//! A body in small pieces with a rest after each: a parser of multipart takes whatever is ready before it looks at any of it,
//! so without rests a fast sender would fill the memory. Must stay true: a body never gives more than its bound.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::Stream;

/// Bytes handed on at once.
const PIECE_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug)]
struct Paced {
    body: BodyDataStream,
    left: Bytes,
    resting: bool,
    room: u64,
}

/// The request with its body paced, and broken off beyond `max` bytes.
#[must_use]
pub fn paced(request: Request, max: u64) -> Request {
    let (parts, body) = request.into_parts();
    let paced = Paced { body: body.into_data_stream(), left: Bytes::new(), resting: false, room: max };
    Request::from_parts(parts, Body::from_stream(paced))
}

impl Stream for Paced {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(self: Pin<&mut Self>, poller: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.resting) {
            poller.waker().wake_by_ref();
            return Poll::Pending;
        }
        while this.left.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_next(poller)) {
                Some(Ok(bytes)) => this.left = bytes,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        let piece = this.left.split_to(this.left.len().min(PIECE_BYTES_MAX));
        let Some(room) = this.room.checked_sub(piece.len() as u64) else {
            return Poll::Ready(Some(Err(io::Error::other("the body is too large").into())));
        };
        this.room = room;
        this.resting = true;
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_body_comes_through_whole_and_no_longer_than_it_may() {
        let of = |len: usize, max: u64| paced(Request::new(Body::from(vec![7; len])), max).into_body().collect();
        assert_eq!(of(1_000_000, 1_000_000).await.expect("fits").to_bytes().len(), 1_000_000);
        assert!(of(1_000_001, 1_000_000).await.is_err());
    }
}
