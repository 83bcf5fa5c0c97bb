//! Where in the frames of HTTP/2 a connection stands, and what a head that is not complete yet costs.
//!
//! The library gives a request away once its head is complete, and says nothing before. So a head that never
//! ends would look like an idle connection; here its first byte is seen, and its last.

use std::io;
use std::sync::Arc;

use crate::listen::body::Hold;
use crate::listen::io::{FREE_HEAD_BYTES, Meter};
use crate::listen::registry::{Conn, Pool};

/// What a client says before its first frame.
const PREFACE: usize = 24;
/// Length of a frame's header.
const HEADER: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// A meter of what comes in frames.
pub(super) struct Frames {
    place: Place,
    hold: Hold,
}

impl Frames {
    pub(super) fn new(conn: &Arc<Conn>) -> Self {
        Self { place: Place::default(), hold: Hold::empty(conn, Pool::Shares) }
    }
}

impl Meter for Frames {
    fn count(&mut self, conn: &Arc<Conn>, come: &[u8]) -> io::Result<()> {
        conn.progressed(come.len());
        let ended = self.place.pass(come);
        conn.frames_came(self.place.inside(), ended);
        if self.place.block == 0 {
            self.hold.clear();
            return Ok(());
        }
        let room = self.hold.try_grow_to(self.place.block.saturating_sub(FREE_HEAD_BYTES));
        // Without room the connection ends, and with it other requests. One that has shown who it is keeps them:
        // the head gets its answer when it is complete.
        if room || !conn.may_be_evicted() {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "no memory left for a long request head",
            ))
        }
    }

    /// The library knows when it may, and says so to the client first.
    fn may_end(&self, _conn: &Conn) -> bool {
        false
    }
}

/// A place in a stream of frames.
#[derive(Debug)]
struct Place {
    /// Bytes of the preface, or of the frame's payload, that are still to come.
    left: usize,
    header: [u8; HEADER],
    /// How much of the header has come.
    known: usize,
    /// Bytes of the header block so far; none between blocks.
    block: usize,
    /// The frame ends the block that it belongs to, if it belongs to one.
    last: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { left: PREFACE, header: [0; HEADER], known: 0, block: 0, last: true }
    }
}

impl Place {
    /// Goes on by these bytes, and returns whether something that can stand alone ended in them: a frame, or
    /// all frames of a head.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            if self.left == 0 {
                let step = bytes.len().min(HEADER - self.known);
                let (come, rest) = bytes.split_at(step);
                for (to, from) in self.header.iter_mut().skip(self.known).zip(come) {
                    *to = *from;
                }
                self.known += step;
                bytes = rest;
                if self.known < HEADER {
                    break;
                }
                self.known = 0;
                self.begin();
            } else {
                let step = bytes.len().min(self.left);
                self.left -= step;
                bytes = bytes.get(step..).unwrap_or_default();
            }
            if self.left == 0 && self.last {
                self.block = 0;
                ended = true;
            }
        }
        ended
    }

    /// Begins the frame whose header is known.
    fn begin(&mut self) {
        let [a, b, c, kind, flags, ..] = self.header;
        self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if matches!(kind, HEADERS | CONTINUATION) {
            self.block = self.block.saturating_add(self.left + HEADER);
            self.last = flags & END_HEADERS != 0;
        }
    }

    /// Whether something has begun and not ended.
    fn inside(&self) -> bool {
        self.left > 0 || self.known > 0 || !self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut frame =
            vec![0, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 255).unwrap()];
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.resize(frame.len() + length, 0xff);
        frame
    }

    #[test]
    fn what_has_begun_is_inside_until_it_ends_however_it_is_cut() {
        // A preface, settings, a head of three frames, data, and a ping.
        let parts = [
            vec![vec![b'p'; PREFACE]],
            vec![frame(4, 0, 6)],
            vec![
                frame(HEADERS, 0, 300),
                frame(CONTINUATION, 0, 0),
                frame(CONTINUATION, END_HEADERS, 7),
            ],
            vec![frame(0, 1, 16_384)],
            vec![frame(4, 1, 0)],
            vec![frame(HEADERS, END_HEADERS, 1)],
        ];
        let mut ends = vec![0];
        for part in &parts {
            ends.push(ends.last().unwrap() + part.concat().len());
        }
        let stream: Vec<u8> = parts.concat().concat();
        for step in [1, 2, 10, 1_000, stream.len()] {
            let (mut place, mut come) = (Place::default(), 0);
            for piece in stream.chunks(step) {
                let ended = place.pass(piece);
                let passed = ends.iter().any(|end| (come + 1..=come + piece.len()).contains(end));
                come += piece.len();
                assert_eq!(ended, passed, "{come} in steps of {step}");
                assert_eq!(place.inside(), !ends.contains(&come), "{come} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_head_costs_what_its_frames_say_until_it_ends() {
        let mut place = Place::default();
        place.pass(&[b'p'; PREFACE]);
        place.pass(&frame(HEADERS, 0, 300));
        assert_eq!(place.block, 309);
        place.pass(&frame(CONTINUATION, 0, 100)[..50]);
        assert_eq!(place.block, 309 + 109);
        place.pass(&[0; 59]);
        place.pass(&frame(CONTINUATION, END_HEADERS, 5));
        assert_eq!(place.block, 0);
    }
}
