//! The `moat` binary as its users meet it: real processes, real TLS.

mod app;
mod backup;
mod browser;
mod client;
mod command_line;
mod connections;
mod console;
mod console_live;
mod full_disk;
mod gateway;
mod kill;
mod mail;
mod my_device;
mod orders;
mod phone;
mod server;
#[path = "../../../server/tests/it/smtp.rs"]
mod smtp;
