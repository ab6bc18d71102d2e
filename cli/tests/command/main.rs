//! The command `shopfloor` from outside: what each subcommand prints, writes and ends with.

mod disks;
mod play;
mod report;
mod server;
mod watch;
