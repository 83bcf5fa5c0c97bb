//! Sixteen bytes at a time through JSON: where does a text have something that is not plain, and where does white
//! space end?
//!
//! Bytes come in, an offset goes out. Reading payloads and writing events both spend their time on these questions.

use wide::u8x16;

/// How many bytes are looked at together.
const WIDTH: usize = 16;

/// How many bytes at the start of `bytes` stand for themselves inside a JSON string: everything up to the
/// first `"`, `\` or control character.
#[inline]
pub(crate) fn plain_prefix(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks::<WIDTH>();
    let mut plain = 0;
    for chunk in chunks {
        let specials = specials(*chunk);
        if specials != 0 {
            return plain + specials.trailing_zeros() as usize;
        }
        plain += WIDTH;
    }
    plain + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}

/// Whether all bytes of a text are plain: most texts are, and a short one has a large part behind its last whole chunk.
#[inline]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    // What is left behind the others is looked at together with some that came before it.
    if let Some(last) = bytes.last_chunk::<WIDTH>() {
        return all_plain(last) && bytes.as_chunks::<WIDTH>().0.iter().all(all_plain);
    }
    if let (Some(begin), Some(end)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>())
        && let Some(both) = [*begin, *end].as_flattened().first_chunk::<WIDTH>()
    {
        return all_plain(both);
    }
    !bytes.iter().any(|&byte| is_special(byte))
}

#[inline]
fn all_plain(chunk: &[u8; WIDTH]) -> bool {
    specials(*chunk) == 0
}

/// One bit for each byte that is special, the lowest for the first one.
#[inline]
fn specials(chunk: [u8; WIDTH]) -> u32 {
    let bytes = u8x16::new(chunk);
    // With its second bit turned a quote is a space: so it and the controls, and nothing else, are at most that.
    let turned = bytes ^ u8x16::splat(b'"' ^ b' ');
    let low = turned.min(u8x16::splat(b' ')).simd_eq(turned);
    (low | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
}

/// How many spaces and line breaks the chunk starts with: what mostly stands between a value and the next name.
#[cfg(any(feature = "daemon", test))]
#[inline]
pub(crate) fn indentation(chunk: &[u8; WIDTH]) -> usize {
    let bytes = u8x16::new(*chunk);
    let white = bytes.simd_eq(u8x16::splat(b' ')) | bytes.simd_eq(u8x16::splat(b'\n'));
    (!white.to_bitmask()).trailing_zeros() as usize
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
        // With whole chunks and without, and what is left behind them.
        for length in 0..=2 * WIDTH + 8 {
            let text: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
            assert_eq!(plain_prefix(&text), length);
            assert!(is_plain(&text), "{length}");
            for (place, byte) in
                (0..length).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte)))
            {
                let mut text = text.clone();
                text[place] = byte;
                let expected = if is_special(byte) { place } else { length };
                assert_eq!(plain_prefix(&text), expected, "{byte:#x} at {place} of {length}");
                assert_eq!(is_plain(&text), expected == length, "{byte:#x} at {place} of {length}");
            }
        }
    }

    #[test]
    fn quotes_backslashes_and_control_characters_are_special() {
        for byte in 0..=u8::MAX {
            let expected = byte < 0x20 || matches!(byte, b'"' | b'\\');
            assert_eq!(is_special(byte), expected, "{byte:#x}");
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
        fn an_indentation_is_counted_to_its_end(
            chunk: [u8; WIDTH],
            white in prop::collection::vec(any::<bool>(), 0..=WIDTH),
        ) {
            let mut chunk = chunk;
            for (byte, space) in chunk.iter_mut().zip(&white) {
                *byte = if *space { b' ' } else { b'\n' };
            }
            let expected = chunk.iter().position(|b| !matches!(b, b' ' | b'\n')).unwrap_or(WIDTH);
            prop_assert_eq!(indentation(&chunk), expected);
        }
    }
}
