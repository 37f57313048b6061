use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

/// What `cargo metadata` says, for this machine's platform.
pub struct Workspace {
    pub members: BTreeMap<String, Member>,
    /// Every package that is built for the products: all but those that only tests need.
    pub shipped: Vec<Library>,
    /// These and the ones that only tests need.
    pub all: Vec<Library>,
}

pub struct Member {
    pub folder: PathBuf,
    /// Names of its normal and build dependencies.
    pub dependencies: BTreeSet<String>,
}

#[derive(Clone)]
pub struct Library {
    pub name: String,
    pub version: String,
    pub licence: Option<String>,
    pub features: BTreeSet<String>,
}

pub fn workspace() -> &'static Workspace {
    static WORKSPACE: OnceLock<Workspace> = OnceLock::new();
    WORKSPACE.get_or_init(|| read(&metadata()))
}

/// Every `.rs` file below a folder.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn metadata() -> Value {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let platform = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn read(metadata: &Value) -> Workspace {
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"]).map(|p| (text(&p["id"]), p)).collect();
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
        .map(|n| (text(&n["id"]), n))
        .collect();
    let members: Vec<&str> = list(&metadata["workspace_members"]).map(text).collect();
    let library = |id: &&str| Library {
        name: text(&packages[id]["name"]).to_string(),
        version: text(&packages[id]["version"]).to_string(),
        licence: packages[id]["license"].as_str().map(String::from),
        features: list(&nodes[id]["features"]).map(|f| text(f).to_string()).collect(),
    };
    Workspace {
        members: members.iter().map(|id| member(packages[id])).collect(),
        shipped: reachable(&members, &nodes).iter().map(library).collect(),
        all: nodes.keys().map(library).collect(),
    }
}

fn member(package: &Value) -> (String, Member) {
    let dependencies = list(&package["dependencies"])
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(&dependency["name"]).to_string())
        .collect();
    let folder = Path::new(text(&package["manifest_path"]))
        .parent()
        .unwrap()
        .to_path_buf();
    (text(&package["name"]).to_string(), Member { folder, dependencies })
}

/// Packages that can be reached without a development dependency.
fn reachable<'a>(members: &[&'a str], nodes: &BTreeMap<&'a str, &'a Value>) -> BTreeSet<&'a str> {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut open = members.to_vec();
    while let Some(id) = open.pop() {
        if !reached.insert(id) {
            continue;
        }
        let shipped = |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev");
        let next = list(&nodes[id]["deps"]).filter(shipped);
        open.extend(next.map(|dependency| text(&dependency["pkg"])));
    }
    reached
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
