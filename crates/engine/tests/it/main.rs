//! The engine against small peers: what goes in, what comes out.

mod datagrams;
mod streams;
mod world;
