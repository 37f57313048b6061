//! People who sign in to the console. Passwords come from a prompt or from standard input, never from an argument.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use serde_json::json;

use crate::{admin::Target, devices::path_segment, output};

#[derive(Subcommand)]
pub enum Command {
    /// Make an administrator; the password is asked for, or is the first line of standard input
    Add {
        #[command(flatten)]
        target: Target,
        name: String,
        /// Global administrator, Security operator, Security reader or Helpdesk
        #[arg(long, default_value = "Global administrator")]
        role: String,
    },
    /// Give an administrator another password and end their sessions
    Reset {
        #[command(flatten)]
        target: Target,
        name: String,
    },
    /// List the administrators
    List {
        #[command(flatten)]
        target: Target,
    },
}

pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::Add { target, name, role } => {
            let body = json!({"name": name, "password": password()?, "role": role});
            target.post("/admin/administrators", body).await?;
            output::line(&format!("{name} can sign in to the console"))
        }
        Command::Reset { target, name } => {
            let path = format!("/admin/administrators/{}/password", path_segment(&name));
            let answer = target.post(&path, json!({"password": password()?})).await?;
            if target.json {
                return output::json(&answer);
            }
            let ended = &answer["endedSessions"];
            output::line(&format!("{name} has the new password; sessions ended: {ended}"))
        }
        Command::List { target } => {
            let answer = target.get("/admin/administrators").await?;
            if target.json {
                return output::json(&answer);
            }
            let none = "There is no administrator. Make one with `moat setup-link` or `moat administrator add NAME`.";
            output::table(
                &answer,
                &[("NAME", "name"), ("ROLE", "role"), ("MADE", "createdAt")],
                none,
            )
        }
    }
}

fn password() -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return read_line();
    }
    let password = ask("New password: ")?;
    if ask("Again: ")? != password {
        bail!("the two passwords differ");
    }
    Ok(password)
}

/// Asks on the terminal and does not show what is typed.
fn ask(prompt: &str) -> Result<String> {
    let stdin = std::io::stdin();
    let mut err = std::io::stderr();
    write!(err, "{prompt}")?;
    err.flush()?;
    let before = tcgetattr(&stdin).context("the terminal cannot be set to hide the password")?;
    let mut hidden = before.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden)?;
    let line = read_line();
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &before)?;
    writeln!(err)?;
    line
}

fn read_line() -> Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_string())
}
