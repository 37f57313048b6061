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
    let uid = nix::unistd::getuid().as_raw();
    let request = request.map(axum::body::Body::from);
    let response = match router::local_router(app.clone(), uid).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(Error::internal)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
