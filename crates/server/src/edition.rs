//! Editions: which state of a thing somebody means, so that two who change it at once notice.
//!
//! The edition of a row is the time of its last change, which grows with every change. It is compared inside the
//! transaction that changes the row. Faces write it as an ETag.

use crate::{
    app::now,
    error::{Error, Result},
};

/// What whoever changes a thing expects it to be still.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    #[default]
    Any,
    /// One of these editions.
    OneOf(Vec<i64>),
}

impl Expected {
    pub fn includes(&self, edition: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(editions) => editions.contains(&edition),
        }
    }

    /// Fails when the stored edition is another one.
    pub fn check(&self, stored: i64) -> Result<()> {
        match self.includes(stored) {
            true => Ok(()),
            false => Err(Error::Changed),
        }
    }
}

/// The edition after this one: now, and later than before even when the clock was set back.
pub fn next(before: i64) -> i64 {
    now().as_micros().max(before + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_never_used_twice() {
        let future = i64::MAX / 2;
        assert_eq!(next(future), future + 1);
        assert!(next(0) > 1);
    }

    #[test]
    fn only_what_was_expected_passes() {
        assert!(Expected::Any.check(7).is_ok());
        assert!(Expected::OneOf(vec![6, 7]).check(7).is_ok());
        assert!(matches!(Expected::OneOf(vec![6]).check(7), Err(Error::Changed)));
        assert!(Expected::OneOf(Vec::new()).check(7).is_err());
    }
}
