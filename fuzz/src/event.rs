//! The reader of message bodies: no bytes make it panic, and what it accepts it writes and reads the same.

use forgewire::event::Event;

/// Holds it for one body.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold(body: &[u8]) {
    let Ok(event) = Event::from_json(body) else { return };
    let written = event.to_json().expect("what was read is written");
    let read = Event::from_json(&written).expect("what was written is read");
    assert_eq!(read, event, "what is read is what was written");
    assert_eq!(read.to_json().expect("written"), written, "written again it is the same");
}
