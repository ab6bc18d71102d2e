//! Programs that tests need beside them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A program that ends with the test.
pub struct Program(pub Child);

impl Drop for Program {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// Starts it and waits for its first line on standard output, by which it says where it is to be found.
    pub fn announced(command: &mut Command) -> (Self, String) {
        let mut program = Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(program.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(!line.is_empty(), "{command:?} ended without a word");
        (program, line.trim().to_owned())
    }
}
