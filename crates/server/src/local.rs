//! Administration of a data folder without a running server: the same routes, called in this process.

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use tower::ServiceExt as _;

use crate::{
    App,
    error::{Error, Result},
    router,
};

/// Answers one administrative request as the admin socket would.
pub async fn call(app: &App, request: Request<Bytes>) -> Result<Response<Bytes>> {
    let (parts, body) = respond(app, request).await.into_parts();
    let body = body.collect().await.map_err(Error::internal)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

/// The same for answers that are read as they are made.
pub async fn respond(app: &App, request: Request<Bytes>) -> Response<axum::body::Body> {
    let uid = nix::unistd::getuid().as_raw();
    let request = request.map(axum::body::Body::from);
    match router::local_router(app.clone(), uid).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
