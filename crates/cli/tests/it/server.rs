//! A real `moat serve` process on free ports.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub const MOAT: &str = env!("CARGO_BIN_EXE_moat");

pub struct Server {
    process: Child,
    pub url: String,
    pub device: SocketAddr,
}

/// Data folder of a test, and the `moat` command on it.
pub struct Data(TempDir);

impl Data {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs `moat ARGS… --data DIR`.
    pub fn moat(&self, args: &[&str]) -> Output {
        Command::new(MOAT)
            .args(args)
            .arg("--data")
            .arg(self.path())
            .output()
            .unwrap()
    }

    /// The same, with text on standard input.
    pub fn moat_with(&self, args: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut process = Command::new(MOAT)
            .args(args)
            .arg("--data")
            .arg(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed and answer in JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.moat(&[args, &["--json"]].concat());
        assert!(
            output.status.success(),
            "moat {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn ca(&self) -> String {
        std::fs::read_to_string(self.path().join("ca.pem")).unwrap()
    }

    /// Starts the server and waits until it says that it is ready.
    pub fn serve(&self, options: &[&str]) -> Server {
        self.start(Command::new(MOAT), options, Stdio::null())
    }

    /// Starts the server through another command, such as a shell that sets limits first.
    pub fn start(&self, mut command: Command, options: &[&str], log: Stdio) -> Server {
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--device-listen", "127.0.0.1:0"])
            .args(options)
            .arg("--data")
            .arg(self.path())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut value_of = |name: &str| loop {
            let line = lines.next().expect("the server ended before it was ready").unwrap();
            if let Some(value) = line.trim().strip_prefix(name) {
                break value.trim().trim_end_matches('/').to_string();
            }
        };
        let url = value_of("console");
        let device = value_of("devices").parse().unwrap();
        Server { process, url, device }
    }
}

impl Server {
    /// As `kill -9` does.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// As `systemctl stop` does; the server must end by itself and without an error.
    pub fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
