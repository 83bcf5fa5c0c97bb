//! Values that nobody asks for: passed over, and looked at as closely as all others.
//!
//! In come a text and a place in it, out comes the place behind the value; `None` where it is no JSON.

use super::MAX_DEPTH;
use crate::scan;

/// The place behind the value that begins at `at`, inside of `depth` arrays and objects.
pub(super) fn value(bytes: &[u8], mut at: usize, depth: usize) -> Option<usize> {
    // One bit for each array or object that begins here, set for objects, behind one that is always set.
    let mut levels: u128 = 1;
    let mut room = MAX_DEPTH.saturating_sub(depth);
    let mut named = false;
    loop {
        if named {
            at = name(bytes, at)?;
        }
        match *bytes.get(at)? {
            b'"' => at = text(bytes, at + 1)?,
            open @ (b'{' | b'[') => {
                room = room.checked_sub(1)?;
                let object = open == b'{';
                at = next_line(bytes, at + 1);
                if *bytes.get(at)? != if object { b'}' } else { b']' } {
                    levels = levels << 1 | u128::from(object);
                    named = object;
                    continue;
                }
                room += 1;
                at += 1;
            }
            b't' => at = word(bytes, at, b"true")?,
            b'f' => at = word(bytes, at, b"false")?,
            b'n' => at = word(bytes, at, b"null")?,
            _ => at = number(bytes, at)?,
        }
        // A value has ended: close what ends with it, up to one that goes on.
        loop {
            if levels == 1 {
                return Some(at);
            }
            let object = levels & 1 == 1;
            at = token(bytes, at);
            let byte = *bytes.get(at)?;
            at += 1;
            if byte == b',' {
                at = next_line(bytes, at);
                named = object;
                break;
            }
            if byte != if object { b'}' } else { b']' } {
                return None;
            }
            levels >>= 1;
            room += 1;
        }
    }
}

/// The place of the next byte that is not white space.
#[inline]
pub(super) fn token(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => at,
        _ => white_space(bytes, at),
    }
}

/// The same where a line may have ended.
#[inline]
pub(super) fn next_line(bytes: &[u8], mut at: usize) -> usize {
    if let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        at += scan::indentation(chunk);
    }
    token(bytes, at)
}

#[inline(never)]
fn white_space(bytes: &[u8], mut at: usize) -> usize {
    loop {
        // Mostly it is a line break and an indentation, and this is all of it.
        if let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            at += scan::indentation(chunk);
        }
        match bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            _ => return at,
        }
    }
}

/// From the name of a member to its value.
#[inline]
fn name(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let at = text(bytes, at + 1)?;
    colon(bytes, at)
}

/// From the end of a name to the value.
#[inline]
pub(super) fn colon(bytes: &[u8], at: usize) -> Option<usize> {
    // As an indented text has it, and one that is not; behind a colon there are a value and what ends the object.
    match bytes.get(at..)?.first_chunk()? {
        [b':', b' ', byte] if *byte > b' ' => return Some(at + 2),
        [b':', byte, _] if *byte > b' ' => return Some(at + 1),
        _ => {}
    }
    let at = token(bytes, at);
    if *bytes.get(at)? == b':' { Some(token(bytes, at + 1)) } else { None }
}

/// From behind the opening quote of a text to behind its closing one.
#[inline]
pub(super) fn text(bytes: &[u8], at: usize) -> Option<usize> {
    let at = at + scan::plain_prefix(bytes.get(at..)?);
    if bytes.get(at) == Some(&b'"') { Some(at + 1) } else { escapes(bytes, at) }
}

#[inline(never)]
fn escapes(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {}
            _ => return None,
        }
        at = match bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at + 2,
            b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at + 6,
            _ => return None,
        };
        at += scan::plain_prefix(bytes.get(at..)?);
    }
}

#[inline]
pub(super) fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(word).then_some(at + word.len())
}

/// The place behind a number.
#[inline(never)]
pub(super) fn number(bytes: &[u8], mut at: usize) -> Option<usize> {
    let is = |at: usize, wanted: u8| bytes.get(at) == Some(&wanted);
    at += usize::from(is(at, b'-'));
    // A number does not start with a zero, unless that is all of it.
    at = if is(at, b'0') { at + 1 } else { digits(bytes, at)? };
    if is(at, b'.') {
        at = digits(bytes, at + 1)?;
    }
    if is(at, b'e') || is(at, b'E') {
        at += 1;
        at += usize::from(is(at, b'+') || is(at, b'-'));
        at = digits(bytes, at)?;
    }
    Some(at)
}

/// The place behind digits; there is at least one.
#[inline]
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while bytes.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    (end > at).then_some(end)
}
