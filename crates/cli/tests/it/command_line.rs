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
