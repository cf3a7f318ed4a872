//! SQL scripts over the wire, with the standing oracle.

fn main() {}
