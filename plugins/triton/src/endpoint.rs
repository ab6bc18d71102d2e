//! Where a Triton is: the `server` property of the elements, parsed.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Error;

/// A Triton to talk to. Equal endpoints share one [`crate::Server`] in a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The server library, loaded into this process.
    InProcess(InProcess),
}

/// A Triton inside this process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InProcess {
    /// The model repository: a directory with one directory a model.
    pub repository: PathBuf,
    /// Triton's home: `lib/libtritonserver.so`, `backends/NAME/libtriton_NAME.so` and, for the
    /// onnxruntime backend of this project, `lib/libonnxruntime.so`.
    pub home: PathBuf,
}

impl Endpoint {
    /// Understands `inprocess:`, served from `repository` by the Triton at `home`.
    ///
    /// Nothing is opened or looked for yet: [`crate::Server::open`] does that.
    pub fn parse(server: &str, repository: &Path, home: &Path) -> Result<Self, Error> {
        match server {
            "inprocess:" => Ok(Self::InProcess(InProcess {
                repository: repository.into(),
                home: home.into(),
            })),
            _ => Err(Error::UnsupportedEndpoint { server: server.into() }),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProcess(InProcess { repository, home }) => {
                write!(
                    f,
                    "inprocess: (models in {}, Triton in {})",
                    repository.display(),
                    home.display()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inprocess_is_spoken() {
        let parse = |server| Endpoint::parse(server, Path::new("models"), Path::new("home"));
        let endpoint = parse("inprocess:").unwrap();
        assert_eq!(
            endpoint,
            Endpoint::InProcess(InProcess {
                repository: "models".into(),
                home: "home".into()
            })
        );
        assert_eq!(endpoint.to_string(), "inprocess: (models in models, Triton in home)");
        for server in ["grpc://localhost:8001", "grpcs://a", "inprocess", "", "http://a:8000"] {
            let error = parse(server).unwrap_err();
            assert_eq!(error, Error::UnsupportedEndpoint { server: server.into() });
            assert!(error.is_fatal());
            assert!(error.to_string().contains("only speaks `inprocess:`"), "{error}");
        }
    }
}
