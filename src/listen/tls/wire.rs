//! The stream between a socket and TLS: sees where records begin and end, and charges a handshake.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::listen::body::Hold;
use crate::listen::registry::{Conn, Pool};
use crate::listen::socket::Transport;

/// Bytes of a handshake that every connection may hold uncharged. Without a client's certificates it is
/// less than 2 KiB.
const FREE_HANDSHAKE_BYTES: usize = 8 * 1024;
/// Length of a record's header: a type, two bytes of version, two of length.
const HEADER: u8 = 5;

/// A transport whose encrypted traffic is looked at.
pub(in crate::listen) struct Wire<I> {
    inner: I,
    conn: Arc<Conn>,
    records: Records,
    /// What the handshake holds; none after it.
    handshake: Option<Handshake>,
}

struct Handshake {
    bytes: usize,
    hold: Hold,
}

impl<I: Transport> Wire<I> {
    pub(super) fn new(inner: I, conn: Arc<Conn>) -> Self {
        let hold = Hold::empty(&conn, Pool::Shares);
        let handshake = Some(Handshake { bytes: 0, hold });
        Self { inner, conn, records: Records::default(), handshake }
    }

    /// Gives back what the handshake was charged.
    pub(super) fn handshake_ends(&mut self) {
        self.handshake = None;
    }

    /// Whether the last record that has begun lacks its end.
    pub(super) fn inside_record(&self) -> bool {
        self.records.inside()
    }

    /// Whether bytes wait at the socket.
    pub(super) fn has_unread(&self) -> bool {
        self.inner.has_unread()
    }

    fn count(&mut self, bytes: usize) -> io::Result<()> {
        // After the handshake, what it protects is counted instead.
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        self.conn.progressed(bytes);
        handshake.bytes = handshake.bytes.saturating_add(bytes);
        if handshake.hold.try_grow_to(handshake.bytes.saturating_sub(FREE_HANDSHAKE_BYTES)) {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::QuotaExceeded, "no memory left for a long handshake"))
        }
    }
}

impl<I: Transport> AsyncRead for Wire<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let come = buf.filled().get(before..).unwrap_or_default();
        this.records.pass(come);
        Poll::Ready(this.count(come.len()))
    }
}

impl<I: Transport> AsyncWrite for Wire<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// Where in the records of TLS a stream stands.
#[derive(Default)]
struct Records {
    /// Bytes of the header that have come.
    header: u8,
    /// The last two bytes of it, which are the length.
    length: u16,
    /// Bytes of the record that are still to come.
    left: u16,
}

impl Records {
    fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let step = bytes.len().min(usize::from(self.left));
                self.left -= u16::try_from(step).unwrap_or(self.left);
                bytes = bytes.get(step..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            self.length = self.length << 8 | u16::from(byte);
            self.header += 1;
            if self.header == HEADER {
                self.header = 0;
                self.left = self.length;
            }
        }
    }

    fn inside(&self) -> bool {
        self.header > 0 || self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(length: u16) -> Vec<u8> {
        let mut record = vec![0x17, 3, 3];
        record.extend(length.to_be_bytes());
        record.resize(record.len() + usize::from(length), 0xff);
        record
    }

    #[test]
    fn a_stream_is_inside_of_a_record_from_its_first_byte_to_its_last() {
        let lengths = [1, 0, 300, 16_640];
        let stream: Vec<u8> = lengths.into_iter().flat_map(record).collect();
        let mut ends = Vec::new();
        for length in lengths {
            ends.push(ends.last().unwrap_or(&0) + 5 + usize::from(length));
        }
        for step in [1, 3, 7, 4_096, stream.len()] {
            let (mut records, mut come) = (Records::default(), 0);
            for piece in stream.chunks(step) {
                records.pass(piece);
                come += piece.len();
                assert_eq!(records.inside(), !ends.contains(&come), "{come} in steps of {step}");
            }
        }
    }
}
