//! The apps' own call, over their device's mutual TLS.

use axum::{Json, extract::State};
use moat_model::app_protection::{AppCheckIn, AppCheckInReply, WipeReceipt};

use super::{lease, proof::Proof, registrations};
use crate::{
    App,
    app::now,
    audit,
    caller::Actor,
    db::Transaction,
    devices::{
        DeviceRow,
        device::{DeviceBody, DeviceError, Known},
    },
    error::{Error, Result},
};

/// `POST /device/v1/apps/check-in`: registers the app or renews its registration, takes receipts, answers the lease. An app on a
/// device that was removed gets nothing but the order to wipe that still stands.
pub async fn check_in(
    State(app): State<App>,
    Known(device): Known,
    DeviceBody(body): DeviceBody<AppCheckIn>,
) -> Result<Json<AppCheckInReply>, DeviceError> {
    Ok(Json(answer(&app, &device, &body).await?))
}

async fn answer(app: &App, device: &DeviceRow, body: &AppCheckIn) -> Result<AppCheckInReply> {
    check(body)?;
    if device.revoked_at.is_some() {
        return last_order(app, device, body).await;
    }
    let id = device.device_id()?;
    let mut tx = app.db.begin().await?;
    let registration = registrations::register(&mut tx, device, body).await?;
    if let Some(receipt) = &body.wiped {
        take_receipt(&mut tx, device, registration, receipt).await?;
    }
    let managed = device.management == "managed";
    let lease = lease::lease(&mut tx, app, id, registration, &body.bundle_id, managed).await?;
    tx.commit().await.map_err(Error::from)?;
    app.device_changed(id).await?;
    Ok(match lease {
        Ok(lease) => AppCheckInReply {
            registration_id: registration,
            access_proof: Some(Proof::of(&lease).seal(&app.keys.link)),
            lease: Some(lease::sign(app, &lease)?),
            reason: None,
        },
        Err(reason) => AppCheckInReply {
            registration_id: registration,
            lease: None,
            reason: Some(reason),
            access_proof: None,
        },
    })
}

async fn last_order(app: &App, device: &DeviceRow, body: &AppCheckIn) -> Result<AppCheckInReply> {
    let gone = || Error::Forbidden("this device is not enrolled any more".into());
    let mut tx = app.db.begin().await?;
    let found = registrations::find(&mut tx, device, &body.bundle_id).await?;
    let (registration, user) = found.ok_or_else(gone)?;
    if let Some(receipt) = &body.wiped {
        take_receipt(&mut tx, device, registration, receipt).await?;
    }
    let order = lease::open_order(&mut tx, registration).await?;
    tx.commit().await.map_err(Error::from)?;
    let (lease, reason) = match (order, &body.wiped) {
        (Some(order), _) => {
            let lease = lease::last(app, device, registration, &body.bundle_id, user.as_deref(), order)?;
            (Some(lease::sign(app, &lease)?), None)
        }
        (None, Some(_)) => (None, Some("The device was removed.".into())),
        (None, None) => return Err(gone()),
    };
    app.hub.changed();
    Ok(AppCheckInReply {
        registration_id: registration,
        lease,
        reason,
        // The device is out, and its app with it.
        access_proof: None,
    })
}

async fn take_receipt(
    tx: &mut Transaction,
    device: &DeviceRow,
    registration: moat_model::app_protection::RegistrationId,
    receipt: &WipeReceipt,
) -> Result<()> {
    if let Some(order) = receipt.order {
        let query =
            "UPDATE app_wipe_orders SET done_at = $1 WHERE id = $2 AND registration_id = $3 AND done_at IS NULL";
        let query = sqlx::query(query)
            .bind(now().as_micros())
            .bind(order.to_string())
            .bind(registration.to_string());
        query.execute(&mut **tx).await?;
    }
    let query =
        sqlx::query("UPDATE app_registrations SET wiped_at = $1, wipe_reason = $2, wipe_noted_at = $3 WHERE id = $4");
    let query = query
        .bind(receipt.at.min(now()).as_micros())
        .bind(receipt.reason.clone())
        .bind(now().as_micros())
        .bind(registration.to_string());
    query.execute(&mut **tx).await?;
    let change = audit::Change {
        action: "wipe",
        noun: "app data",
        id: &registration.to_string(),
        before: None,
        after: Some(receipt),
    };
    audit::record(tx, &Actor::Device(device.device_id()?), change).await
}

fn check(body: &AppCheckIn) -> Result<()> {
    let fields = [
        ("bundleId", &body.bundle_id),
        ("appVersion", &body.app_version),
        ("sdkVersion", &body.sdk_version),
        ("osVersion", &body.os_version),
        ("deviceModel", &body.device_model),
        ("deviceTag", &body.device_tag),
    ];
    for (name, value) in fields {
        if value.len() > 200 || value.chars().any(char::is_control) {
            let rule = "must have at most 200 bytes and no control characters";
            return Err(Error::invalid("bodyInvalid", format!("{name} {rule}")));
        }
    }
    if body.bundle_id.is_empty() {
        return Err(Error::invalid("bodyInvalid", "bundleId is empty"));
    }
    let reason = body
        .wiped
        .as_ref()
        .map(|receipt| receipt.reason.as_str())
        .unwrap_or_default();
    if reason.len() > 2_000 {
        return Err(Error::invalid("bodyInvalid", "wiped.reason has more than 2000 bytes"));
    }
    Ok(())
}
