//! Other programs and servers that tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than a program takes to start, or a stream to show up, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A program that is killed with the test's end.
pub struct Program(pub Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// Starts it and waits for the first line on its standard output: the address that it serves.
    pub fn announced(command: &mut Command) -> (Self, String) {
        let mut program = Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let output = BufReader::new(program.0.stdout.take().unwrap());
        let (sender, first_line) = mpsc::channel();
        // Reads on until the program exits: a closed pipe would end it early.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let line = first_line.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("{command:?} printed no line within {PATIENCE:?}: {error}"));
        (program, line.trim().to_owned())
    }

    /// Waits for the program's exit.
    pub fn exit(&mut self) -> ExitStatus {
        wait_until("the program has exited", || self.0.try_wait().unwrap())
    }
}

/// Asks until there is a value, for as long as `PATIENCE`; `what` completes "waited for: ".
pub fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} for: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A server that is not a Triton: it responds to each connection in HTTP and closes it.
pub struct HttpServer {
    pub address: String,
}

impl HttpServer {
    /// Serves until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut greeting = [0; 24];
                let _ = (&stream).read(&mut greeting);
                let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        });
        Self { address }
    }
}
