//! SPDX licence expressions, as far as Cargo packages use them: `OR`, `AND`, `WITH`, brackets, and the old `MIT/Apache-2.0`.

/// Licences under which libraries may come in. MPL-2.0 asks for the library's own files only.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Licences for one library only: lists of certificate authorities are data under CDLA.
const FOR_ONE: &[(&str, &str)] = &[
    ("webpki-roots", "CDLA-Permissive-2.0"),
    ("webpki-root-certs", "CDLA-Permissive-2.0"),
];

/// Whether the library may be used under its licence; an error tells what of the expression cannot be read.
pub fn allows(library: &str, expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { library, words: &words };
    let allowed = reader.any()?;
    match reader.words.first() {
        None => Ok(allowed),
        Some(word) => Err(format!("{word:?} is left over in {expression:?}")),
    }
}

struct Reader<'a> {
    library: &'a str,
    words: &'a [&'a str],
}

impl Reader<'_> {
    fn any(&mut self) -> Result<bool, String> {
        let mut allowed = self.every()?;
        while self.take("OR") {
            allowed |= self.every()?;
        }
        Ok(allowed)
    }

    fn every(&mut self) -> Result<bool, String> {
        let mut allowed = self.one()?;
        while self.take("AND") {
            allowed &= self.one()?;
        }
        Ok(allowed)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let allowed = self.any()?;
            return if self.take(")") {
                Ok(allowed)
            } else {
                Err("a bracket stays open".into())
            };
        }
        let mut licence = self.word()?.to_string();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.word()?);
        }
        Ok(ALLOWED.contains(&licence.as_str()) || FOR_ONE.contains(&(self.library, &licence)))
    }

    fn word(&mut self) -> Result<&str, String> {
        let (word, rest) = self.words.split_first().ok_or("a licence is missing")?;
        if ["OR", "AND", "WITH", ")"].contains(word) {
            return Err(format!("{word} stands where a licence should"));
        }
        self.words = rest;
        Ok(word)
    }

    fn take(&mut self, expected: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if *word == expected => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[test]
fn expressions_are_read_as_spdx_says() {
    for (expression, allowed) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("GPL-2.0-only OR MIT AND AGPL-3.0-only", false),
        ("(GPL-2.0-only OR MIT) AND ISC", true),
        ("Apache-2.0 / MIT", true),
        ("Unlicense/MIT", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-3.0-only WITH GCC-exception-3.1", false),
        ("CDLA-Permissive-2.0", false),
    ] {
        assert_eq!(allows("some", expression), Ok(allowed), "{expression}");
    }
    assert_eq!(allows("webpki-roots", "CDLA-Permissive-2.0"), Ok(true));
    for broken in ["", "MIT OR", "(MIT", "MIT MIT", "AND MIT", "MIT)"] {
        assert!(allows("some", broken).is_err(), "{broken}");
    }
}
