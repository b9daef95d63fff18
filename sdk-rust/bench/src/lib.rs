//! Nothing but a place for `benches/`, so that nobody who builds the client builds what it is compared with.
