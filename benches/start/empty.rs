//! A static program that does nothing, in Rust: what the standard library's start and end cost.

fn main() {}
