//! Numbers of things, as people write them.

/// A number and what it counts: `1 event`, `3 events`.
pub fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
