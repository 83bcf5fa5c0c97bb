//! Escaping and decoding of subjects: each is the other backwards.

use forgewire::subject::{Address, Decoded, Subject, Token};

/// Holds it for one text, taken as a token and as a value.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // As a token: what decodes is what escaping writes.
    match Token::decode(text) {
        Ok(Decoded::Value(value)) => assert_eq!(Token::escape(&value).as_str(), text),
        Ok(Decoded::Missing) => assert_eq!(Token::missing().as_str(), text),
        Ok(Decoded::Cut(kept)) => {
            assert!(text.starts_with(&kept) && text.len() == kept.len() + 33, "{text}");
            check_beginning(&kept);
        }
        Err(_) => {}
    }
    // As a value: what is escaped decodes to it.
    let token = Token::escape(text);
    check_token(token.as_str());
    match Token::decode(token.as_str()).expect("an escaped value decodes") {
        Decoded::Value(value) => assert_eq!(value, text),
        Decoded::Missing => assert_eq!(text, ""),
        Decoded::Cut(kept) => {
            assert!(text.len() > 66, "a short value is cut");
            check_beginning(&kept);
        }
    }
    let caseless = Token::escape_caseless(text);
    assert_eq!(caseless, Token::escape_caseless(&text.to_ascii_uppercase()));
    check_subject(text);
}

/// A cut token keeps as much of its value as it can.
fn check_beginning(kept: &str) {
    assert!((158..=160).contains(&kept.len()), "{} bytes are kept", kept.len());
}

fn check_token(token: &str) {
    assert!((1..=200).contains(&token.len()), "{} bytes", token.len());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'%' | b'~');
    assert!(token.bytes().all(allowed), "{token}");
}

fn check_subject(text: &str) {
    let address = Address {
        source: "gitea",
        owner: Some(text),
        repo: Some(text),
        event: "push",
        action: text,
        reference: Some(text),
    };
    let subject = Subject::new("forge", &address).to_string();
    assert_eq!(subject.split('.').count(), 7, "{subject}");
}
