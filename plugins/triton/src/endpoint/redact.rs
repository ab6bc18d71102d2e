//! What of a `server` value may be shown: users paste passwords and tokens into addresses, and errors end in logs.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use super::address::is_name;

/// Stands for what is left out.
const OMITTED: &str = "…";

/// Longest word that is shown without scheme and port: a mistyped `inprocess:` or host name, but not a token.
const LONGEST_WORD: usize = 16;

/// A value of `server` without what may be a secret.
///
/// A valid value is returned as it is. Of any other value only what has the form `SCHEME://HOST[:PORT]` is shown, and
/// from the first place on where it has another form, nothing: user names, passwords, paths, queries, fragments and
/// pasted headers are replaced by `…`. A value with an `@` shows its scheme only, because a password may contain
/// every other character.
#[must_use]
pub fn redact(server: &str) -> Cow<'_, str> {
    if server.contains('@') {
        let scheme = scheme(server).map_or("", |(scheme, _)| scheme);
        return Cow::Owned(format!("{scheme}{OMITTED}"));
    }
    let mut shown = String::new();
    for (index, part) in server.split(',').enumerate() {
        let length = shown_length(part, index == 0);
        shown.push_str(if index == 0 { "" } else { "," });
        shown.push_str(&part[..length]);
        if length < part.len() {
            return Cow::Owned(shown + OMITTED);
        }
    }
    Cow::Borrowed(server)
}

/// The number of bytes of one address that may be shown: all of them, or those before what may be a secret.
fn shown_length(part: &str, is_first: bool) -> usize {
    let trimmed = part.trim();
    let before = part.len() - part.trim_start().len();
    let Some((scheme, address)) = scheme(trimmed) else {
        return if is_shown_without_scheme(trimmed, is_first) {
            part.len()
        } else {
            0
        };
    };
    let authority = address.find(['/', '?', '#']).map_or(address, |end| &address[..end]);
    if !is_authority(authority) {
        return before + scheme.len();
    }
    match address.len() - authority.len() {
        0 => part.len(),
        _ => before + scheme.len() + authority.len() + "?".len(),
    }
}

/// Splits `SCHEME://` from the rest.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let end = text.find("://")?;
    let is_scheme = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        name.len() <= LONGEST_WORD
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(allowed)
    };
    is_scheme(&text[..end]).then(|| text.split_at(end + "://".len()))
}

/// Whether `text` is `HOST`, `HOST:` or `HOST:DIGITS`. Text in the place of a port may be a password.
fn is_authority(text: &str) -> bool {
    let host = match text.rsplit_once(':') {
        Some((host, port)) if port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => text,
    };
    let is_ipv6 = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => is_ipv6(inner) || is_name(inner),
        None => is_ipv6(host) || is_name(host),
    };
    host.is_empty() || (is_host && host.split('.').all(|label| label.len() <= 63))
}

/// Whether a value without a scheme is shown: `HOST:PORT`, or, where nothing stands before it, a short word.
fn is_shown_without_scheme(text: &str, is_first: bool) -> bool {
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty());
    let word = text.strip_suffix(':').unwrap_or(text);
    let is_word = || text.len() <= LONGEST_WORD && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.is_empty() || (has_port && is_authority(text)) || (is_first && is_word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_secrets_are_shown() {
        for server in [
            "",
            "inprocess:",
            "nonsense",
            "inproces:",
            "a:8001",
            "grpc://a:8001",
            "grpc://a",
            "grpc://",
            "grpc://:8001",
            "grpc://10.0.0.7:8001, grpcs://[::1]:1",
            "GRPC://Host_1.local:1",
            "http://a:8000",
            "grpc://a:70000",
            "grpc://a:1,b:2",
            "grpc://a:1,",
        ] {
            assert_eq!(redact(server), server);
            assert!(matches!(redact(server), Cow::Borrowed(_)), "{server}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_omitted() {
        for (server, shown) in [
            ("grpc://user:hunter2@host:1", "grpc://…"),
            ("grpcs://hunter2@host:1", "grpcs://…"),
            ("grpc:// user:hunter2@", "grpc://…"),
            ("GRPC://USER:HUNTER2@HOST:1", "GRPC://…"),
            ("grpc://user:hunt@er2@host:1", "grpc://…"),
            ("grpc://user:hunt/er2@host:1", "grpc://…"),
            ("grpc://user:hunt,er2@host:1", "grpc://…"),
            ("grpc://user:hunt?er2@host:1", "grpc://…"),
            ("grpc://user:hunter2%40host:1", "grpc://…"),
            ("grpc://user%3Ahunter2%40host:1", "grpc://…"),
            ("grpc://a:1,grpc://user:hunter2@b:2", "grpc://…"),
            ("user:hunter2@host:1", "…"),
            ("://user:hunter2@host", "…"),
            ("grpc://user:hunter2", "grpc://…"),
            ("grpc://a:port", "grpc://…"),
            ("user:hunter2", "…"),
            ("hunter2", "…"),
            ("grpc://host:1?token=hunter2", "grpc://host:1?…"),
            ("grpcs://host:1?x=y", "grpcs://host:1?…"),
            ("grpc://host:1/hunter2", "grpc://host:1/…"),
            ("grpc://host:1#hunter2", "grpc://host:1#…"),
            ("grpc://host:1?token=hunter2,hunter2", "grpc://host:1?…"),
            ("grpc://host:1 hunter2", "grpc://…"),
            ("grpc://host:1;token=hunter2", "grpc://…"),
            (
                "grpc://a:1,grpc://host:1?token=hunter2,c:1",
                "grpc://a:1,grpc://host:1?…",
            ),
            ("grpc://a:1,hunter2", "grpc://a:1,…"),
            ("grpc://a:1, secret", "grpc://a:1,…"),
            ("Authorization: Bearer hunter2", "…"),
            ("Bearer hunter2", "…"),
            ("Basic aHVudGVyMg==", "…"),
            ("user:password", "…"),
            ("abcdefghijklmnopqrstuvwxyz", "…"),
            ("grpc://a:123456", "grpc://…"),
        ] {
            assert_eq!(redact(server), shown, "{server}");
        }
    }
}
