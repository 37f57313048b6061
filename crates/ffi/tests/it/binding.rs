use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use uniffi::{GenerateOptions, TargetLanguage, generate};

use crate::{bundles, replies};

#[test]
fn python_drives_a_session() {
    run("session_test.py");
}

#[test]
fn python_is_an_app_with_work_data() {
    run("app_protection_test.py");
}

fn run(script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let library = library();
    bind(&library, folder.path(), TargetLanguage::Python);
    fs::copy(&library, folder.path().join(library.file_name().unwrap())).unwrap();
    let key = bundles::write(folder.path());
    replies::write(folder.path());

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let output = Command::new("python3")
        .arg("-B")
        .arg(&script)
        .env("PYTHONPATH", folder.path())
        .env("MOAT_SIGNED", folder.path())
        .env("MOAT_BUNDLE_KEY", key)
        .output()
        .expect("this test needs python3");
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success() && said.contains("\nOK"), "see above");
}

/// The app is Swift: what it imports must be there, with the names that `apple/` uses.
#[test]
fn the_swift_binding_has_what_apps_import() {
    let folder = tempfile::tempdir().unwrap();
    bind(&library(), folder.path(), TargetLanguage::Swift);
    let swift = fs::read_to_string(folder.path().join("moat.swift")).unwrap();
    for text in [
        "open class Session",
        "public protocol Probe",
        "func evaluateHost(host: String, seenIn: SeenIn, now: Date) -> Verdict",
        "func evaluatePosture(probe: Probe) throws  -> Posture",
        "open class AppProtection",
        "func evaluate(now: Date, local: LocalState) -> LaunchState",
        "func accessHeader(now: Date) -> AccessHeader?",
        "func unseal(sealed: Data) throws  -> Data",
    ] {
        assert!(swift.contains(text), "{text}");
    }
    assert!(folder.path().join("moatFFI.h").exists());
}

fn bind(library: &Path, folder: &Path, language: TargetLanguage) {
    let options = GenerateOptions {
        languages: vec![language],
        source: library.to_str().unwrap().into(),
        out_dir: folder.to_str().unwrap().into(),
        metadata_no_deps: true,
        ..GenerateOptions::default()
    };
    generate(options).unwrap();
}

/// Cargo builds the shared library next to this test's own program.
fn library() -> PathBuf {
    let deps = env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let name = format!("{}moat_ffi{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let library = deps.join(name);
    assert!(library.exists(), "{} was not built", library.display());
    library
}
