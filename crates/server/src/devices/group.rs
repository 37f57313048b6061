//! Names of device groups: one rule for where a device joins one and for where something is meant for one.

use std::fmt;

/// Longest name, in characters.
const MAX: usize = 100;

/// A name that no device group can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidGroup;

impl fmt::Display for InvalidGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the name of a device group has at most {MAX} characters, and no control characters, quotes, backslashes or brackets"
        )
    }
}

/// A group's name without blanks around it; empty for no group. Lists of names are stored as JSON, and found in its text
/// because no name holds what separates them there.
pub fn name(text: &str) -> Result<String, InvalidGroup> {
    let name = text.trim();
    let fits = |c: char| !c.is_control() && !matches!(c, '"' | '\\' | '[' | ']');
    match name.chars().count() <= MAX && name.chars().all(fits) {
        true => Ok(name.to_string()),
        false => Err(InvalidGroup),
    }
}
