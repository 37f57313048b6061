//! The server as its users meet it: started in this process, spoken to over real TLS.

mod alerts;
mod indicators;
mod machines;
mod oauth;
mod odata;
mod world;
