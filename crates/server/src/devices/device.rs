//! The devices' own calls, over mutual TLS.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension, Json,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::request::Parts,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use moat_model::{
    DeviceId,
    sync::{CheckIn, CheckInReply, Problem, Push, Renew, Renewed},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{mpsc, watch};

use super::{DeviceRow, store};
use crate::{
    App,
    app::now,
    audit,
    caller::Actor,
    error::{Error, Result},
    json::rejected,
    listen::Peer,
    pki::PeerCertificate,
};

const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// An error in the shape of the device calls.
pub struct DeviceError(Error);

impl From<Error> for DeviceError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for DeviceError {
    fn into_response(self) -> Response {
        self.0.log();
        let code = match &self.0 {
            Error::Invalid {
                code: code @ ("tokenUnknown" | "tokenExpired" | "tokenUsedUp" | "csrInvalid"),
                ..
            } => code,
            Error::Invalid { .. } => "bodyInvalid",
            Error::Forbidden(_) => "deviceRevoked",
            Error::TooManyRequests { .. } => "tooManyRequests",
            Error::StorageFull => "storageFull",
            _ => "internal",
        };
        let problem = Problem {
            code: code.into(),
            message: self.0.to_string(),
        };
        (self.0.status(), Json(problem)).into_response()
    }
}

/// A JSON body of a device call.
pub struct DeviceBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for DeviceBody<T> {
    type Rejection = DeviceError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(DeviceError(rejected(&rejection))),
        }
    }
}

/// The device behind the connection's certificate; looked up at each request, so that revocation holds at once.
pub struct Enrolled(pub DeviceRow);

/// The device behind the connection's certificate, also one that was removed.
pub struct Known(pub DeviceRow);

impl FromRequestParts<App> for Enrolled {
    type Rejection = DeviceError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let Known(device) = Known::from_request_parts(parts, app).await?;
        match device.revoked_at {
            None => Ok(Self(device)),
            Some(_) => Err(revoked()),
        }
    }
}

fn revoked() -> DeviceError {
    DeviceError(Error::Forbidden("this device is not enrolled any more".into()))
}

impl FromRequestParts<App> for Known {
    type Rejection = DeviceError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let certificate = parts
            .extensions
            .get::<Option<PeerCertificate>>()
            .cloned()
            .flatten()
            .ok_or_else(revoked)?;
        if certificate.not_after <= now() {
            return Err(revoked());
        }
        let device = store::find_by_certificate(&app.db, &certificate.fingerprint).await?;
        device.map(Self).ok_or_else(revoked)
    }
}

pub async fn check_in(
    State(app): State<App>,
    Enrolled(device): Enrolled,
    Extension(Peer(peer)): Extension<Peer>,
    DeviceBody(body): DeviceBody<CheckIn>,
) -> Result<Json<CheckInReply>, DeviceError> {
    Ok(Json(
        super::check_in(&app, &device, body, &peer.ip().to_string()).await?,
    ))
}

/// A new certificate for a device that still has a valid one. The old one stays valid until it expires.
pub async fn renew(
    State(app): State<App>,
    Enrolled(device): Enrolled,
    Extension(shown): Extension<Option<PeerCertificate>>,
    DeviceBody(body): DeviceBody<Renew>,
) -> Result<Json<Renewed>, DeviceError> {
    let id = device.device_id()?;
    let certificate = app
        .authority
        .issue_device(id, &body.csr, app.config.device_certificate_days)?;
    let mut tx = app.db.begin().await?;
    store::insert_certificate(&mut tx, id, &certificate).await?;
    let before = shown.map(|shown| CertificateRecord {
        fingerprint: shown.fingerprint,
        not_after: shown.not_after.to_string(),
    });
    let after = CertificateRecord {
        fingerprint: certificate.fingerprint.clone(),
        not_after: certificate.not_after.to_string(),
    };
    let change = audit::Change {
        action: "renew",
        noun: "device certificate",
        id: &device.id,
        before: before.as_ref(),
        after: Some(&after),
    };
    audit::record(&mut tx, &Actor::Device(id), change).await?;
    tx.commit().await.map_err(Error::from)?;
    app.device_changed(id).await?;
    Ok(Json(Renewed {
        certificate: certificate.pem,
    }))
}

/// What the audit log says of a certificate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateRecord {
    fingerprint: String,
    not_after: String,
}

/// Server-sent events: the newest bundle version at once and at each change, and commands.
pub async fn push(
    State(app): State<App>,
    Enrolled(device): Enrolled,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, DeviceError> {
    let id = device.device_id()?;
    let connection = PushConnection::open(app.clone(), id);
    // Revoked between the look-up of the certificate and now: then nobody would end this connection.
    if super::get(&app, id).await?.revoked_at.is_some() {
        return Err(Error::Forbidden("this device is not enrolled any more".into()).into());
    }
    let events = stream::unfold(connection, |mut connection| async move {
        let push = connection.next().await?;
        let event = Event::default().json_data(push).unwrap_or_default();
        Some((Ok(event), connection))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct PushConnection {
    app: App,
    device: DeviceId,
    number: u64,
    pushes: mpsc::Receiver<Push>,
    revision: watch::Receiver<u64>,
}

impl PushConnection {
    fn open(app: App, device: DeviceId) -> Self {
        let (number, pushes) = app.hub.join(device);
        let mut revision = app.hub.revision();
        revision.mark_changed();
        Self {
            app,
            device,
            number,
            pushes,
            revision,
        }
    }

    /// None when the connection must end: revoked, replaced, or the server stops.
    async fn next(&mut self) -> Option<Push> {
        tokio::select! {
            push = self.pushes.recv() => push,
            changed = self.revision.changed() => {
                changed.ok()?;
                Some(Push::Bundle { version: *self.revision.borrow_and_update() })
            }
        }
    }
}

impl Drop for PushConnection {
    fn drop(&mut self) {
        self.app.hub.leave(self.device, self.number);
    }
}
