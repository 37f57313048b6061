//! Orders to a real `moat-agent`, which has a network namespace to itself. Without root this says that it was skipped.

use std::{fs, io::Read as _, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::{
    app::{bind, configure},
    phone::{Phone, World},
};

#[test]
fn orders_are_carried_out_once_and_a_retired_device_is_clean() {
    let Some(world) = World::new("orders") else { return };
    configure(&world.data);
    let phone = world.enroll(&["--user", "ada@example.com"]);
    bind(&phone.path("binding"));
    phone.stand_in_for_logind();
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

impl Phone<'_> {
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

    /// What the agent's folder still holds.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("agent")).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
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
}
