//! A body that is counted against its client as it comes, until somebody vouches for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::gate::{Guest, TurnedAway};

/// The body of a guest's request.
pub(super) struct Counted<'c, 'g> {
    inner: Incoming,
    guest: &'c mut Guest<'g>,
    /// Why it ended, if that was for the client's account.
    away: &'c mut Option<TurnedAway>,
}

impl<'c, 'g> Counted<'c, 'g> {
    pub(super) fn new(
        inner: Incoming,
        guest: &'c mut Guest<'g>,
        away: &'c mut Option<TurnedAway>,
    ) -> Self {
        Self { inner, guest, away }
    }
}

impl Body for Counted<'_, '_> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx));
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        if let Err(away) = this.guest.charge(bytes as u64) {
            *this.away = Some(away);
            return Poll::Ready(Some(Err("the client's account is empty".into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
