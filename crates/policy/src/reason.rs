//! Why a decision fell as it did: a chain from the decision down to the evidence, for people.

use serde::{Deserialize, Serialize};

use crate::sentence::{English, Sentence, Speak};

/// One link of the chain. What stands under `because` made it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What is so.
    text: Sentence,
    /// What is to be said of it besides.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    also: Vec<Sentence>,
    /// What would change it; none where only a cause below can be changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    remedy: Option<Sentence>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub because: Vec<Reason>,
}

/// A reason in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Told>,
}

impl Reason {
    #[must_use]
    pub fn new(text: impl Into<Sentence>) -> Self {
        Self {
            text: text.into(),
            also: Vec::new(),
            remedy: None,
            because: Vec::new(),
        }
    }

    /// Something that another program said.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(Sentence::Plain(text.into()))
    }

    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Sentence>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    #[must_use]
    pub fn because(mut self, causes: impl IntoIterator<Item = Reason>) -> Self {
        self.because.extend(causes);
        self
    }

    #[must_use]
    pub fn also(mut self, sentence: impl Into<Sentence>) -> Self {
        self.also.push(sentence.into());
        self
    }

    /// Whether the chain says what would change it.
    #[must_use]
    pub fn has_remedy(&self) -> bool {
        self.remedy.is_some() || self.because.iter().any(Self::has_remedy)
    }

    #[must_use]
    pub fn told(&self, speaker: &dyn Speak) -> Told {
        let sentences = std::iter::once(&self.text).chain(&self.also);
        let sentences: Vec<String> = sentences.map(|sentence| sentence.in_language(speaker)).collect();
        Told {
            text: sentences.join(" "),
            remedy: self.remedy.as_ref().map(|remedy| remedy.in_language(speaker)),
            because: self.because.iter().map(|cause| cause.told(speaker)).collect(),
        }
    }

    #[must_use]
    pub fn english(&self) -> Told {
        self.told(&English)
    }
}

impl Told {
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
        let plain = |text: &str| Sentence::Plain(text.into());
        let alert =
            || Reason::plain("The alert \"Device is jailbroken\" is open.").remedy(plain("Restore the system."));
        let reason = Reason::plain("Access is closed.")
            .remedy(plain("Ask for an exception."))
            .because([Reason::plain("Not compliant.").because([alert(), alert()])]);
        let told = reason.english();
        assert_eq!(told.remedies(), ["Restore the system.", "Ask for an exception."]);
        assert_eq!(
            told.story(),
            "Access is closed. Not compliant. The alert \"Device is jailbroken\" is open."
        );
    }

    #[test]
    fn what_was_stored_before_there_were_messages_is_read() {
        let stored = r#"{"text":"Not compliant.","remedy":"Set a passcode.","because":[{"text":"No passcode."}]}"#;
        let reason: Reason = serde_json::from_str(stored).unwrap();
        assert_eq!(reason.english().story(), "Not compliant. No passcode.");
        assert_eq!(reason.english().remedies(), ["Set a passcode."]);
    }
}
