use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn built_in() -> Languages {
    Languages::open(Path::new("/nowhere")).unwrap()
}

/// Messages of a file with the variables of each.
fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines() {
        if let Some((name, _)) = line
            .split_once(" =")
            .filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            assert!(
                found.insert(name.to_string(), BTreeSet::new()).is_none(),
                "{name} stands twice"
            );
            last = name.to_string();
        }
        let variables = line.split("{ $").skip(1).chain(line.split("{$").skip(1));
        let name = |rest: &str| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric())
                .collect::<String>()
        };
        found.entry(last.clone()).or_default().extend(variables.map(name));
    }
    found.remove("");
    found
}

/// Every file of a folder, as text.
fn texts(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.push_str(&texts(&path)),
            false => all.push_str(&fs::read_to_string(&path).unwrap_or_default()),
        }
    }
    all
}

#[test]
fn german_says_everything_that_english_says_with_the_same_variables() {
    let (english, german) = (messages(ENGLISH), messages(GERMAN));
    assert_eq!(
        english.keys().collect::<Vec<_>>(),
        german.keys().collect::<Vec<_>>(),
        "both have the same messages"
    );
    for (name, variables) in &english {
        assert_eq!(variables, &german[name], "{name} has the same variables");
    }
}

#[test]
fn every_message_is_used_and_every_message_that_is_used_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let used = texts(&root.join("templates")) + &texts(&root.join("src")) + &texts(&root.join("../policy/src"));
    let english = messages(ENGLISH);
    for call in [".t(\"", ".n(\"", "frame.with(\"", "say(\""] {
        for rest in used.split(call).skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            assert!(english.contains_key(name), "no message {name}");
        }
    }
    for name in english.keys() {
        assert!(used.contains(&format!("\"{name}\"")), "nobody says {name}");
    }
}

#[test]
fn browsers_get_the_language_they_like_best() {
    let languages = built_in();
    for (header, tag) in [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "en"),
        ("en;q=0.1,de;q=0.2", "de"),
        ("de;q=0", "en"),
        (";;;,=,\u{e4}", "en"),
    ] {
        let mut headers = HeaderMap::new();
        if let Ok(value) = header.parse() {
            headers.insert(ACCEPT_LANGUAGE, value);
        }
        assert_eq!(languages.choose(&headers).tag, tag, "{header}");
    }
}

#[test]
fn a_file_adds_a_language_and_english_fills_its_gaps() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fr.ftl"), "sign-out = Quitter\n").unwrap();
    let languages = Languages::open(folder.path()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_LANGUAGE, "fr".parse().unwrap());
    let french = languages.choose(&headers);
    assert_eq!(french.t("sign-out"), "Quitter");
    assert_eq!(french.t("skip-to-content"), "Skip to content");
    fs::write(folder.path().join("xx-.ftl"), "a = b").unwrap();
    assert!(Languages::open(folder.path()).is_err());
}

#[test]
fn numbers_choose_their_plural() {
    let languages = built_in();
    let texts = |language: &Language| [1, 2].map(|count| language.n("times", i64::from(count)));
    assert_eq!(texts(&languages.0[0]), ["1 time", "2 times"]);
    assert_eq!(texts(&languages.0[1]), ["1-mal", "2-mal"]);
}
