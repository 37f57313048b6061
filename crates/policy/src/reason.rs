//! Why a decision fell as it did: a chain from the decision down to the evidence, for people.

use serde::{Deserialize, Serialize};

/// One link of the chain. What stands under `because` made it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// A sentence that says what is so.
    pub text: String,
    /// A sentence that says what would change it; none where only a cause below can be changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remedy: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub because: Vec<Reason>,
}

impl Reason {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            remedy: None,
            because: Vec::new(),
        }
    }

    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    #[must_use]
    pub fn because(mut self, causes: impl IntoIterator<Item = Reason>) -> Self {
        self.because.extend(causes);
        self
    }

    /// The whole chain as one text, from the decision down to the evidence; what was said already is not said again.
    #[must_use]
    pub fn story(&self) -> String {
        let mut sentences: Vec<&str> = Vec::new();
        self.tell(&mut sentences);
        sentences.join(" ")
    }

    fn tell<'a>(&'a self, sentences: &mut Vec<&'a str>) {
        if !sentences.contains(&self.text.as_str()) {
            sentences.push(&self.text);
        }
        self.because.iter().for_each(|cause| cause.tell(sentences));
    }

    /// Everything that would change it, nearest to the evidence first, each once.
    #[must_use]
    pub fn remedies(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a str>) {
        self.because.iter().for_each(|cause| cause.collect(found));
        if let Some(remedy) = self.remedy.as_deref()
            && !found.contains(&remedy)
        {
            found.push(remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_come_from_the_evidence_up_and_once() {
        let alert = || Reason::new("The alert \"Device is jailbroken\" is open.").remedy("Restore the system.");
        let reason = Reason::new("Access is closed.")
            .remedy("Ask for an exception.")
            .because([Reason::new("Not compliant.").because([alert(), alert()])]);
        assert_eq!(reason.remedies(), ["Restore the system.", "Ask for an exception."]);
        assert_eq!(
            reason.story(),
            "Access is closed. Not compliant. The alert \"Device is jailbroken\" is open."
        );
    }
}
