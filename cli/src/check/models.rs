//! Servers and models: whether each server responds, and what each model's contract is, as `tritoninfer` reads them. All are asked at
//! once, each server on a thread.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use inference::{Contract, Error, Session, Task};
use people::VestName;
use triton::{Endpoint, FailureKind, ServerPool};

use super::finding::Finding;
use super::needs::Model;

/// How much longer a server in this process has to load its models.
const TO_LOAD: u32 = 5;

/// A model's name and version.
type Key = (String, Option<u64>);

/// What all servers have said.
pub struct Models {
    servers: Vec<Server>,
}

/// A server and what it has said so far.
#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    limit: Duration,
    /// Its name and version, or why it is not ready; none if it said nothing in time.
    ready: Option<Result<String, triton::Error>>,
    models: HashMap<Key, Result<Contract, String>>,
}

/// What a server's thread sends.
enum News {
    Ready(Result<String, triton::Error>),
    Model(Key, Result<Contract, String>),
}

impl Models {
    /// Asks all servers about these models and waits for their responses, for as long as `limit` says.
    pub fn ask<'a>(models: impl Iterator<Item = &'a Model>, limit: Duration) -> Self {
        let mut wanted: Vec<(Endpoint, HashSet<Key>)> = Vec::new();
        for model in models {
            let Ok(endpoint) = &model.endpoint else { continue };
            let key = (model.name.clone(), model.version);
            match wanted.iter_mut().find(|(known, _)| known == endpoint) {
                Some((_, keys)) => drop(keys.insert(key)),
                None => wanted.push((endpoint.clone(), HashSet::from([key]))),
            }
        }
        let started = Instant::now();
        let asked: Vec<_> = wanted
            .into_iter()
            .map(|(endpoint, keys)| (start(&endpoint, keys), endpoint))
            .collect();
        let servers = asked.into_iter().map(|(news, endpoint)| {
            let limit = if matches!(endpoint, Endpoint::InProcess(_)) {
                limit * TO_LOAD
            } else {
                limit
            };
            let mut server = Server {
                endpoint,
                limit,
                ready: None,
                models: HashMap::new(),
            };
            server.collect(&news, started + limit);
            server
        });
        Self {
            servers: servers.collect(),
        }
    }

    /// About the servers themselves.
    pub fn findings(&self) -> Vec<Finding> {
        self.servers.iter().map(Server::finding).collect()
    }

    /// About a tenant's models. What a server that does not respond could not say is not repeated.
    pub fn of_tenant(&self, tenant: &str, models: &[Model]) -> Vec<Finding> {
        models.iter().filter_map(|model| self.of_model(tenant, model)).collect()
    }

    fn of_model(&self, tenant: &str, model: &Model) -> Option<Finding> {
        let endpoint = match &model.endpoint {
            Ok(endpoint) => endpoint,
            Err(error) => {
                let text = format!("{}: {error}", model.element);
                return Some(Finding::error(
                    tenant,
                    &text,
                    "correct the properties of tritoninfer or the environment",
                ));
            }
        };
        let server = self.servers.iter().find(|server| server.endpoint == *endpoint)?;
        let text = |text: &str| format!("{}: {text}", model.element);
        Some(match server.models.get(&(model.name.clone(), model.version)) {
            Some(Ok(contract)) if is_of_one_person(contract) && !model.on_regions => {
                let error = Error::NeedsPeople {
                    model: contract.model.clone(),
                };
                let (what, remedy) = split(&error.to_string(), ": ");
                Finding::failed(tenant, text(&what), remedy)
            }
            Some(Ok(contract)) => Finding::ok(tenant, text(&format!("model {}: {contract}", model.name))),
            Some(Err(error)) => Finding::error(tenant, &text(error), "correct the model's config.pbtxt"),
            // The server's own line has the reason.
            None if !matches!(server.ready, Some(Ok(_))) => return None,
            None => {
                let seconds = server.limit.as_secs();
                let what = format!(
                    "model {}: the server does not describe it within {seconds} s",
                    model.name
                );
                Finding::failed(
                    tenant,
                    text(&what),
                    "look at the server's log, or give it more time with --timeout",
                )
            }
        })
    }

    /// The labels of vests that the models of one tenant have; `None` if one of them is not known.
    pub fn labels(&self, models: &[Model]) -> Option<Vec<VestName>> {
        let contract = |model: &Model| {
            let endpoint = model.endpoint.as_ref().ok()?;
            let server = self.servers.iter().find(|server| server.endpoint == *endpoint)?;
            server.models.get(&(model.name.clone(), model.version))?.as_ref().ok()
        };
        let labels = models.iter().map(|model| match &contract(model)?.task {
            Task::Vest { labels, .. } | Task::People { labels } => Some(labels.to_vec()),
            _ => Some(Vec::new()),
        });
        labels.collect::<Option<Vec<_>>>().map(|labels| labels.concat())
    }
}

impl Server {
    /// Takes what the server's thread sends, until it ends or the time is over.
    fn collect(&mut self, news: &Receiver<News>, deadline: Instant) {
        while let Ok(news) = news.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            match news {
                News::Ready(ready) => self.ready = Some(ready),
                News::Model(key, contract) => drop(self.models.insert(key, contract)),
            }
        }
    }

    fn finding(&self) -> Finding {
        let subject = match &self.endpoint {
            Endpoint::InProcess(_) => "the server in this process".to_owned(),
            endpoint => endpoint.to_string(),
        };
        match &self.ready {
            Some(Ok(version)) => Finding::ok(subject, format!("{version} is ready")),
            Some(Err(error)) if self.models.values().any(Result::is_ok) => Finding::warning(
                subject,
                format!("the server is not ready as a whole: {error}"),
                "look at its log: other models of it may not load",
            ),
            Some(Err(error)) => Finding::error(subject, error, "start the server, or correct server="),
            None => Finding::failed(
                subject,
                format!("the server does not respond within {} s", self.limit.as_secs()),
                "restart it if it hangs, or give it more time with --timeout",
            ),
        }
    }
}

/// Starts the thread that asks a server.
fn start(endpoint: &Endpoint, models: HashSet<Key>) -> Receiver<News> {
    let (sender, news) = channel();
    let endpoint = endpoint.clone();
    // Without a thread nothing is said.
    let _ = thread::Builder::new()
        .name("check".into())
        .spawn(move || ask(&endpoint, models, &sender));
    news
}

/// Asks a server whether it is ready, then about each model. Nobody may be listening any more.
fn ask(endpoint: &Endpoint, models: HashSet<Key>, news: &Sender<News>) {
    let server = match ServerPool::process().open(endpoint) {
        Ok(server) => server,
        Err(error) => return drop(news.send(News::Ready(Err(error)))),
    };
    // A server that does not know its own version is no worse.
    let version = || {
        server
            .metadata()
            .map_or_else(|_| "the server".to_owned(), |server| server.to_string())
    };
    let ready = server.ready().map(|()| version());
    let is_away = ready.is_err();
    let _ = news.send(News::Ready(ready));
    for (name, version) in models {
        let session = server.model(&name, version).map_err(Error::from).and_then(Session::new);
        let contract = session.and_then(|session| {
            session.sampler()?;
            Ok(session.contract().clone())
        });
        if let Err(error) = &contract
            && is_away
            && error.failure_kind() == FailureKind::ServerAway
        {
            continue; // the server's own line has the reason
        }
        let contract = contract.map_err(|error| with_remedy(&error));
        let _ = news.send(News::Model((name, version), contract));
    }
}

/// An error's text, with a remedy at its end.
fn with_remedy(error: &Error) -> String {
    match error {
        Error::Triton(error @ (triton::Error::ModelNotFound { .. } | triton::Error::VersionNotFound { .. })) => {
            let text = error.to_string().replacen("; ", ", ", 1);
            format!("{text}; load it there, or correct model= and model-version=")
        }
        error => error.to_string(),
    }
}

/// Whether a model is to be used with `inference-region=people`.
fn is_of_one_person(contract: &Contract) -> bool {
    matches!(contract.task, Task::Vest { .. } | Task::Keypoints { .. })
}

fn split(text: &str, by: &str) -> (String, String) {
    let (what, remedy) = text.split_once(by).unwrap_or((text, "correct the launch file"));
    (what.to_owned(), remedy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use std::path::Path;

    fn endpoint(server: &str) -> Result<Endpoint, triton::Error> {
        Endpoint::parse(server, Path::new("models"), Path::new("triton"))
    }

    fn model(server: &str, name: &str) -> Model {
        Model {
            element: "infer".to_owned(),
            endpoint: endpoint(server),
            name: name.to_owned(),
            version: None,
            on_regions: false,
        }
    }

    fn server(ready: Option<Result<String, triton::Error>>, models: &[(&str, Result<Contract, String>)]) -> Models {
        let models = models
            .iter()
            .map(|(name, contract)| (((*name).to_owned(), None), contract.clone()));
        let server = Server {
            endpoint: endpoint("grpc://a:1").unwrap(),
            limit: Duration::from_secs(5),
            ready,
            models: models.collect(),
        };
        Models { servers: vec![server] }
    }

    fn contract(labels: &[&str]) -> Contract {
        let parameters = [("shopfloor.task", "vest"), ("shopfloor.labels", &labels.join(","))];
        let tensor = |name: &str, shape: &[i64]| triton::TensorSpec {
            name: name.into(),
            datatype: triton::DataType::Fp32,
            shape: shape.to_vec(),
            format: triton::TensorFormat::None,
        };
        let description = triton::ModelDescription {
            model: "vest".into(),
            versions: vec!["1".into()],
            max_batch_size: 8,
            inputs: vec![tensor("image", &[-1, 3, 224, 224])],
            outputs: vec![tensor("logits", &[-1, labels.len() as i64])],
            parameters: parameters.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ..Default::default()
        };
        Contract::read(&description).unwrap()
    }

    fn lines(models: &Models, needed: &[Model]) -> String {
        let findings = models.findings().into_iter().chain(models.of_tenant("hall", needed));
        findings.map(|finding| format!("{finding}\n")).collect()
    }

    #[test]
    fn what_a_server_says_is_judged_with_a_remedy() {
        let unreachable = || triton::Error::Unreachable {
            endpoint: "grpc://a:1".to_owned(),
            reason: "connection refused".to_owned(),
        };
        let triton = || Some(Ok("triton 2.51.0".to_owned()));
        let vest = Ok(contract(&["none", "red"]));
        let on_regions = Model {
            on_regions: true,
            ..model("grpc://a:1", "vest")
        };
        let needed = [on_regions];
        let no_model = Error::Triton(triton::Error::ModelNotFound {
            model: "vest".to_owned(),
            available: vec!["a".to_owned(), "b".to_owned()],
        });
        let cases = [
            ("well", triton(), vec![("vest", vest.clone())], needed.clone()),
            (
                "a wrong region",
                triton(),
                vec![("vest", vest.clone())],
                [model("grpc://a:1", "vest")],
            ),
            ("away", Some(Err(unreachable())), vec![], needed.clone()),
            (
                "another model is not ready",
                Some(Err(unreachable())),
                vec![("vest", vest.clone())],
                needed.clone(),
            ),
            ("hung", None, vec![], needed.clone()),
            ("hung later", triton(), vec![], needed.clone()),
            (
                "no such model",
                triton(),
                vec![("vest", Err(with_remedy(&no_model)))],
                needed,
            ),
            ("no address", triton(), vec![], [model("http://a", "vest")]),
        ];
        let found = cases
            .map(|(what, ready, answers, needed)| format!("{what}:\n{}", lines(&server(ready, &answers), &needed)));
        judged().assert_eq(&found.concat());
    }

    fn judged() -> Expect {
        expect![[r#"
            well:
            ✓ grpc://a:1: triton 2.51.0 is ready
            ✓ hall: infer: model vest: vest, input image FP32 [1, 3, 224, 224]
            a wrong region:
            ✓ grpc://a:1: triton 2.51.0 is ready
            ✗ hall: infer: model 'vest' sees one person at a time
              → set inference-region=people, after elements that find people (tritoninfer model=person_pose ! poseparse)
            away:
            ✗ grpc://a:1: no Triton server responds at grpc://a:1: connection refused
              → start it, or correct the address (its gRPC port is usually 8001)
            another model is not ready:
            ! grpc://a:1: the server is not ready as a whole: no Triton server responds at grpc://a:1: connection refused; start it, or correct the address (its gRPC port is usually 8001)
              → look at its log: other models of it may not load
            ✓ hall: infer: model vest: vest, input image FP32 [1, 3, 224, 224]
            hung:
            ✗ grpc://a:1: the server does not respond within 5 s
              → restart it if it hangs, or give it more time with --timeout
            hung later:
            ✓ grpc://a:1: triton 2.51.0 is ready
            ✗ hall: infer: model vest: the server does not describe it within 5 s
              → look at the server's log, or give it more time with --timeout
            no such model:
            ✓ grpc://a:1: triton 2.51.0 is ready
            ✗ hall: infer: no model 'vest', the server has a, b
              → load it there, or correct model= and model-version=
            no address:
            ✓ grpc://a:1: triton 2.51.0 is ready
            ✗ hall: infer: server 'http://a': expected `inprocess:`, `grpc://HOST:PORT` or, with TLS, `grpcs://HOST:PORT` (several with commas between)
              → correct the properties of tritoninfer or the environment
        "#]]
    }

    #[test]
    fn labels_are_known_when_all_models_are() {
        let needed = [model("grpc://a:1", "vest")];
        let labels = |answers: &[_]| server(None, answers).labels(&needed);
        assert_eq!(labels(&[]), None);
        assert_eq!(labels(&[("vest", Err("x".to_owned()))]), None);
        let known = labels(&[("vest", Ok(contract(&["none", "red"])))]);
        assert_eq!(known, Some(vec!["none".into(), "red".into()]));
        assert_eq!(server(None, &[]).labels(&[]), Some(Vec::new()), "no tritoninfer");
    }
}
