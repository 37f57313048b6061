//! A real mail server, in a process of its own: what it got, a different parser than ours has read.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

pub const USER: &str = "moat";
pub const PASSWORD: &str = "let mail out";

/// Where a mail server is, whether it runs or not.
pub struct MailHost {
    folder: tempfile::TempDir,
    pub port: u16,
}

/// It runs until it is dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl MailHost {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", &identity.cert.pem());
        write("key.pem", &identity.signing_key.serialize_pem());
        write("password", &format!("{PASSWORD}\n"));
        std::fs::create_dir(folder.path().join("kept")).unwrap();
        // Free now, and nobody else is given it soon.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the server; it answers a message so many seconds after it kept it.
    pub fn start(&self, seconds: u32) -> Running {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/it/smtp.py");
        // Debian's own Python has Debian's packages.
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(self.port.to_string())
            .args(["kept", "ca.pem", "key.pem"].map(|name| self.path(name)))
            .arg(USER)
            .arg(self.path("password"))
            .arg(seconds.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 and python3-aiosmtpd are needed: script/setup test");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(
            line.trim(),
            self.port.to_string(),
            "python3-aiosmtpd is needed: script/setup test"
        );
        Running(process)
    }

    /// `[mail]` of a server that sends through this one.
    #[allow(dead_code)]
    pub fn toml(&self) -> String {
        format!(
            "[mail]\nserver = \"smtp://localhost:{}\"\nfrom = \"Moat <moat@corp.example>\"\nstarttls = \"required\"\n\
             username = \"{USER}\"\npassword_file = {:?}\nca_file = {:?}\n",
            self.port,
            self.path("password"),
            self.path("ca.pem")
        )
    }

    /// The messages that it got, in their order.
    pub fn messages(&self) -> Vec<Value> {
        let read = |n: usize| std::fs::read(self.path("kept").join(format!("{n}.json"))).ok();
        (0..)
            .map_while(read)
            .map(|bytes| serde_json::from_slice(&bytes).unwrap())
            .collect()
    }

    /// Waits until there are so many messages.
    pub async fn wait_for(&self, count: usize) -> Vec<Value> {
        for _ in 0..600 {
            let messages = self.messages();
            if messages.len() >= count {
                return messages;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("after a minute there are {} of {count} messages", self.messages().len());
    }
}
