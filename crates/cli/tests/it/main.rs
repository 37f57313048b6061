//! The `moat` binary as its users meet it: real processes, real TLS.

mod app;
mod client;
mod command_line;
mod console;
mod full_disk;
mod kill;
mod server;
