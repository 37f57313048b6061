//! Orders to a real `moat-agent`, which has a network namespace to itself. Without root this says that it was skipped.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    app::{bind, configure},
    server::{Data, MOAT, Server},
};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn orders_are_carried_out_once_and_a_retired_device_is_clean() {
    let Some(world) = World::new() else {
        return eprintln!("SKIPPED: a network namespace needs root, so this was not tried");
    };
    let phone = world.enroll();
    let mut agent = phone.run();
    phone.until("the tunnel is there", || world.ip(&["rule"]).contains("7470"));

    phone.moat(&["devices", "lock", "phone"]);
    phone.moat(&["devices", "notify", "phone", "Office", "Closed today"]);
    phone.until("both are done", || phone.states() == ["notify done", "remoteLock done"]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    let mut agent = phone.run();
    phone.until("it has a word with the server again", || {
        phone.status()["lastCheckIn"].is_i64()
    });
    assert_eq!(phone.locked(), 1, "once is enough");
    assert_eq!(phone.status()["messages"][0], "Office: Closed today");

    phone.until("the app opens", || phone.app(&["open"])["action"] == "allow");
    phone.app(&["write", "quarterly figures"]);
    assert_eq!(phone.app(&["read"])["data"], "quarterly figures");

    let mistaken = world.data.moat(&["devices", "retire", "phone", "--confirm", "tablet"]);
    assert!(!mistaken.status.success());
    phone.moat(&["devices", "retire", "phone", "--confirm", "phone"]);
    let status = agent.wait().unwrap();
    let mut said = String::new();
    agent.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(status.success() && said.contains("retired this device"), "{said}");
    assert_eq!(phone.states()[0], "retire done");
    assert_eq!(phone.left(), ["apps", "ledger.jsonl", "lock", "retired.json"]);
    let (rules, links) = (world.ip(&["rule"]), world.ip(&["link"]));
    assert!(!rules.contains("747") && !links.contains("moat0"), "{rules}{links}");
    assert!(world.data.json(&["devices", "show", "phone"])["onboardingStatus"] != "onboarded");

    let again = phone.agent(&["run"]).output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("moat-agent enroll"), "{said}");
    let wiped = phone.app(&["read"]);
    assert_eq!(
        (&wiped["action"], &wiped["data"]),
        (&"block".into(), &Value::Null),
        "{wiped}"
    );
    assert!(
        wiped["wiped"]["reason"].as_str().unwrap().contains("retired"),
        "{wiped}"
    );
}

/// A server and a device in one network namespace.
struct World {
    name: String,
    data: Data,
    _server: Server,
}

impl World {
    fn new() -> Option<Self> {
        let name = format!("moat-orders-{}", std::process::id());
        if !run("ip", &["netns", "add", &name]).status.success() {
            return None;
        }
        for line in [
            "link set lo up",
            "link add eth0 type veth peer name far",
            "addr add 198.51.100.2/24 dev eth0",
            "link set eth0 up",
            "link set far up",
            "route add default via 198.51.100.1",
        ] {
            let words: Vec<_> = ["-n", &name].into_iter().chain(line.split(' ')).collect();
            assert!(run("ip", &words).status.success(), "{line}");
        }
        let data = Data::new();
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &name, MOAT]);
        let server = data.start(inside, &[], Stdio::null());
        Some(Self {
            name,
            data,
            _server: server,
        })
    }

    fn ip(&self, arguments: &[&str]) -> String {
        let all: Vec<_> = ["-n", &self.name]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        String::from_utf8(run("ip", &all).stdout).unwrap()
    }

    /// A command inside.
    fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    fn enroll(&self) -> Phone<'_> {
        configure(&self.data);
        let folder = tempfile::tempdir().unwrap();
        let phone = Phone { world: self, folder };
        bind(&phone.path("binding"));
        phone.stand_in_for_logind();
        let token = self.data.json(&["enroll", "token", "--user", "ada@example.com"]);
        let server = format!("--server={}", self._server.url);
        let ca = format!("--ca={}", self.data.path().join("ca.pem").display());
        let enrolled = phone
            .agent(&["enroll", "--name=phone", &server, &ca])
            .env("MOAT_TOKEN", token["token"].as_str().unwrap())
            .output()
            .unwrap();
        assert!(
            enrolled.status.success(),
            "{}",
            String::from_utf8_lossy(&enrolled.stderr)
        );
        phone
    }
}

impl Drop for World {
    fn drop(&mut self) {
        run("ip", &["netns", "del", &self.name]);
    }
}

struct Phone<'a> {
    world: &'a World,
    folder: TempDir,
}

impl Phone<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Here is no screen to lock: a program of that name notes that it was asked.
    fn stand_in_for_logind(&self) {
        let (bin, locked) = (self.path("bin"), self.path("locked"));
        fs::create_dir(&bin).unwrap();
        fs::write(
            bin.join("loginctl"),
            format!("#!/bin/sh\necho \"$*\" >>{}\n", locked.display()),
        )
        .unwrap();
        fs::set_permissions(bin.join("loginctl"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn locked(&self) -> usize {
        let asked = fs::read_to_string(self.path("locked")).unwrap();
        assert!(asked.lines().all(|line| line == "lock-sessions"), "{asked}");
        asked.lines().count()
    }

    fn agent(&self, arguments: &[&str]) -> Command {
        let program = Path::new(MOAT).with_file_name("moat-agent");
        assert!(
            program.exists(),
            "run `cargo build -p moat-agent` first, as script/test does"
        );
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = self.world.inside(&program);
        command
            .args(arguments)
            .arg("--data")
            .arg(self.path("agent"))
            .env("PATH", path);
        command
    }

    fn run(&self) -> Child {
        self.agent(&["run"]).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn status(&self) -> Value {
        let output = self.agent(&["status", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// What the agent's folder still holds.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("agent")).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn moat(&self, arguments: &[&str]) {
        self.world.data.json(arguments);
    }

    /// The orders and what came of them, newest first.
    fn states(&self) -> Vec<String> {
        let orders = self.world.data.json(&["devices", "orders", "phone"]);
        let words = |order: &Value| {
            format!(
                "{} {}",
                order["action"].as_str().unwrap(),
                order["state"].as_str().unwrap()
            )
        };
        orders["value"].as_array().unwrap().iter().map(words).collect()
    }

    /// Starts the app once; what it prints.
    fn app(&self, arguments: &[&str]) -> Value {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut python = self.world.inside(Path::new("python3"));
        python
            .arg("-B")
            .arg(root.join("demo/app.py"))
            .arg("--binding")
            .arg(self.path("binding"));
        let output = python
            .arg("--device")
            .arg(self.path("agent"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("app.py {arguments:?}: {said}"))
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(
                start.elapsed() < PATIENCE,
                "{what}: {:?} {}",
                self.states(),
                self.status()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .output()
        .expect("iproute2 is installed")
}
