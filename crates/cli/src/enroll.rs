use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::{admin::Target, devices::path_segment, output};

#[derive(Subcommand)]
pub enum Command {
    /// Make an enrolment token and link
    Token {
        #[command(flatten)]
        target: Target,
        /// How long it can be used: 30m, 24h, 7d
        #[arg(long, default_value = "24h", value_parser = seconds)]
        lifetime: u64,
        /// How many devices may use it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        uses: u32,
        /// For devices that the organisation does not manage
        #[arg(long)]
        unmanaged: bool,
        /// Device group that the devices join
        #[arg(long, default_value = "")]
        group: String,
        /// Whose devices they are: id or principal name of a user
        #[arg(long)]
        user: Option<String>,
    },
    /// List the tokens (never the secrets)
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Make a token useless
    Revoke {
        #[command(flatten)]
        target: Target,
        id: String,
    },
}

pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::Token {
            target,
            lifetime,
            uses,
            unmanaged,
            group,
            user,
        } => {
            let management = if unmanaged { "unmanaged" } else { "managed" };
            let body = json!({"lifetimeSeconds": lifetime, "maxUses": uses, "management": management, "deviceGroup": group, "user": user});
            print_token(&target, &target.post("/admin/enrollment-tokens", body).await?)
        }
        Command::List { target } => {
            let answer = target.get("/admin/enrollment-tokens").await?;
            if target.json {
                return output::json(&answer);
            }
            let columns = [
                ("ID", "id"),
                ("FOR", "management"),
                ("GROUP", "deviceGroup"),
                ("USES", "uses"),
                ("OF", "maxUses"),
                ("EXPIRES", "expiresAt"),
                ("REVOKED", "revokedAt"),
            ];
            output::table(
                &answer,
                &columns,
                "There are no enrolment tokens. Make one with `moat enroll token`.",
            )
        }
        Command::Revoke { target, id } => {
            let path = format!("/admin/enrollment-tokens/{}", path_segment(&id));
            target.delete(&path).await?;
            if target.json {
                return output::json(&json!({"id": id, "revoked": true}));
            }
            output::line("the token can no longer be used")
        }
    }
}

fn print_token(target: &Target, token: &Value) -> Result<()> {
    if target.json {
        return output::json(token);
    }
    let text = |field: &str| token[field].as_str().unwrap_or_default().to_string();
    output::line(&format!("link     {}", text("link")))?;
    output::line(&format!("token    {}", text("token")))?;
    output::line(&format!("expires  {}", text("expiresAt")))?;
    output::line("On the device: moat-agent enroll --link LINK --ca ca.pem --data DIR")
}

/// Reads 90s, 30m, 24h or 7d.
pub fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a time such as 30m, 24h or 7d");
    let (unit_at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text.get(..unit_at).and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    number.checked_mul(factor).filter(|s| *s > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in ["", "7", "d", "0h", "-1h", "1w", "99999999999999999999d", "1é"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
