//! The server as its users meet it: started in this process, spoken to over real TLS.

mod access;
mod alerts;
mod audit;
mod check_in;
mod console;
mod console_alerts;
mod console_backup;
mod console_fleet;
mod console_german;
mod console_people;
mod console_policies;
mod console_settings;
mod devices;
mod first_start;
mod graph;
mod groups;
mod indicators;
mod machines;
mod oauth;
mod odata;
mod reports;
mod smtp;
mod world;
