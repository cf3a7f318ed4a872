//! What users feel over the wire, what operators cost in process.

fn main() {}
