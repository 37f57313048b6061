//! The server and console of Moat, as a library.
