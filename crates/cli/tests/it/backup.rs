//! A server as one file, and back: over the real program, with kills at any moment.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Client, Device},
    server::{Data, MOAT, Server},
};

const PASSPHRASE: &str = "correct horse battery\n";

/// A folder for backups, with a file that has the passphrase.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Self {
        let shelf = Self(tempfile::tempdir().unwrap());
        fs::write(shelf.path("passphrase"), PASSPHRASE).unwrap();
        shelf
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn backup(&self, data: &Data, name: &str, options: &[&str]) -> Output {
        let file = self.path(name);
        data.moat(&[&["backup", text(&file)], options].concat())
    }

    fn verify(&self, name: &str, options: &[&str]) -> Output {
        let file = self.path(name);
        moat(&[&["backup", "--verify", text(&file)], options].concat())
    }

    fn restore(&self, name: &str, to: &Path, options: &[&str]) -> Output {
        let file = self.path(name);
        moat(&[&["restore", text(&file), "--data", text(to)], options].concat())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn moat(args: &[&str]) -> Output {
    Command::new(MOAT).args(args).env_remove("MOAT_DATA").output().unwrap()
}

fn well(output: &Output) -> String {
    assert!(output.status.success(), "{}", refused(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn indicators(data: &Data) -> usize {
    data.json(&["indicators", "list"])["value"].as_array().unwrap().len()
}

async fn enroll(data: &Data, server: &Server) -> Device {
    let token = data.json(&["enroll", "token"]);
    let mut client = Client::new(
        server.url.trim_start_matches("https://").parse().unwrap(),
        &data.ca(),
        None,
    );
    Device::enroll(&mut client, token["token"].as_str().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_server_knows_its_devices_and_everything_else() {
    let (data, shelf) = (Data::new(), Shelf::new());
    let server = data.serve(&[]);
    let mut device = enroll(&data, &server).await;
    well(&data.moat(&["indicators", "add", "evil.example"]));
    fs::create_dir(data.path().join("languages")).unwrap();
    fs::write(data.path().join("languages/fr.ftl"), "sign-out = Quitter\n").unwrap();
    let file = shelf.path("passphrase");
    let secret = ["--passphrase-file", text(&file)];

    let made = data.json(&["backup", text(&shelf.path("one")), "--passphrase-file", text(&file)]);
    let mode = fs::metadata(shelf.path("one")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(made["bytes"], fs::metadata(shelf.path("one")).unwrap().len());
    let held: Vec<&str> = made["manifest"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["name"].as_str().unwrap())
        .collect();
    assert!(
        held.contains(&"moat.db") && held.contains(&"ca.key") && held.contains(&"languages/fr.ftl"),
        "{held:?}"
    );
    assert!(
        !fs::read(shelf.path("one"))
            .unwrap()
            .windows(15)
            .any(|window| window == b"SQLite format 3")
    );

    // What comes after the backup is not in it.
    well(&data.moat(&["indicators", "add", "later.example"]));
    well(&shelf.verify("one", &secret));
    assert!(
        !data.path().join(".backup").exists(),
        "the copy of the database is gone"
    );
    server.stop();

    let other = Data::new();
    let told = well(&shelf.restore("one", other.path(), &secret));
    assert!(told.contains("moat serve"), "{told}");
    assert_eq!(other.ca(), data.ca());
    assert_eq!(fs::metadata(other.path()).unwrap().permissions().mode() & 0o777, 0o700);
    let server = other.serve(&[]);
    assert_eq!(indicators(&other), 1);
    let mut client = device.connect(server.device, &other.ca());
    assert!(
        device.send(&mut client, Vec::new()).await.is_some(),
        "its certificate is known"
    );
    assert_eq!(other.json(&["audit", "verify"])["intact"], json!(true));
    let audit = other.json(&["audit"]);
    let said: Vec<String> = audit["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["action"].as_str().unwrap(), row["noun"].as_str().unwrap()))
        .collect();
    assert!(
        said.contains(&"create backup".into()) && said.contains(&"restore backup".into()),
        "{said:?}"
    );
    let revision = |data: &Data| {
        data.json(&["api", "GET", "/admin/status"])["revision"]
            .as_u64()
            .unwrap()
    };
    let restored = revision(&other);
    drop(server);
    let server = data.serve(&[]);
    assert!(restored > revision(&data), "devices take what the restored server says");
    drop(server);
}

#[test]
fn a_backup_is_made_without_a_server_and_without_a_passphrase_too() {
    let (data, shelf) = (Data::new(), Shelf::new());
    data.serve(&[]).stop();
    let told = well(&shelf.backup(&data, "plain", &[]));
    assert!(told.contains("whole"), "{told}");
    let listed = Command::new("tar")
        .arg("-tzf")
        .arg(shelf.path("plain"))
        .output()
        .unwrap();
    let listed = well(&listed);
    assert!(listed.ends_with("moat.db\nmanifest.json\n"), "{listed}");
    let error = refused(&shelf.backup(&data, "plain", &[]));
    assert!(error.contains("is there already"), "{error}");
    let short = data.moat_with(
        &["backup", text(&shelf.path("short")), "--passphrase-file", "-"],
        "short\n",
    );
    assert!(refused(&short).contains("12 to 1000 characters"), "{}", refused(&short));
    let empty = data.moat_with(&["backup", text(&shelf.path("short")), "--passphrase-file", "-"], "\n");
    assert!(refused(&empty).contains("first line is empty"), "{}", refused(&empty));
    assert_eq!(names(shelf.0.path()), ["passphrase", "plain"], "nothing half made");
}

#[test]
fn nothing_is_written_of_what_is_not_whole_or_for_a_folder_that_is_not_empty() {
    let (data, shelf) = (Data::new(), Shelf::new());
    data.serve(&[]).stop();
    let file = shelf.path("passphrase");
    let secret = ["--passphrase-file", text(&file)];
    well(&shelf.backup(&data, "whole", &secret));
    let whole = fs::read(shelf.path("whole")).unwrap();
    fs::write(shelf.path("cut"), &whole[..whole.len() - 1]).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(shelf.path("damaged"), damaged).unwrap();
    fs::write(shelf.path("nothing"), b"").unwrap();
    fs::write(shelf.path("wrong"), "correct horse batterY\n").unwrap();
    let wrong = shelf.path("wrong");
    let to = shelf.path("new");
    for (name, options, why) in [
        ("cut", &secret[..], "cut off"),
        ("damaged", &secret[..], "damaged"),
        ("nothing", &[], "no backup of Moat"),
        ("whole", &[], "--passphrase-file"),
        ("whole", &["--passphrase-file", text(&wrong)], "the passphrase is wrong"),
        ("absent", &[], "cannot read"),
    ] {
        for output in [shelf.verify(name, options), shelf.restore(name, &to, options)] {
            assert!(!output.status.success(), "{name}");
            assert!(refused(&output).contains(why), "{name}: {}", refused(&output));
        }
        assert!(!to.exists(), "{name}");
    }
    let before = names(data.path());
    let output = shelf.restore("whole", data.path(), &secret);
    assert!(refused(&output).contains("is not empty"), "{}", refused(&output));
    assert_eq!(names(data.path()), before);
    fs::create_dir(&to).unwrap();
    fs::write(to.join("notes.txt"), "mine").unwrap();
    let output = shelf.restore("whole", &to, &secret);
    assert!(refused(&output).contains("is not empty"), "{}", refused(&output));
    assert_eq!(names(&to), ["notes.txt"]);
}

#[test]
fn a_backup_that_is_killed_is_no_backup() {
    let (data, shelf) = (Data::new(), Shelf::new());
    let server = data.serve(&[]);
    fill(&data);
    let file = shelf.path("passphrase");
    let secret = ["--passphrase-file", text(&file)];
    for n in 0..12_u64 {
        let name = format!("backup-{n}");
        let mut process = start(&[
            "backup",
            text(&shelf.path(&name)),
            "--data",
            text(data.path()),
            secret[0],
            secret[1],
        ]);
        sleep(Duration::from_millis(25 * n));
        process.kill().unwrap();
        process.wait().unwrap();
        if shelf.path(&name).exists() {
            well(&shelf.verify(&name, &secret));
        }
    }
    well(&retried(|| shelf.backup(&data, "last", &secret)));
    well(&shelf.verify("last", &secret));

    // The server dies: the command says so and leaves nothing; the next start clears the copy away.
    let process = start(&[
        "backup",
        text(&shelf.path("orphan")),
        "--data",
        text(data.path()),
        secret[0],
        secret[1],
    ]);
    sleep(Duration::from_millis(60));
    server.kill();
    let output = process.wait_with_output().unwrap();
    assert_eq!(
        output.status.success(),
        shelf.path("orphan").exists(),
        "{}",
        refused(&output)
    );
    let server = data.serve(&[]);
    assert!(!data.path().join(".backup").exists());
    drop(server);
}

#[test]
fn a_restore_that_is_killed_is_repeated_and_no_server_starts_on_half_of_it() {
    let (data, shelf) = (Data::new(), Shelf::new());
    let server = data.serve(&[]);
    fill(&data);
    server.stop();
    well(&shelf.backup(&data, "plain", &[]));
    let mut cut_short = 0;
    for n in 0..12_u64 {
        let to = shelf.path(&format!("to-{n}"));
        let file = shelf.path("plain");
        let mut process = start(&["restore", text(&file), "--data", text(&to)]);
        sleep(Duration::from_millis(20 * n));
        process.kill().unwrap();
        process.wait().unwrap();
        if to.join(".restoring").exists() {
            cut_short += 1;
            let output = moat(&["serve", "--listen", "127.0.0.1:0", "--data", text(&to)]);
            assert!(refused(&output).contains("cut short"), "{}", refused(&output));
        }
        if !to.join("moat.db").exists() || to.join(".restoring").exists() {
            well(&shelf.restore("plain", &to, &[]));
        }
        let listed = moat(&["indicators", "list", "--json", "--data", text(&to)]);
        let listed: Value = serde_json::from_str(&well(&listed)).unwrap();
        assert!(!listed["value"].as_array().unwrap().is_empty());
    }
    assert!(cut_short > 0, "no kill met a restore at work");
}

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(MOAT);
    command.args(args).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The server gives a place up once it noticed that nobody takes the backup any more.
fn retried(make: impl Fn() -> Output) -> Output {
    for _ in 0..100 {
        let output = make();
        if output.status.success() || !refused(&output).contains("another backup") {
            return output;
        }
        sleep(Duration::from_millis(100));
    }
    make()
}

/// Enough rows that backups take a moment.
fn fill(data: &Data) {
    for part in 0..8 {
        let row = |n: usize| {
            let value = format!("n{part}-{n}.example");
            json!({"indicatorValue": value, "indicatorType": "DomainName", "action": "Block", "title": "t", "description": "d".repeat(1_000)})
        };
        let rows: Vec<Value> = (0..500).map(row).collect();
        let body = json!({ "Indicators": rows }).to_string();
        well(&data.moat_with(&["api", "POST", "/api/indicators/import", "-"], &body));
    }
}
