//! Eight or sixteen bytes at a time through the text of a JSON string: where does something stand that is not plain?
//!
//! Bytes come in, the offset of the first quote, backslash or control character goes out. Reading payloads
//! and writing events both spend their time on this question.

/// One byte in each of the eight places of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// How many bytes at the start of `bytes` stand for themselves inside a JSON string: everything up to the
/// first `"`, `\` or control character.
#[inline]
pub(crate) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut plain = 0;
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let special = special(u64::from_le_bytes(*chunk));
        if special != 0 {
            return plain + first(special);
        }
        plain += 8;
        rest = after;
    }
    plain + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}

/// Whether all bytes of a text are plain: most texts are, and a short one has a large part behind its last whole chunk.
#[inline]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    // What is left behind the others is looked at together with some that came before it.
    if let Some(last) = bytes.last_chunk::<16>() {
        return all_plain(last) && bytes.as_chunks::<16>().0.iter().all(all_plain);
    }
    if let (Some(begin), Some(end)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let plain = |word: &[u8; 8]| special(u64::from_le_bytes(*word)) == 0;
        return plain(begin) && plain(end);
    }
    !bytes.iter().any(|&byte| is_special(byte))
}

/// Whether none of so many bytes is special. Without a way out it is done with all of them at once, as every 64-bit
/// processor can.
#[inline]
fn all_plain(chunk: &[u8; 16]) -> bool {
    !chunk.iter().fold(false, |any, &byte| any | is_special(byte))
}

/// How many spaces the word starts with, at most eight.
#[cfg(any(feature = "daemon", test))]
#[inline]
pub(crate) fn leading_spaces(chunk: [u8; 8]) -> usize {
    first(u64::from_le_bytes(chunk) ^ everywhere(b' '))
}

/// The place of the lowest byte that is not zero; eight if there is none.
#[inline]
fn first(word: u64) -> usize {
    (word.trailing_zeros() / 8) as usize
}

/// The top bit of each byte that is special; right up to the first one, which is what is asked for.
#[inline]
const fn special(word: u64) -> u64 {
    // Subtracting borrows into the top bit of a byte that was smaller. A borrow can spill over into the next
    // byte only behind one that has been found.
    // With its second bit turned a quote is a space: so it and the controls, and nothing else, are below 0x21.
    let low = (word ^ everywhere(b'"' ^ b' ')).wrapping_sub(everywhere(b' ' + 1));
    let backslash = (word ^ everywhere(b'\\')).wrapping_sub(everywhere(1));
    // A byte that had its top bit before is none of them.
    (low | backslash) & !word & everywhere(0x80)
}

#[inline]
const fn is_special(byte: u8) -> bool {
    // With its second bit turned a quote is a space, and a control still one.
    byte ^ (b'"' ^ b' ') < b' ' + 1 || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_byte_is_found_or_passed_in_each_place() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut chunk = *b"abcdefgh";
                chunk[place] = byte;
                let expected = if is_special(byte) { place } else { 8 };
                assert_eq!(plain_prefix(&chunk), expected, "{byte:#x} at {place}");
                assert_eq!(is_plain(&chunk), expected == 8, "{byte:#x} at {place}");
            }
            for place in 0..16 {
                let mut chunk = *b"abcdefghijklmnop";
                chunk[place] = byte;
                let expected = if is_special(byte) { place } else { 16 };
                assert_eq!(plain_prefix(&chunk), expected, "{byte:#x} at {place}");
                assert_eq!(is_plain(&chunk), expected == 16, "{byte:#x} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            let plain = bytes.iter().position(|&b| is_special(b)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_prefix(&bytes), plain);
            prop_assert_eq!(is_plain(&bytes), plain == bytes.len());
            prop_assert!(is_plain(bytes.get(..plain).unwrap()));
        }

        #[test]
        fn spaces_are_counted_to_the_first_other_byte(chunk: [u8; 8], spaces in 0..=8_usize) {
            let mut chunk = chunk;
            chunk[..spaces].fill(b' ');
            let expected = chunk.iter().position(|&b| b != b' ').unwrap_or(8);
            prop_assert_eq!(leading_spaces(chunk), expected);
        }
    }
}
