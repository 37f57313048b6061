//! Named locations: networks and countries that conditional access policies refer to.

pub mod console;
pub mod graph;

use moat_model::{PolicyId, conditional_access::NamedLocation};
use moat_policy::conditional_access::validate_location;

use super::{READ, WRITE, compile, text};
use crate::{
    App,
    caller::Caller,
    edition::Expected,
    error::{Error, Result},
    policies::{self, Kind, PolicyRow},
    users::checked,
};

pub fn location_of(row: &PolicyRow) -> Result<NamedLocation> {
    serde_json::from_str(&row.body).map_err(Error::internal)
}

pub async fn get(app: &App, caller: &Caller, id: PolicyId) -> Result<PolicyRow> {
    caller.require_any(READ)?;
    policies::get(app, Kind::NamedLocation, id).await
}

pub async fn create(app: &App, caller: &Caller, id: PolicyId, location: &NamedLocation) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let name = check(location)?;
    let row = PolicyRow::new(Kind::NamedLocation, id, name, None, text(location)?);
    let mut tx = app.db.begin().await?;
    policies::create(&mut tx, caller, &row).await?;
    app.commit_policy(tx).await?;
    Ok(row)
}

/// Changes a location by what `change` makes of it; its kind stays.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: PolicyId,
    expected: &Expected,
    change: impl FnOnce(NamedLocation) -> Result<NamedLocation> + Send,
) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = policies::store::get(&mut *tx, Kind::NamedLocation, id).await?;
    let before = before.ok_or_else(|| policies::unknown(Kind::NamedLocation, id))?;
    expected.check(before.updated_at)?;
    let was = location_of(&before)?;
    let location = change(was.clone())?;
    if std::mem::discriminant(&was) != std::mem::discriminant(&location) {
        return Err(Error::invalid(
            "BadRequest",
            "@odata.type: a location cannot become one of another kind",
        ));
    }
    let mut after = before.clone();
    after.display_name = check(&location)?;
    after.body = text(&location)?;
    policies::update(&mut tx, caller, &before, after).await?;
    compile(&mut tx).await?;
    app.commit_policy(tx).await?;
    policies::get(app, Kind::NamedLocation, id).await
}

/// Deletes a location that no active policy names.
pub async fn delete(app: &App, caller: &Caller, id: PolicyId, expected: &Expected) -> Result<()> {
    caller.require_any(WRITE)?;
    policies::delete(app, caller, Kind::NamedLocation, id, expected).await
}

/// Its name, when it can be.
fn check(location: &NamedLocation) -> Result<String> {
    validate_location(location).map_err(Error::from)?;
    checked("displayName", location.display_name(), 256)
}
