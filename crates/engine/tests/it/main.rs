//! The engine against small peers: what goes in, what comes out.

mod budget;
mod datagrams;
mod inspection;
mod lossy;
mod names;
mod streams;
mod world;
