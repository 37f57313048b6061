//! `moat backup` and `moat restore`. A backup has its name only once it was read back and found whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use moat_server::backup::{self, Manifest};
use serde_json::{Value, json};

use crate::{admin::Target, output};

/// The longest file that may hold a passphrase.
const MAX_PASSPHRASE: u64 = 64 << 10;

#[derive(Args)]
pub struct BackupArgs {
    /// The file to make, or the one to verify
    file: PathBuf,
    /// The server's data folder
    #[arg(long, value_name = "DIR", env = "MOAT_DATA", required_unless_present = "verify")]
    data: Option<PathBuf>,
    /// Check a backup instead of making one; nothing is written
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    secret: Secret,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
    /// How long to wait for the server's next word
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

#[derive(Args)]
pub struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// The data folder to make; it must be empty or not there yet
    #[arg(long, value_name = "DIR", env = "MOAT_DATA")]
    data: PathBuf,
    #[command(flatten)]
    secret: Secret,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Secret {
    /// File whose first line is the passphrase; - reads it from standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub async fn run(args: BackupArgs) -> Result<()> {
    let passphrase = args.secret.read()?;
    let manifest = match args.data {
        Some(data) if !args.verify => {
            let target = Target {
                data,
                json: args.json,
                timeout: args.timeout,
            };
            make(&target, &args.file, passphrase.as_deref()).await?
        }
        _ => verified(&args.file, passphrase.as_deref())?,
    };
    tell(&args.file, &manifest, args.json)
}

pub async fn run_restore(args: RestoreArgs) -> Result<()> {
    let (passphrase, uid) = (args.secret.read()?, nix::unistd::getuid().as_raw());
    let manifest = backup::restore(&args.file, passphrase.as_deref(), &args.data, uid).await;
    let manifest = manifest.with_context(|| format!("{} was not restored", args.file.display()))?;
    if args.json {
        return output::json(&json!({"data": args.data, "manifest": manifest}));
    }
    let data = args.data.display();
    output::line(&format!("{data} is as it was at {}", manifest.made_at))?;
    left_out(&manifest)?;
    output::line(&format!("Start it with `moat serve --data {data}`."))
}

async fn make(target: &Target, file: &Path, passphrase: Option<&str>) -> Result<Manifest> {
    if file.exists() {
        bail!("{} is there already: name a new file", file.display());
    }
    let draft = Draft::of(file)?;
    let mut output = draft.open()?;
    let body = json!({ "passphrase": passphrase });
    target.download("/admin/backup", body, &mut output).await?;
    output.sync_all()?;
    let manifest = verified(&draft.0, passphrase)?;
    fs::rename(&draft.0, file).with_context(|| format!("cannot write {}", file.display()))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(manifest)
}

fn verified(file: &Path, passphrase: Option<&str>) -> Result<Manifest> {
    backup::check(file, passphrase).with_context(|| format!("{} is no usable backup", file.display()))
}

fn tell(file: &Path, manifest: &Manifest, as_json: bool) -> Result<()> {
    let bytes = fs::metadata(file)?.len();
    if as_json {
        let answer: Value = json!({"file": file, "bytes": bytes, "manifest": manifest});
        return output::json(&answer);
    }
    let (name, files) = (file.display(), manifest.files.len());
    output::line(&format!(
        "{name}: whole, {bytes} bytes, {files} files, made at {} by Moat {}",
        manifest.made_at, manifest.version
    ))?;
    left_out(manifest)
}

fn left_out(manifest: &Manifest) -> Result<()> {
    for file in &manifest.left_out {
        output::line(&format!(
            "Not in it, and needed by the configuration: {}",
            file.display()
        ))?;
    }
    Ok(())
}

impl Secret {
    fn read(&self) -> Result<Option<String>> {
        let Some(file) = &self.passphrase_file else {
            return Ok(None);
        };
        let mut line = String::new();
        if file.as_os_str() == "-" {
            std::io::stdin().lock().take(MAX_PASSPHRASE).read_line(&mut line)?;
        } else {
            let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
            BufReader::new(opened.take(MAX_PASSPHRASE)).read_line(&mut line)?;
        }
        let passphrase = line.trim_end_matches(['\r', '\n']).to_string();
        if passphrase.is_empty() {
            bail!("there is no passphrase in {}: its first line is empty", file.display());
        }
        Ok(Some(passphrase))
    }
}

/// A backup that is still being made: `FILE.part`. It goes unless it became the backup.
struct Draft(PathBuf);

impl Draft {
    fn of(file: &Path) -> Result<Self> {
        let name = file.file_name().context("FILE has no name")?;
        let mut name = name.to_os_string();
        name.push(".part");
        Ok(Self(file.with_file_name(name)))
    }

    /// A new file, whatever lies there: another user's file or link would not be ours alone.
    fn open(&self) -> Result<File> {
        let _ = fs::remove_file(&self.0);
        let opened = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&self.0);
        opened.with_context(|| format!("cannot write {}", self.0.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
