//! Exit codes and messages: 0 done, 1 refused or failed, 2 wrong usage.

use std::process::Command;

use crate::server::{Data, MOAT};

#[test]
fn wrong_usage_is_2_and_failure_is_1() {
    let code = |args: &[&str]| Command::new(MOAT).args(args).output().unwrap().status.code();
    assert_eq!(code(&["no-such-command"]), Some(2));
    assert_eq!(
        code(&["enroll", "token", "--data", "/nonexistent", "--uses", "0"]),
        Some(2)
    );
    assert_eq!(code(&["enroll", "token", "--data", "/nonexistent"]), Some(1));
}

#[test]
fn config_check_names_the_wrong_key() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let check = |text: &str| {
        std::fs::write(file.path(), text).unwrap();
        Command::new(MOAT)
            .args(["config", "check"])
            .arg(file.path())
            .output()
            .unwrap()
    };
    assert!(
        check("listen = '127.0.0.1:9000'\nsilent_after_minutes = 5\n")
            .status
            .success()
    );
    let refused = check("listen_on = '127.0.0.1:9000'\n");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("listen_on"));
}

#[test]
fn config_check_refuses_what_serve_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let made = || rcgen::generate_simple_self_signed(vec!["moat.example".into()]).unwrap();
    let (one, other) = (made(), made());
    let certificate = file("cert.pem", &one.cert.pem());
    let key = file("key.pem", &one.signing_key.serialize_pem());
    let other_key = file("other.pem", &other.signing_key.serialize_pem());
    let garbage = file("garbage.pem", "nothing of use");
    let pair = |certificate: &str, key: &str| format!("certificate = '{certificate}'\ncertificate_key = '{key}'\n");
    for (text, word) in [
        (pair(&certificate, &key), None),
        (
            "names = ['moat.example', '192.0.2.1', 'moat', '*.corp.example']".into(),
            None,
        ),
        (pair("/nonexistent.pem", &key), Some("nonexistent.pem")),
        (pair(&garbage, &key), Some("garbage.pem")),
        (pair(&certificate, &garbage), Some("garbage.pem")),
        (pair(&certificate, &other_key), Some("do not belong together")),
        ("names = ['not a name']".into(), Some("names")),
    ] {
        let config = file("moat.toml", &text);
        let check = Command::new(MOAT).args(["config", "check", &config]).output().unwrap();
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        assert_eq!(check.status.success(), word.is_none(), "{text}: {said}");
        let Some(word) = word else { continue };
        assert!(said.contains(word), "{text}: {said}");
        let data = Data::new();
        let serve = data.moat(&["serve", "--listen", "127.0.0.1:0", "--config", &config]);
        assert_eq!(serve.status.code(), Some(1), "{text}");
        assert!(String::from_utf8_lossy(&serve.stderr).contains(word), "{text}");
        assert!(serve.stdout.is_empty(), "it said that it is ready: {text}");
    }
}

#[test]
fn a_path_too_long_for_a_socket_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("d".repeat(120));
    let serve = Command::new(MOAT)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(serve.status.code(), Some(1));
    let said = String::from_utf8_lossy(&serve.stderr).into_owned();
    assert!(said.contains("shorter path"), "{said}");
}

#[test]
fn a_link_made_without_the_server_leads_to_where_it_last_was() {
    let data = Data::new();
    let server = data.serve(&[]);
    let url = server.url.clone();
    server.stop();
    let token = data.json(&["enroll", "token"]);
    assert!(
        token["link"].as_str().unwrap().starts_with(&format!("{url}/enroll#")),
        "{token}"
    );
    let config = data.path().join("other.toml");
    std::fs::write(&config, "public_url = 'https://moat.example:9'\n").unwrap();
    data.serve(&["--config", config.to_str().unwrap()]).stop();
    let token = data.json(&["enroll", "token"]);
    let link = token["link"].as_str().unwrap();
    assert!(link.starts_with("https://moat.example:9/enroll#"), "{link}");
    data.serve(&[]).stop();
    let token = data.json(&["enroll", "token"]);
    let link = token["link"].as_str().unwrap();
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");
}

#[test]
fn json_is_json_for_every_command() {
    let data = Data::new();
    let _server = data.serve(&[]);
    let text = |value: &serde_json::Value, field: &str| value[field].as_str().unwrap().to_string();
    let client = data.json(&["client", "add", "c", "--role", "Alert.Read.All"]);
    assert_eq!(
        data.json(&["client", "disable", &text(&client, "client_id")])["disabled"],
        true
    );
    let snippet = data.path().join("gateway.conf");
    std::fs::write(&snippet, "old").unwrap();
    let gateway = data.json(&["gateway", "add", "g", "--nginx", snippet.to_str().unwrap()]);
    assert!(gateway["id"].is_string() && gateway.get("key").is_none(), "{gateway}");
    assert_eq!(data.json(&["gateway", "disable", "g"])["disabled"], true);
    let token = data.json(&["enroll", "token"]);
    assert_eq!(data.json(&["enroll", "revoke", &text(&token, "id")])["revoked"], true);
    let rules = data.path().join("rules.json");
    std::fs::write(&rules, data.json(&["rules", "show"]).to_string()).unwrap();
    assert!(data.json(&["rules", "set", rules.to_str().unwrap()])["version"].is_string());
    let config = data.path().join("ours.toml");
    std::fs::write(&config, "").unwrap();
    let check = Command::new(MOAT)
        .args(["config", "check", "--json"])
        .arg(&config)
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(said["usable"], true);
}

#[test]
fn a_gateway_s_key_is_written_for_its_owner_only_or_not_made() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = Data::new();
    let _server = data.serve(&[]);
    let refused = data.moat(&["gateway", "add", "g", "--nginx", "/nonexistent/folder/gateway.conf"]);
    assert_eq!(refused.status.code(), Some(1));
    let list = data.json(&["gateway", "list"]);
    assert_eq!(
        list["value"].as_array().unwrap().len(),
        0,
        "a key that nobody has: {list}"
    );
    let snippet = data.path().join("gateway.conf");
    std::fs::write(&snippet, "x".repeat(10_000)).unwrap();
    std::fs::set_permissions(&snippet, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        data.moat(&["gateway", "add", "g", "--nginx", snippet.to_str().unwrap()])
            .status
            .success()
    );
    let mode = std::fs::metadata(&snippet).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&snippet).unwrap();
    assert!(text.contains("Bearer") && !text.contains("xxx"), "{text}");
}

#[test]
fn a_data_folder_has_one_owner_and_stops_cleanly() {
    let data = Data::new();
    let server = data.serve(&[]);
    let second = data.moat(&["serve", "--listen", "127.0.0.1:0", "--device-listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use"));
    server.stop();
    data.serve(&[]).stop();
}

#[test]
fn administration_works_with_and_without_a_running_server() {
    let data = Data::new();
    let server = data.serve(&[]);
    data.json(&["indicators", "add", "one.example"]);
    server.stop();
    data.json(&["indicators", "add", "two.example"]);
    let listed = data.json(&["indicators", "list"]);
    assert_eq!(listed["value"].as_array().unwrap().len(), 2, "{listed}");
}

#[test]
fn a_large_file_goes_in_and_is_listed_whole() {
    let data = Data::new();
    let _server = data.serve(&[]);
    let mut csv = String::from("indicatorType,indicatorValue,action,title,description\n");
    for n in 0..10_500 {
        csv.push_str(&format!("DomainName,n{n}.example,Block,t,d\n"));
    }
    csv.push_str("DomainName,not a name,Block,t,d\nDomainName,N7.example,Block,again,d\n");
    let file = data.path().join("names.csv");
    std::fs::write(&file, csv).unwrap();
    let imported = data.moat(&["indicators", "import", file.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(1), "one row is refused");
    let said = [imported.stdout, imported.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("10502: not a name"));
    let listed = data.json(&["indicators", "list"]);
    let rows = listed["value"].as_array().unwrap();
    assert_eq!(rows.len(), 10_500);
    assert_eq!(
        (&rows[7]["indicatorValue"], &rows[7]["title"]),
        (&"N7.example".into(), &"again".into())
    );
    assert!(listed.get("@odata.nextLink").is_none());
}

#[test]
fn administrators_are_made_and_reset_from_standard_input() {
    let data = Data::new();
    let password = |command: &str, name: &str, password: &str| {
        let output = data.moat_with(&["administrator", command, name], password);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let server = data.serve(&[]);
    assert_eq!(password("add", "ada", "correct horse battery\n").0, Some(0));
    let (code, said) = password("add", "ada", "correct horse battery\n");
    assert!(code == Some(1) && said.contains("already"), "{said}");
    let (code, said) = password("reset", "ada", "short\n");
    assert!(code == Some(1) && said.contains("at least 12 characters"), "{said}");
    let (code, said) = password("reset", "nobody", "another horse battery\n");
    assert!(code == Some(1) && said.contains("no administrator nobody"), "{said}");
    server.stop();
    assert_eq!(
        password("reset", "ada", "another horse battery").0,
        Some(0),
        "without a server too"
    );
    let audit = data.json(&["audit"])["value"].to_string();
    assert!(audit.contains("reset password") && !audit.contains("horse"), "{audit}");
    assert_eq!(data.json(&["administrator", "list"])["value"][0]["name"], "ada");
    assert!(data.json(&["setup-link"])["link"].is_null(), "there is one");
}

#[test]
fn the_audit_log_is_checked_with_and_without_a_server() {
    let data = Data::new();
    let server = data.serve(&[]);
    data.moat(&["enroll", "token"]);
    let checked = data.json(&["audit", "verify"]);
    assert_eq!(checked["intact"], true, "{checked}");
    server.stop();
    let said = data.moat(&["audit", "verify"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let note = text.lines().last().unwrap();
    assert!(
        said.status.success() && text.contains("rows are as they were written"),
        "{text}"
    );
    assert!(data.moat(&["audit", "verify", "--known", note]).status.success());
    let (last, hash) = note.split_once(':').unwrap();
    let other = format!("{last}:{}", hash.chars().rev().collect::<String>());
    let refused = data.moat(&["audit", "verify", "--known", &other]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && text.contains(&format!("row {last}: its hash is not")),
        "{text}"
    );
}

#[test]
fn a_feed_is_made_from_a_file_shown_and_switched_on() {
    let data = Data::new();
    let _server = data.serve(&[]);
    let list = data.path().join("list.txt");
    std::fs::write(&list, "evil.example\ngoogle.com\nco.uk\n").unwrap();
    let file = list.to_str().unwrap();
    let said = |args: &[&str]| {
        let output = data.moat(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let made = said(&["feeds", "add", "Own list", "--file", file, "--action", "Warn"]);
    assert!(made.contains("feed 1: Own list, disabled, Warn, 2 entries"), "{made}");
    assert!(made.contains("well-known names: 1 (google.com)"), "{made}");
    assert!(made.contains("too broad, left out: 1 (3: co.uk)"), "{made}");
    assert!(said(&["feeds", "enable", "own list"]).contains("enabled"));
    let explained = said(&["indicators", "explain", "www.evil.example"]);
    assert!(
        explained.contains("Warn. Feed Own list (evil.example) decides"),
        "{explained}"
    );
    let refused = data.moat(&["feeds", "add", "Page", "--file", "/dev/null"]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("it has no entries"),
        "{refused:?}"
    );
    let list = said(&["feeds", "list"]);
    assert!(list.contains("Own list") && !list.contains("Page"), "{list}");
    assert!(
        !data.moat(&["feeds", "refresh", "1"]).status.success(),
        "it has no address"
    );
    said(&["feeds", "delete", "1"]);
    assert!(said(&["feeds", "list"]).contains("There are no feeds"));
}
