//! Text of strangers for a terminal: what would command it is shown instead of obeyed.
//!
//! In come titles, names and messages as a forge sent them, out comes text that stays where it is put:
//! no control characters, no marks that turn the writing direction. Also how wide text is, to cut it.

use std::fmt::Write as _;

/// `text` with every character that a terminal or an editor would obey written as `\u{…}`.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if obeyed(character) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters (C0, DEL, C1), line separators, and what turns the direction of writing or hides:
/// the marks of "Trojan Source" and the invisible tag characters.
pub(crate) fn obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Columns that a character takes in most terminals: ideographs and emoji two, combining marks none.
pub(super) fn width(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Columns that `text` takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// As much of the beginning of `text` as fits into so many columns.
pub(super) fn fitting(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    for (at, character) in text.char_indices() {
        taken += width(character);
        if taken > columns {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(text("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(text("x\r\n\u{7f}\u{9b}"), "x\\u{d}\\u{a}\\u{7f}\\u{9b}");
        assert_eq!(
            text("\u{202e}abc\u{2066}\u{200f}\u{2028}"),
            "\\u{202e}abc\\u{2066}\\u{200f}\\u{2028}"
        );
        assert_eq!(text("naïve 漢字 👍 👩‍💻"), "naïve 漢字 👍 👩‍💻");
    }

    proptest! {
        #[test]
        fn no_text_keeps_what_would_be_obeyed(given in any::<String>()) {
            prop_assert!(!text(&given).chars().any(obeyed));
        }

        #[test]
        fn what_fits_is_a_beginning_and_fits(given in any::<String>(), room in 0_usize..40) {
            let kept = fitting(&given, room);
            prop_assert!(given.starts_with(kept) && columns(kept) <= room);
            prop_assert!(columns(&given) > room || kept == given);
        }
    }
}
