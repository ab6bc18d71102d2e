//! How tensors get to a server and back: what is asked for, and what is used.

use std::fmt;

/// How tensors are passed to remote servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// In shared memory if the server is on this host and accepts it, otherwise in messages.
    #[default]
    Auto,
    /// In messages over the network.
    Wire,
    /// In shared memory; a server that does not accept it is an error.
    SharedMemory,
}

/// How the tensors of a server's requests are passed at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiveTransport {
    /// The server is in this process and reads the tensors in place.
    InProcess,
    /// In gRPC messages.
    Wire,
    /// In shared memory.
    SharedMemory,
}

impl fmt::Display for LiveTransport {
    /// The nick of the value in the property `transport`; `inprocess` for a server in this process.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InProcess => "inprocess",
            Self::Wire => "wire",
            Self::SharedMemory => "shared-memory",
        })
    }
}
