//! Headers that are sent with every call, from files or environment variables. Their values are secrets.

use std::mem;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::file;
use crate::endpoint::{HEADERS, TOKEN};
use crate::{Error, Security, Source, lock};

/// Minimum time between two readings of the files. Calls do not wait for a reading: a call that finds the last one older
/// than this starts the next, whose values later calls send.
const REFRESH: Duration = Duration::from_secs(1);

/// Headers that belong to HTTP/2, to gRPC or to the client.
const RESERVED: [&str; 10] = [
    "connection",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Shortest value that [`Headers::redact`] looks for: `1` or `on` are no secrets.
const SHORTEST_SECRET: usize = 4;

type Header = (AsciiMetadataKey, AsciiMetadataValue);

/// The headers of an endpoint, shared by the clients of all its servers.
pub(super) struct Headers {
    security: Security,
    state: Mutex<State>,
}

struct State {
    current: Arc<[Header]>,
    /// Those before, which calls may have sent whose errors are still to come.
    previous: Arc<[Header]>,
    /// When the last reading began.
    read_at: Instant,
    /// Whether it is still under way.
    is_reading: bool,
    /// Why the last reading failed. The values of the one before are sent.
    problem: Option<Error>,
}

impl Headers {
    /// Reads the files. Takes as long as their file system takes.
    ///
    /// # Errors
    /// [`Error::InvalidSecurity`] or [`Error::SecurityFile`], neither with a value.
    pub(super) fn read(security: &Security) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            security: security.clone(),
            state: Mutex::new(State {
                current: all(security)?,
                previous: Arc::default(),
                read_at: Instant::now(),
                is_reading: false,
                problem: None,
            }),
        }))
    }

    /// `text` of a server without the values, which a server may repeat in an error.
    pub(super) fn redact(&self, text: &str) -> String {
        let (current, previous) = {
            let state = lock(&self.state);
            (Arc::clone(&state.current), Arc::clone(&state.previous))
        };
        let values = current
            .iter()
            .chain(&*previous)
            .filter_map(|(_, value)| value.to_str().ok());
        let secrets = values.map(|value| value.strip_prefix(BEARER).unwrap_or(value));
        let secrets = secrets.filter(|secret| secret.len() >= SHORTEST_SECRET);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }

    /// What to do if a server does not accept the headers.
    pub(super) fn remedy(&self) -> String {
        if let Some(problem) = &lock(&self.state).problem {
            return format!("the headers are old, since they cannot be read again: {problem}");
        }
        let sent = match (&self.security.token, &self.security.headers) {
            (None, None) => return format!("set {TOKEN} or {HEADERS}"),
            (Some(_), None) => TOKEN,
            (None, Some(_)) => HEADERS,
            (Some(_), Some(_)) => return format!("correct {TOKEN} or {HEADERS}"),
        };
        format!("correct {sent}")
    }

    /// The headers for a call at `now`; if the files have to be read again, `spawn` is given the work.
    fn current(self: &Arc<Self>, now: Instant, spawn: impl FnOnce(Box<dyn FnOnce() + Send>)) -> Arc<[Header]> {
        let mut state = lock(&self.state);
        let current = Arc::clone(&state.current);
        let is_due = !state.is_reading && now.saturating_duration_since(state.read_at) >= REFRESH;
        if is_due && self.has_files() {
            (state.read_at, state.is_reading) = (now, true);
            drop(state);
            let headers = Arc::clone(self);
            spawn(Box::new(move || headers.read_again()));
        }
        current
    }

    fn has_files(&self) -> bool {
        let sources = [&self.security.headers, &self.security.token];
        sources
            .into_iter()
            .any(|source| matches!(source, Some(Source::File(_))))
    }

    fn read_again(&self) {
        let read = all(&self.security);
        let mut state = lock(&self.state);
        state.is_reading = false;
        match read {
            Ok(headers) => {
                state.problem = None;
                if headers != state.current {
                    state.previous = mem::replace(&mut state.current, headers);
                }
            }
            Err(problem) => state.problem = Some(problem),
        }
    }
}

/// Adds the headers to each call.
#[derive(Clone)]
pub(super) struct AddHeaders(pub(super) Arc<Headers>);

impl Interceptor for AddHeaders {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let read_again = |work| drop(tokio::task::spawn_blocking(work));
        for (key, value) in self.0.current(Instant::now(), read_again).iter() {
            request.metadata_mut().append(key, value.clone());
        }
        Ok(request)
    }
}

/// What precedes a token.
const BEARER: &str = "Bearer ";

/// All headers of `security`.
fn all(security: &Security) -> Result<Arc<[Header]>, Error> {
    let mut headers = Vec::new();
    if let Some(source) = &security.headers {
        let content = Content::read(HEADERS, source)?;
        let parsed = parse(&content.text).map_err(|reason| content.wrong(reason, "write one `NAME: VALUE` per line"));
        headers = parsed?;
    }
    if let Some(source) = &security.token {
        let content = Content::read(TOKEN, source)?;
        if headers.iter().any(|(key, _)| key == "authorization") {
            return Err(content.wrong("the headers have an authorization, too", "leave one of them out"));
        }
        let remedy = "give the token alone, without `Bearer` and line breaks";
        headers.push(token(&content.text).map_err(|reason| content.wrong(reason, remedy))?);
    }
    Ok(headers.into())
}

/// The text of a source.
struct Content<'a> {
    option: &'static str,
    source: &'a Source,
    text: String,
}

impl<'a> Content<'a> {
    fn read(option: &'static str, source: &'a Source) -> Result<Self, Error> {
        let text = match source {
            Source::Variable(variable) => variable.value.expose().to_owned(),
            Source::File(path) => String::from_utf8(file::read(option, path)?)
                .map_err(|_| file::wrong(option, path, "is not UTF-8", "save it as UTF-8"))?,
        };
        Ok(Self { option, source, text })
    }

    /// An error about it.
    fn wrong(&self, reason: impl Into<String>, remedy: &str) -> Error {
        match self.source {
            Source::File(path) => file::wrong(self.option, path, reason, remedy),
            Source::Variable(variable) => Error::InvalidSecurity {
                option: variable.name,
                reason: reason.into(),
                remedy: remedy.into(),
            },
        }
    }
}

/// Headers from lines `NAME: VALUE`; empty lines and those with `#` in front are skipped. The error never has a value.
fn parse(text: &str) -> Result<Vec<Header>, String> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| header(line).map_err(|problem| format!("line {number}: {problem}")))
        .collect()
}

fn header(line: &str) -> Result<Header, String> {
    let (name, value) = line.split_once(':').ok_or("expected `NAME: VALUE`")?;
    let name = name.trim().to_ascii_lowercase();
    // A name that is not one may be a part of a secret.
    let key = || AsciiMetadataKey::from_str(&name).map_err(|_| "expected the name of a header before the colon");
    if name.ends_with("-bin") {
        return Err(format!(
            "`{name}` is a binary header, which is not supported; send it as text, without -bin"
        ));
    }
    if RESERVED.contains(&&*name) || name.starts_with("grpc-") {
        return Err(format!("`{name}` is set by the gRPC client itself; leave it out"));
    }
    let key = key()?;
    let value = sensitive(value.trim()).ok_or_else(|| format!("`{name}` has a value that is not printable ASCII"))?;
    Ok((key, value))
}

fn token(text: &str) -> Result<Header, &'static str> {
    let token = text.trim();
    if token.is_empty() {
        return Err("there is no token");
    }
    if token.contains(char::is_whitespace) {
        return Err("the token has white space");
    }
    let value = sensitive(&format!("{BEARER}{token}")).ok_or("the token is not printable ASCII")?;
    Ok((AsciiMetadataKey::from_static("authorization"), value))
}

/// The value, never printed by HTTP libraries, and never put into the table of HTTP/2's header compression.
fn sensitive(value: &str) -> Option<AsciiMetadataValue> {
    let is_printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let mut value = AsciiMetadataValue::try_from(value).ok().filter(|_| is_printable)?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::{Secret, Variable};

    fn token_of(headers: &Arc<Headers>, now: Instant) -> (String, bool) {
        let mut work = None;
        let current = headers.current(now, |read| work = Some(read));
        let is_due = work.is_some();
        if let Some(read) = work {
            read();
        }
        (current[0].1.to_str().unwrap().to_owned(), is_due)
    }

    #[test]
    fn files_are_read_again_once_a_second_and_by_one_call() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "first").unwrap();
        let security = Security {
            token: Some(Source::File(path.clone())),
            ..Security::default()
        };
        let headers = Headers::read(&security).unwrap();
        let start = Instant::now();
        fs::write(&path, "second").unwrap();
        assert_eq!(token_of(&headers, start), ("Bearer first".into(), false));
        let later = start + 2 * REFRESH;
        let mut work = None;
        headers.current(later, |read| work = Some(read));
        assert_eq!(
            token_of(&headers, later),
            ("Bearer first".into(), false),
            "one reads already"
        );
        work.unwrap()();
        assert_eq!(token_of(&headers, later), ("Bearer second".into(), false), "just read");
        fs::remove_file(&path).unwrap();
        let end = later + REFRESH;
        assert_eq!(token_of(&headers, end), ("Bearer second".into(), true));
        assert_eq!(token_of(&headers, end), ("Bearer second".into(), false));
        assert!(headers.remedy().contains("No such file"), "{}", headers.remedy());
    }

    #[test]
    fn variables_are_not_read_again() {
        let (name, value) = ("SHOPFLOOR_TOKEN", Secret::from("only"));
        let security = Security {
            token: Some(Source::Variable(Variable { name, value })),
            ..Security::default()
        };
        let headers = Headers::read(&security).unwrap();
        assert_eq!(
            token_of(&headers, Instant::now() + 2 * REFRESH),
            ("Bearer only".into(), false)
        );
    }

    #[test]
    fn values_are_never_printed() {
        let (name, text) = ("SHOPFLOOR_HEADERS", "authorization: Bearer hunter2\nx-debug: on");
        let value = Secret::from(text);
        let security = Security {
            headers: Some(Source::Variable(Variable { name, value })),
            ..Security::default()
        };
        let headers = Headers::read(&security).unwrap();
        let shown = format!("{security:?} {:?}", headers.state.lock().unwrap().current);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(headers.redact("got Bearer hunter2 on"), "got Bearer … on");
    }
}
