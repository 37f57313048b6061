//! Administrators of the console: set-up link, passwords, sessions.

pub mod console;
pub mod session;
mod store;

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    App,
    app::now,
    audit,
    caller::{Actor, Caller, Role},
    error::{Error, Result},
    json::{ApiError, Body},
    secret,
};

pub use session::Session;

const SETUP_LINK_LIFETIME: std::time::Duration = std::time::Duration::from_secs(86_400);
const MIN_PASSWORD: usize = 12;
const MAX_PASSWORD: usize = 1_000;

/// What is wrong with a form's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: &'static str,
    pub message: String,
}

#[derive(Serialize)]
struct AdministratorRecord<'a> {
    name: &'a str,
}

/// A link that makes the first administrator; none once there is one. Links made before stop working.
pub async fn setup_link(app: &App) -> Result<Option<String>> {
    let mut tx = app.db.begin().await?;
    if store::count(&mut tx).await? > 0 {
        return Ok(None);
    }
    let token = secret::generate();
    store::replace_setup_link(
        &mut tx,
        &secret::hash(&token),
        now().saturating_add(SETUP_LINK_LIFETIME),
    )
    .await?;
    tx.commit().await?;
    Ok(Some(format!("{}/setup/{token}", app.base_url())))
}

/// Whether a set-up link works.
pub async fn setup_is_open(app: &App, token: &str) -> Result<bool> {
    store::setup_link_is_valid(&app.db, &secret::hash(token)).await
}

/// Makes the first administrator and uses the link up.
pub async fn set_up(app: &App, token: &str, name: &str, password: &str) -> Result<Session> {
    let hash = hash_password(password).await?;
    let id = uuid::Uuid::now_v7().to_string();
    let name = name.trim();
    let mut tx = app.db.begin().await?;
    if !store::use_setup_link(&mut tx, &secret::hash(token)).await? || store::count(&mut tx).await? > 0 {
        return Err(Error::Forbidden("this set-up link was used or has expired".into()));
    }
    store::insert(&mut tx, &id, name, &hash).await?;
    let actor = Actor::Administrator {
        id: id.clone(),
        name: name.to_string(),
    };
    let record = AdministratorRecord { name };
    let change = audit::Change {
        action: "create",
        noun: "administrator",
        id: &id,
        before: None,
        after: Some(&record),
    };
    audit::record(&mut tx, &actor, change).await?;
    tx.commit().await?;
    session::open(app, &id, name).await
}

/// Signs in. Wrong attempts are limited by name and by address; an unknown name costs as much time as a wrong password.
pub async fn sign_in(app: &App, name: &str, password: &str, address: &str) -> Result<Session> {
    let (by_name, by_address) = (format!("name {name}"), format!("address {address}"));
    app.limits.sign_in_failures.check(&by_name)?;
    app.limits.sign_in_failures.check(&by_address)?;
    let known = store::find(&app.db, name.trim()).await?;
    let hash = known
        .as_ref()
        .map_or_else(|| DUMMY_HASH.to_string(), |row| row.password_hash.clone());
    let right = verify_password(password, hash).await?;
    match known.filter(|_| right) {
        Some(row) => session::open(app, &row.id, &row.name).await,
        None => {
            let _ = app.limits.sign_in_failures.take(&by_name);
            let _ = app.limits.sign_in_failures.take(&by_address);
            Err(Error::Unauthorized("The name or the password is wrong.".into()))
        }
    }
}

/// Checks what a new administrator typed.
pub fn check_new(name: &str, password: &str, again: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |field, message: &str| {
        errors.push(FieldError {
            field,
            message: message.into(),
        })
    };
    if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        wrong("name", "Give a name of at most 100 characters.");
    }
    if password.chars().count() < MIN_PASSWORD {
        wrong("password", "Use at least 12 characters.");
    } else if password.len() > MAX_PASSWORD {
        wrong("password", "Use at most 1,000 characters.");
    } else if password != again {
        wrong("again", "The two passwords differ.");
    }
    errors
}

/// `POST /admin/setup-link`.
pub async fn admin_setup_link(
    axum::extract::State(app): axum::extract::State<App>,
    caller: Caller,
    Body(_): Body<Value>,
) -> Result<axum::Json<Value>, ApiError> {
    caller.require_any(&[Role::MoatAdministrate])?;
    Ok(axum::Json(json!({"link": setup_link(&app).await?})))
}

/// A hash that fits no password, for names that do not exist. Same parameters as real ones.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IHRoYXQgaXMgbm9uZQ$6yNDCzDn6Z0Dh1ZGZ1uN0u0m5zj0mQnqQ4cyq6sV1mM";

async fn hash_password(password: &str) -> Result<String> {
    let password = password.to_string();
    let hashed = tokio::task::spawn_blocking(move || {
        let salt = SaltString::encode_b64(&secret::random_bytes::<16>())
            .map_err(|e| Error::internal(anyhow::anyhow!("{e}")))?;
        let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string())
            .map_err(|e| Error::internal(anyhow::anyhow!("{e}")))
    });
    hashed.await.map_err(Error::internal)?
}

async fn verify_password(password: &str, hash: String) -> Result<bool> {
    let password = password.to_string();
    let verified = tokio::task::spawn_blocking(move || {
        let hash =
            PasswordHash::new(&hash).map_err(|e| Error::internal(anyhow::anyhow!("stored password hash: {e}")))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    verified.await.map_err(Error::internal)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dummy_hash_is_a_hash() {
        assert!(PasswordHash::new(DUMMY_HASH).is_ok());
    }

    #[tokio::test]
    async fn passwords_verify_and_others_do_not() {
        let hash = hash_password("correct horse battery").await.unwrap();
        assert!(verify_password("correct horse battery", hash.clone()).await.unwrap());
        assert!(!verify_password("correct horse batterY", hash).await.unwrap());
    }
}
