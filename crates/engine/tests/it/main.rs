//! The engine against small peers: what goes in, what comes out.

mod budget;
mod datagrams;
mod lossy;
mod streams;
mod world;
