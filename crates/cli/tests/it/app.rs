//! A stand-in app with work data against a real server: `demo/app.py` through the Python binding, with its device's certificate.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use moat_model::{Assessment, JailbreakLevel, sync::DeviceEvent};
use serde_json::{Value, json};
use tempfile::TempDir;
use uniffi::{GenerateOptions, TargetLanguage, generate};

use crate::{
    browser::jailbreak,
    client::{Client, Device},
    gateway::Corporate,
    server::{Data, Server},
};

const POLICIES: &str = "/beta/deviceAppManagement/iosManagedAppProtections";
const CONNECTOR: &str = "/beta/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92";

#[tokio::test]
async fn an_app_is_blocked_wiped_and_opened_again() {
    let data = Data::new();
    let server = data.serve(&[]);
    let policy = configure(&data);
    let mut phone = Phone::enroll(&data, &server).await;

    assert_eq!(phone.app(&["status"])["findings"][0]["condition"], "lease");
    let opened = phone.app(&["open"]);
    assert_eq!(opened["guide"], "installAgent", "no agent has reported: {opened}");
    phone.reports(vec![clean()]).await;
    assert_eq!(phone.app(&["open"])["action"], "allow");
    phone.app(&["write", "quarterly figures"]);
    assert_eq!(phone.app(&["read"])["data"], "quarterly figures");

    phone.reports(vec![jailbreak()]).await;
    let blocked = phone.app(&["open"]);
    assert_eq!(blocked["action"], "block", "{blocked}");
    assert_eq!(blocked["guide"], "resolveThreat");
    assert!(text(&blocked["findings"][0]["because"]).contains("Device is jailbroken"));
    assert_eq!(phone.app(&["read"])["refused"], "Closed");

    let wiping = json!({"mobileThreatDefenseRemediationAction": "wipe"});
    api(&data, "PATCH", &format!("{POLICIES}/{policy}"), Some(&wiping));
    assert_eq!(phone.app(&["open"])["action"], "wipe");
    assert_eq!(phone.app(&["read"])["refused"], "Wiped");
    assert_eq!(
        registration(&data)["moatWipedDateTime"],
        Value::Null,
        "the receipt is not out yet"
    );
    phone.app(&["check-in"]);
    assert!(text(&registration(&data)["moatWipeReason"]).contains("threat level is high"));

    phone.reports(vec![clean()]).await;
    assert_eq!(phone.app(&["open"])["action"], "allow");
    assert_eq!(phone.app(&["read"])["refused"], "Wiped", "what is gone stays gone");
    phone.app(&["write", "new figures"]);
    assert_eq!(phone.app(&["read"])["data"], "new figures");
}

#[tokio::test]
async fn an_order_wipes_and_an_app_without_server_goes_by_its_lease() {
    let data = Data::new();
    let server = data.serve(&[]);
    configure(&data);
    let mut phone = Phone::enroll(&data, &server).await;
    phone.reports(vec![clean()]).await;
    phone.app(&["open"]);
    phone.app(&["write", "quarterly figures"]);

    let order = json!({"deviceTag": phone.device.id});
    let path = "/v1.0/users/ada@example.com/wipeManagedAppRegistrationsByDeviceTag";
    api(&data, "POST", path, Some(&order));
    assert_eq!(
        phone.app(&["read"])["data"],
        "quarterly figures",
        "it has not heard of it"
    );
    let wiped = phone.app(&["open"]);
    assert_eq!(
        (&wiped["action"], &wiped["findings"][0]["condition"]),
        (&json!("wipe"), &json!("wipeOrder"))
    );
    assert_eq!(phone.app(&["open"])["action"], "allow", "the receipt ends the order");
    phone.app(&["write", "more figures"]);
    assert!(text(&registration(&data)["moatWipeReason"]).contains("ordered to wipe"));

    server.stop();
    let offline = phone.app(&["open"]);
    assert_eq!(
        (&offline["checkIn"], &offline["action"]),
        (&json!("failed"), &json!("allow"))
    );
    let hours = |hours: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours)).to_string();
    let later = phone.app(&["--now", &hours(25), "status"]);
    assert_eq!(
        (&later["action"], &later["findings"][0]["condition"]),
        (&json!("block"), &json!("offline"))
    );
    let back = phone.app(&["read"]);
    assert_eq!(
        (&back["refused"], &back["clockWentBack"]),
        (&json!("Closed"), &json!(true))
    );
    assert_eq!(phone.app(&["--now", &hours(24 * 91), "status"])["action"], "wipe");
    assert_eq!(phone.app(&["read"])["refused"], "Wiped");
}

#[tokio::test]
async fn an_app_with_app_protection_comes_in_through_nginx_and_a_browser_does_not() {
    let data = Data::new();
    let server = data.serve(&[]);
    configure(&data);
    let mut phone = Phone::enroll(&data, &server).await;
    phone.reports(vec![clean()]).await;
    let corporate = Corporate::start(&data, "corporate", &[]);
    let application = data.json(&["gateway", "list"])["value"][0]["applicationId"].clone();
    let policy = json!({
        "displayName": "Apps only",
        "state": "enabled",
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": [application]},
            "users": {"includeUsers": ["All"]},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["compliantApplication"]},
    });
    api(
        &data,
        "POST",
        "/v1.0/identity/conditionalAccess/policies",
        Some(&policy),
    );

    let ca = corporate.ca();
    let reach = ["reach", corporate.url.as_str(), "--ca", ca.to_str().unwrap()];
    let before = phone.app(&reach);
    assert_eq!(
        (&before["shown"], &before["status"]),
        (&json!(false), &json!(302)),
        "{before}"
    );
    phone.app(&["check-in"]);
    let reached = phone.app(&reach);
    assert_eq!(
        (&reached["shown"], &reached["status"]),
        (&json!(true), &json!(200)),
        "{reached}"
    );
    assert!(
        text(&reached["body"]).contains("the corporate application app=[]"),
        "{reached}"
    );
    let browser = phone.browse(&corporate);
    assert!(browser.contains("302"), "{browser}");
    let page = phone.why(&browser);
    assert!(page.contains("requires an app with an app protection policy"), "{page}");

    // The app has not heard of it and shows what it has; the gateway's server knows better.
    phone.reports(vec![jailbreak()]).await;
    let closed = phone.app(&reach);
    assert_eq!(
        (&closed["action"], &closed["shown"], &closed["status"]),
        (&json!("allow"), &json!(true), &json!(302)),
        "{closed}"
    );
    assert_eq!(phone.app(&["open"])["action"], "block");
    assert_eq!(phone.app(&reach)["shown"], false, "a closed app shows nothing");
    phone.reports(vec![clean()]).await;
    assert_eq!(phone.app(&["open"])["action"], "allow");
    assert_eq!(phone.app(&reach)["status"], 200);
}

/// Ada, the connector, and a policy that blocks above Low. Answers the policy's id.
pub fn configure(data: &Data) -> String {
    let ada = json!({"displayName": "Ada", "userPrincipalName": "ada@example.com"});
    api(data, "POST", "/v1.0/users", Some(&ada));
    let on = json!({"iosEnabled": true, "iosMobileApplicationManagementEnabled": true});
    api(data, "PATCH", CONNECTOR, Some(&on));
    let identifier = json!({"@odata.type": "#microsoft.graph.iosMobileAppIdentifier", "bundleId": "org.example.Mail"});
    let policy = json!({
        "@odata.type": "#microsoft.graph.iosManagedAppProtection",
        "displayName": "Mail",
        "maximumAllowedDeviceThreatLevel": "low",
        "mobileThreatDefenseRemediationAction": "block",
        "apps": [{"mobileAppIdentifier": identifier}],
    });
    let policy = api(data, "POST", POLICIES, Some(&policy));
    let id = text(&policy["id"]).to_string();
    let everyone = json!({"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"});
    let assign = json!({"assignments": [{"target": everyone}]});
    api(data, "POST", &format!("{POLICIES}/{id}/assign"), Some(&assign));
    id
}

fn registration(data: &Data) -> Value {
    let all = api(data, "GET", "/beta/deviceAppManagement/managedAppRegistrations", None);
    all["value"][0].clone()
}

/// `moat api METHOD PATH [JSON]`, which must succeed.
pub fn api(data: &Data, method: &str, path: &str, body: Option<&Value>) -> Value {
    let body = body.map(Value::to_string);
    let mut args = vec!["api", method, path];
    args.extend(body.as_deref());
    let output = data.moat(&args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{method} {path}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// An enrolled device with an app on it.
pub struct Phone {
    folder: TempDir,
    pub device: Device,
    connection: Client,
}

impl Phone {
    pub async fn enroll(data: &Data, server: &Server) -> Self {
        let token = data.json(&["enroll", "token", "--user", "ada@example.com"]);
        let address = server.url.trim_start_matches("https://").parse().unwrap();
        let mut client = Client::new(address, &data.ca(), None);
        let device = Device::enroll(&mut client, text(&token["token"])).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        device.write(folder.path(), &data.ca(), server.device);
        bind(&folder.path().join("binding"));
        let connection = device.connect(server.device, &data.ca());
        Self {
            folder,
            device,
            connection,
        }
    }

    /// Where its certificate and key are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A browser on the same device.
    fn browse(&self, corporate: &Corporate) -> String {
        corporate.browse(Some(self.folder()), &[])
    }

    /// The page that an answer's `Location` leads to.
    fn why(&self, answer: &str) -> String {
        let location = answer.lines().find_map(|line| line.strip_prefix("Location: "));
        let location = location.unwrap_or_else(|| panic!("no link: {answer}")).trim();
        let output = Command::new("curl")
            .args(["-sS", "--cacert"])
            .arg(self.folder().join("ca.pem"))
            .arg(location)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    async fn reports(&mut self, events: Vec<DeviceEvent>) {
        self.device.send(&mut self.connection, events).await.unwrap();
    }

    /// Starts the app once; what it prints. Its exit status says only what its words say too.
    fn app(&self, arguments: &[&str]) -> Value {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let output = Command::new("python3")
            .arg("-B")
            .arg(root.join("demo/app.py"))
            .arg("--binding")
            .arg(self.folder.path().join("binding"))
            .arg("--device")
            .arg(self.folder.path())
            .args(arguments)
            .output()
            .expect("this test needs python3");
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("app.py {arguments:?}: {said}"))
    }
}

pub fn bind(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let library = library();
    let options = GenerateOptions {
        languages: vec![TargetLanguage::Python],
        source: library.to_str().unwrap().into(),
        out_dir: folder.to_str().unwrap().into(),
        metadata_no_deps: true,
        ..GenerateOptions::default()
    };
    generate(options).unwrap();
    fs::copy(&library, folder.join(library.file_name().unwrap())).unwrap();
}

/// No crate of ours stands on `moat-ffi`, so Cargo does not build it for this test.
fn library() -> PathBuf {
    let name = format!("{}moat_ffi{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let folder = Path::new(crate::server::MOAT).parent().unwrap();
    let library = folder.join(name);
    assert!(
        library.exists(),
        "run `cargo build -p moat-ffi` first, as script/test does"
    );
    library
}

fn clean() -> DeviceEvent {
    DeviceEvent::JailbreakCleared {
        assessment: Assessment {
            level: JailbreakLevel::None,
            score: 0.0,
            findings: Vec::new(),
            rules_version: "2026.11.24".into(),
            answered: 101,
            unanswered: 61,
            unknown: 0,
        },
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
