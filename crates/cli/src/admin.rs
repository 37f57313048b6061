//! Administration of a data folder: through the running server's admin socket, or on the folder itself while no server runs.
//! Both ways go through the same routes and operations.

use std::{
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use moat_server::{App, DataFolder};
use serde_json::Value;
use tokio::{
    net::UnixStream,
    time::{sleep, timeout},
};

/// Options that every administrative command has.
#[derive(Args, Clone)]
pub struct Target {
    /// The server's data folder
    #[arg(long, value_name = "DIR", env = "MOAT_DATA")]
    pub data: PathBuf,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
    /// How long to wait for the server's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

/// Body of a request, with its content type.
pub enum Body {
    None,
    Json(Value),
    Csv(Vec<u8>),
}

impl Target {
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, Body::None).await
    }

    /// Every page of a list, as one.
    pub async fn list(&self, path: &str) -> Result<Value> {
        let mut whole = self.get(path).await?;
        let mut next = next_page(&mut whole)?;
        while let Some(path) = next {
            let mut page = self.get(&path).await?;
            next = next_page(&mut page)?;
            let (Some(rows), Some(more)) = (whole["value"].as_array_mut(), page["value"].as_array_mut()) else {
                bail!("the server answered a page that is no list");
            };
            rows.append(more);
        }
        Ok(whole)
    }

    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.call(Method::POST, path, Body::Json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.call(Method::DELETE, path, Body::None).await
    }

    /// Sends one request. The answer's JSON, `Null` when it has none; errors carry the server's words.
    pub async fn call(&self, method: Method, path: &str, body: Body) -> Result<Value> {
        let (content_type, bytes) = match body {
            Body::None => (None, Bytes::new()),
            Body::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
            Body::Csv(bytes) => (Some("text/csv"), Bytes::from(bytes)),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, "localhost");
        if let Some(content_type) = content_type {
            request = request.header(http::header::CONTENT_TYPE, content_type);
        }
        let request = request.body(bytes)?;
        let limit = Duration::from_secs(self.timeout);
        let (status, bytes) = match connect(&self.data.join("admin.sock"), limit).await? {
            Some(socket) => {
                let answer = timeout(limit, over_socket(socket, request)).await;
                answer.map_err(|_| self.too_late())??
            }
            None => in_process(&self.data, request).await?,
        };
        answer(status, &bytes)
    }

    /// Sends one request whose answer is a file, and writes that as it comes. An answer that breaks off is an error.
    pub async fn download(&self, path: &str, body: Value, to: &mut impl Write) -> Result<()> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(http::header::HOST, "localhost")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))?;
        let limit = Duration::from_secs(self.timeout);
        let Some(socket) = connect(&self.data.join("admin.sock"), limit).await? else {
            let app = open(&self.data).await?;
            let saved = self.save(moat_server::local::respond(&app, request).await, to).await;
            app.close().await;
            return saved;
        };
        let answer = timeout(limit, send(socket, request)).await;
        self.save(answer.map_err(|_| self.too_late())??, to).await
    }

    async fn save<B>(&self, response: Response<B>, to: &mut impl Write) -> Result<()>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            return answer(status, &body.collect().await?.to_bytes()).map(drop);
        }
        let limit = Duration::from_secs(self.timeout);
        while let Some(frame) = timeout(limit, body.frame()).await.map_err(|_| self.too_late())? {
            let frame = frame.context("the server's answer broke off; its log says why")?;
            if let Ok(bytes) = frame.into_data() {
                to.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    fn too_late(&self) -> anyhow::Error {
        anyhow!(
            "the server did not answer within {} s; whether it did what was asked is not known (--timeout waits longer)",
            self.timeout
        )
    }
}

/// A connection to the running server; none when no server runs.
async fn connect(path: &Path, limit: Duration) -> Result<Option<UnixStream>> {
    let start = Instant::now();
    loop {
        match UnixStream::connect(path).await {
            Ok(socket) => return Ok(Some(socket)),
            // Its queue is full: it runs, and is busy.
            Err(error) if error.kind() == ErrorKind::WouldBlock && start.elapsed() < limit => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::WouldBlock) => {
                return Err(error).context("the server's admin socket cannot be used");
            }
            Err(_) => return Ok(None),
        }
    }
}

/// Takes the address of the next page out of a list: its path and query.
fn next_page(list: &mut Value) -> Result<Option<String>> {
    let link = list.as_object_mut().and_then(|list| list.remove("@odata.nextLink"));
    let Some(link) = link else { return Ok(None) };
    let link: http::Uri = link
        .as_str()
        .and_then(|link| link.parse().ok())
        .context("the address of the next page cannot be read")?;
    Ok(link.path_and_query().map(ToString::to_string))
}

async fn over_socket(socket: UnixStream, request: Request<Bytes>) -> Result<(http::StatusCode, Bytes)> {
    let response = send(socket, request).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

async fn send(socket: UnixStream, request: Request<Bytes>) -> Result<Response<Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .context("the server did not answer")?;
    tokio::spawn(connection);
    let answered = sender.send_request(request.map(Full::new)).await;
    answered.context("the server did not answer")
}

async fn in_process(data: &Path, request: Request<Bytes>) -> Result<(http::StatusCode, Bytes)> {
    let app = open(data).await?;
    let response = moat_server::local::call(&app, request).await;
    app.close().await;
    let response = response?;
    Ok((response.status(), response.into_body()))
}

/// The folder itself, while no server runs.
async fn open(data: &Path) -> Result<App> {
    if !data.join("moat.db").exists() {
        bail!(
            "{} is not a data folder of Moat: start `moat serve --data {}` first",
            data.display(),
            data.display()
        );
    }
    App::open(DataFolder::open(data)?, crate::serve::load_config(data, None)?).await
}

fn answer(status: http::StatusCode, bytes: &[u8]) -> Result<Value> {
    let value: Value = match bytes {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).unwrap_or(Value::Null),
    };
    if status.is_success() {
        return Ok(value);
    }
    let error = &value["error"];
    match (error["code"].as_str(), error["message"].as_str()) {
        (Some(code), Some(message)) => bail!("{message} ({code})"),
        _ => bail!("the server answered {status}"),
    }
}
