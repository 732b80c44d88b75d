//! Health and metrics, for probes and Prometheus: three read-only pages without access control.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::agent::report::Report;

/// How long one request may take. Requests are served one after the other.
const LIMIT: Duration = Duration::from_secs(2);
const REQUEST_MAX: usize = 8 * 1024;

/// Serves for as long as the process runs.
pub(super) fn serve(listener: &TcpListener, report: &Report) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let _ = answer(stream, report);
            }
            // Out of descriptors, for one.
            Err(_) => std::thread::sleep(LIMIT),
        }
    }
}

fn answer(mut stream: TcpStream, report: &Report) -> io::Result<()> {
    stream.set_write_timeout(Some(LIMIT))?;
    let request = read_head(&mut stream)?;
    let mut words = request.split(|byte| *byte == b' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let path = target.split(|byte| *byte == b'?').next();
    let (status, kind, body) = match (method, path.unwrap_or_default()) {
        (Some(b"GET" | b"HEAD"), path) => page(path, report),
        _ => (
            "405 Method Not Allowed",
            TEXT,
            "only GET and HEAD\n".to_owned(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    if method != Some(b"HEAD") {
        stream.write_all(body.as_bytes())?;
    }
    Ok(())
}

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn page(path: &[u8], report: &Report) -> (&'static str, &'static str, String) {
    match path {
        b"/healthz" => ("200 OK", TEXT, "ok\n".to_owned()),
        b"/readyz" if report.is_connected() => ("200 OK", TEXT, "ok\n".to_owned()),
        b"/readyz" => (
            "503 Service Unavailable",
            TEXT,
            "no engine is connected by NRI\n".to_owned(),
        ),
        b"/metrics" => match report.metrics() {
            Ok(text) => ("200 OK", OPEN_METRICS, text),
            Err(_) => ("500 Internal Server Error", TEXT, String::new()),
        },
        _ => (
            "404 Not Found",
            TEXT,
            "/healthz, /readyz, /metrics\n".to_owned(),
        ),
    }
}

/// The head of a request, to its empty line.
fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let end = Instant::now() + LIMIT;
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > REQUEST_MAX {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    Ok(head)
}
