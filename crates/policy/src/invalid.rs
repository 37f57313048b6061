use crate::Sentence;

/// A property that breaks a rule: refused before anything is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct InvalidField {
    /// As Graph spells it, with the place in a list: `restrictedApps[3].appId`.
    pub field: String,
    /// A sentence that says what is allowed.
    pub rule: Sentence,
}

impl InvalidField {
    #[must_use]
    pub fn new(field: impl Into<String>, rule: impl Into<Sentence>) -> Self {
        Self {
            field: field.into(),
            rule: rule.into(),
        }
    }
}
