//! A real `moat-agent` and its server, which have a network namespace to themselves. Without root tests with it say that they were
//! skipped.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Data, MOAT, Server};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server and a device in one network namespace.
pub struct World {
    pub name: String,
    pub data: Data,
    server: Server,
}

impl World {
    /// None, said aloud, where network namespaces cannot be made.
    pub fn new(name: &str) -> Option<Self> {
        let name = format!("moat-{name}-{}", std::process::id());
        if !run("ip", &["netns", "add", &name]).status.success() {
            eprintln!("SKIPPED: a network namespace needs root, so this was not tried");
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
        Some(Self { name, data, server })
    }

    pub fn ip(&self, arguments: &[&str]) -> String {
        let all: Vec<_> = ["-n", &self.name]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        String::from_utf8(run("ip", &all).stdout).unwrap()
    }

    /// A command inside.
    pub fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Enrols a device with a token that was made so.
    pub fn enroll(&self, token: &[&str]) -> Phone<'_> {
        let folder = tempfile::tempdir().unwrap();
        let phone = Phone { world: self, folder };
        let token = self.data.json(&[&["enroll", "token"], token].concat());
        let server = format!("--server={}", self.server.url);
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

pub struct Phone<'a> {
    pub world: &'a World,
    folder: TempDir,
}

impl Phone<'_> {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn agent(&self, arguments: &[&str]) -> Command {
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

    pub fn run(&self) -> Child {
        self.agent(&["run"]).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn status(&self) -> Value {
        let output = self.agent(&["status", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub fn moat(&self, arguments: &[&str]) {
        self.world.data.json(arguments);
    }

    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE, "{what}: {}", self.status());
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
