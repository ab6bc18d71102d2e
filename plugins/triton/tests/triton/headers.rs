//! Headers and tokens of calls: sent with every call, read again when a file changes, and never printed.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::common::PATIENCE;
use crate::common::certificates::Files;
use crate::common::remote::{ask, echo};
use triton::{Endpoint, Error, SecurityOptions, Server, ServerPool};

fn start() -> triton_fake::Server {
    triton_fake::Server::start([echo("m")]).unwrap()
}

/// Connects by ServerReady, with the options and environment variables, in a pool of its own.
fn connect(url: &str, options: &SecurityOptions, variables: &[(&str, &str)]) -> Result<Arc<Server>, Error> {
    let none = Path::new("");
    let look_up = |name: &str| {
        let variable = variables.iter().find(|(key, _)| *key == name);
        variable.map(|(_, value)| value.into())
    };
    let endpoint = Endpoint::with_security(url, none, none, options, look_up)?;
    let server = ServerPool::default().open(&endpoint)?;
    server.ready()?;
    Ok(server)
}

fn headers_file(path: &Path) -> SecurityOptions {
    SecurityOptions {
        headers_file: Some(path.to_owned()),
        ..SecurityOptions::default()
    }
}

fn token_file(path: &Path) -> SecurityOptions {
    SecurityOptions {
        token_file: Some(path.to_owned()),
        ..SecurityOptions::default()
    }
}

#[test]
fn headers_and_tokens_are_sent_with_every_call() {
    let files = Files::default();
    let fake = start();
    let none = SecurityOptions::default();
    let text = "# for the gateway\n\nX-Tenant:  kitchen \nx-api-key: a:b=c d\nx-tenant: hall\r\n";
    let headers = [("x-tenant", "kitchen, hall"), ("x-api-key", "a:b=c d")];
    let token = [("authorization", "Bearer abc.def-123")];
    let headers_path = files.write("headers", text);
    let token_path = files.write("token", "abc.def-123\n");
    let both = SecurityOptions {
        token_file: Some(token_path.clone()),
        ..headers_file(&headers_path)
    };
    let variables = [("SHOPFLOOR_HEADERS", text)];
    let token_variable = [("SHOPFLOOR_TOKEN", "abc.def-123")];
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&SecurityOptions, Pairs, Pairs); 5] = [
        (&headers_file(&headers_path), &[], &headers),
        (&token_file(&token_path), &[], &token),
        (&none, &variables, &headers),
        (&none, &token_variable, &token),
        (&both, &[], &[headers[0], headers[1], token[0]]),
    ];
    for (options, variables, expected) in cases {
        let check = |call: &str| {
            let last = fake.last_headers();
            for (name, value) in expected {
                assert_eq!(last.get(*name).map(String::as_str), Some(*value), "{call}");
            }
        };
        let server = connect(&fake.url(), options, variables).unwrap();
        check("ServerReady");
        let model = server.model("m", None).unwrap();
        check("ModelConfig");
        ask(&model, b"hello").unwrap();
        check("ModelInfer");
        server.statistics("m").unwrap();
        check("ModelStatistics");
        server.shared_memory_regions().unwrap();
        check("SystemSharedMemoryStatus");
    }
}

/// Asks until a response arrives; the calls make the client read its files again.
fn ask_until_accepted(model: &triton::Model, mut refused: impl FnMut(&Error)) {
    let end = Instant::now() + PATIENCE;
    while let Err(error) = ask(model, b"hello") {
        refused(&error);
        assert!(Instant::now() < end, "{error}");
    }
}

#[test]
fn a_rotated_token_is_used_without_a_new_connection() {
    let files = Files::default();
    let fake = start();
    let path = files.write("token", "first-secret");
    fake.require_header("authorization", "Bearer first-secret");
    let server = connect(&fake.url(), &token_file(&path), &[]).unwrap();
    let model = server.model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
    fake.require_header("authorization", "Bearer second-secret");
    files.write("token", "second-secret");
    ask_until_accepted(&model, |error| {
        // The endpoint counts as away, so that nothing that waits for it is given up.
        assert!(
            matches!(error, Error::Unreachable { .. }) && !error.is_fatal(),
            "{error:?}"
        );
        let text = format!("{error} {error:?}");
        assert!(text.contains("refuses access") && text.contains("token-file"), "{text}");
        assert!(!text.contains("secret"), "the server repeats the token: {text}");
    });
    assert_eq!(fake.counts().connections, 1);
}

#[test]
fn a_file_that_becomes_unreadable_keeps_its_last_values_and_is_named() {
    let files = Files::default();
    let fake = start();
    let path = files.write("token", "first-secret");
    let server = connect(&fake.url(), &token_file(&path), &[]).unwrap();
    let model = server.model("m", None).unwrap();
    files.write("token", "\n");
    ask(&model, b"hello").unwrap();
    fake.require_header("authorization", "Bearer second-secret");
    let mut reported = false;
    let end = Instant::now() + PATIENCE;
    while !reported && Instant::now() < end {
        let text = ask(&model, b"hello").unwrap_err().to_string();
        reported = text.contains("cannot be read again") && text.contains(path.to_str().unwrap());
    }
    assert!(reported);
    assert_eq!(fake.last_headers()["authorization"], "Bearer first-secret");
    files.write("token", "second-secret");
    ask_until_accepted(&model, |_| {});
}

#[test]
fn a_refused_token_is_reported_with_the_option_and_without_its_value() {
    let fake = start();
    fake.require_header("authorization", "Bearer right-secret");
    let none = SecurityOptions::default();
    for (variables, option) in [
        (&[][..], "set token-file"),
        (&[("SHOPFLOOR_TOKEN", "wrong-secret")], "correct token-file"),
        (
            &[("SHOPFLOOR_HEADERS", "authorization: Bearer wrong-secret")],
            "correct headers-file",
        ),
    ] {
        let error = connect(&fake.url(), &none, variables).unwrap_err();
        assert!(
            matches!(error, Error::Untrusted { .. }) && error.is_fatal(),
            "{error:?}"
        );
        let text = format!("{error} {error:?}");
        assert!(text.contains(option) && text.contains("Unauthenticated"), "{text}");
        assert!(text.contains(fake.url().trim_start_matches("grpc://")), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn malformed_headers_and_tokens_are_reported_without_their_values() {
    let files = Files::default();
    let fake = start();
    let check = |options: &SecurityOptions, variables: &[(&str, &str)], facts: &[&str]| {
        let error = connect(&fake.url(), options, variables).unwrap_err();
        assert!(error.is_fatal(), "{error:?}");
        let text = format!("{error} {error:?}");
        for fact in facts {
            assert!(text.contains(fact), "{text}\nlacks {fact}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    };
    let none = SecurityOptions::default();
    for (text, facts) in [
        ("x-a: b\nhunter2", &["line 2", "`NAME: VALUE`"][..]),
        ("Bearer hunter2: x", &["line 1", "name of a header"]),
        ("x-data-bin: hunter2", &["line 1", "`x-data-bin`", "binary"]),
        ("grpc-timeout: hunter2", &["`grpc-timeout`", "leave it out"]),
        ("Content-Type: hunter2", &["`content-type`", "leave it out"]),
        ("x-key: hunter2\u{e4}", &["`x-key`", "printable ASCII"]),
        ("x-key: hunter2\tx", &["`x-key`", "printable ASCII"]),
        (": hunter2", &["line 1", "name of a header"]),
    ] {
        let path = files.write("headers", text);
        let file: Vec<&str> = [facts, &["headers-file", path.to_str().unwrap()]].concat();
        check(&headers_file(&path), &[], &file);
        let variable: Vec<&str> = [facts, &["SHOPFLOOR_HEADERS"]].concat();
        check(&none, &[("SHOPFLOOR_HEADERS", text)], &variable);
    }
    for (text, fact) in [
        (" \n", "no token"),
        ("Bearer hunter2", "white space"),
        ("hunter2\nhunter2", "white space"),
        ("hunter2\u{e4}", "printable ASCII"),
    ] {
        let path = files.write("token", text);
        check(&token_file(&path), &[], &[fact, "token-file", path.to_str().unwrap()]);
        check(&none, &[("SHOPFLOOR_TOKEN", text)], &[fact, "SHOPFLOOR_TOKEN"]);
    }
    let twice = [
        ("SHOPFLOOR_HEADERS", "Authorization: hunter2"),
        ("SHOPFLOOR_TOKEN", "hunter2"),
    ];
    check(&none, &twice, &["SHOPFLOOR_TOKEN", "an authorization, too"]);
    check(
        &headers_file(&files.path("missing")),
        &[],
        &["headers-file", "No such file"],
    );
    check(&token_file(files.folder()), &[], &["token-file", "not a regular file"]);
    assert_eq!(fake.counts().connections, 0);
}
