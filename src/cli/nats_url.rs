//! URLs of NATS servers on a command line: who they say we are becomes settings of its own.
//!
//! In come URLs such as `nats://user:password@host:4222` or `nats://token@host:4222`, out come the settings that say the
//! same. The client library would leave out what stands before the host. No error repeats it.

use zeroize::Zeroizing;

use super::Usage;

/// The settings that these URLs stand for.
///
/// # Errors
///
/// [`Usage`] when they name different users, or one of them cannot be read.
pub(super) fn settings<S: AsRef<str>>(
    urls: &[S],
) -> Result<Vec<(&'static str, Zeroizing<String>)>, Usage> {
    let mut settings = Vec::new();
    let mut servers = Vec::new();
    let mut seen: Option<&str> = None;
    for url in urls.iter().flat_map(|urls| urls.as_ref().split(',')).map(str::trim) {
        servers.push(without_user(url));
        let Some(who) = user(url) else { continue };
        if seen.is_some_and(|before| before != who) {
            return Err(Usage(
                "--nats: all URLs must have the same user, password or token".into(),
            ));
        }
        seen = Some(who);
    }
    if let Some(who) = seen {
        let decode = |text| decoded(text).map(Zeroizing::new).ok_or_else(unreadable);
        match who.split_once(':') {
            Some((user, password)) => {
                settings.push(("nats.user", decode(user)?));
                settings.push(("nats.password", decode(password)?));
            }
            None => settings.push(("nats.token", decode(who)?)),
        }
    }
    settings.push(("nats.servers", Zeroizing::new(servers.join(","))));
    Ok(settings)
}

fn unreadable() -> Usage {
    Usage("--nats: user, password or token of the URL cannot be read: write %XX for what is no letter or digit".into())
}

/// A NATS URL without what may stand before its host: a user with a password, or a token.
pub(super) fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}

/// What stands before the host.
fn user(url: &str) -> Option<&str> {
    let (before, _host) = url.rsplit_once('@')?;
    Some(before.split_once("://").map_or(before, |(_, user)| user))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(urls: &[&str]) -> Vec<(&'static str, String)> {
        let settings = settings(urls).unwrap();
        settings.into_iter().map(|(key, value)| (key, value.to_string())).collect()
    }

    #[test]
    fn users_and_tokens_of_urls_become_settings() {
        let pair = |key, value: &str| (key, value.to_owned());
        assert_eq!(of(&["nats://a:4222"]), [pair("nats.servers", "nats://a:4222")]);
        assert_eq!(
            of(&["nats://me:p%40ss:%20word@a,nats://me:p%40ss:%20word@b"]),
            [
                pair("nats.user", "me"),
                pair("nats.password", "p@ss: word"),
                pair("nats.servers", "nats://a,nats://b")
            ]
        );
        assert_eq!(
            of(&["tls://hunter2@a", "tls://b"]),
            [pair("nats.token", "hunter2"), pair("nats.servers", "tls://a,tls://b")]
        );
    }

    #[test]
    fn what_contradicts_itself_or_cannot_be_read_is_refused_without_repeating_it() {
        for bad in [&["nats://hunter2@a", "nats://b:hunter2@a"][..], &["nats://hunter2%@a"]] {
            let error = settings(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_password_in_the_nats_url_is_not_shown() {
        assert_eq!(without_user("nats://dev:hunter2@localhost:4222"), "nats://localhost:4222");
        assert_eq!(without_user("token@localhost"), "localhost");
        assert_eq!(without_user("nats://localhost:4222"), "nats://localhost:4222");
    }
}
