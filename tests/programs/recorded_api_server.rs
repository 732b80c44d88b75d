//! An API server that answers as a real one did, and says what it was asked. `tests/cluster` has a real one.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What it answers to a path.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A status and a body.
    Whole(u16, String),
    /// Events, a line each, behind which the watch stays open or ends.
    Events { lines: Vec<String>, ends: bool },
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    asked: Vec<String>,
    /// Counted up with each change of an answer: a watch that is open looks again.
    changes: usize,
}

pub(crate) struct RecordedApiServer {
    port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl RecordedApiServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("address").port();
        let state = Arc::<(Mutex<State>, Condvar)>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { port, state }
    }

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\n\
             kind: Config\n\
             current-context: test\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
             clusters: [{{name: test, cluster: {{server: \"http://127.0.0.1:{}\"}}}}]\n\
             users: [{{name: test, user: {{}}}}]\n",
            self.port
        )
    }

    /// Answers this from now on. `watch` or `list`, and the plural.
    pub(crate) fn answer(&self, verb: &str, plural: &str, answer: Answer) {
        let (state, changed) = &*self.state;
        let mut state = state.lock().expect("lock");
        state.answers.insert(format!("{verb} {plural}"), answer);
        state.changes += 1;
        changed.notify_all();
    }

    /// What it was asked for this plural so far: path and query.
    pub(crate) fn asked(&self, plural: &str) -> Vec<String> {
        let state = self.state.0.lock().expect("lock");
        let of_it = |asked: &&String| asked.contains(&format!("/{plural}?"));
        state.asked.iter().filter(of_it).cloned().collect()
    }
}

fn serve(mut stream: &TcpStream, shared: &(Mutex<State>, Condvar)) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let target = line.split(' ').nth(1)?.to_owned();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok()?;
        }
        let verb = if target.contains("watch=true") {
            "watch"
        } else {
            "list"
        };
        let plural = target.split('?').next()?.rsplit('/').next()?;
        let key = format!("{verb} {plural}");
        shared.0.lock().ok()?.asked.push(target);
        let answer = shared.0.lock().ok()?.answers.get(&key).cloned();
        match answer.unwrap_or(Answer::Whole(404, "404 page not found\n".to_owned())) {
            Answer::Whole(status, body) => write!(
                stream,
                "HTTP/1.1 {status} Recorded\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .ok()?,
            Answer::Events { .. } => events(stream, shared, &key)?,
        }
    }
}

/// Sends events in chunks for as long as the watch lasts.
fn events(mut stream: &TcpStream, shared: &(Mutex<State>, Condvar), key: &str) -> Option<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .ok()?;
    let (state, changed) = shared;
    let mut sent = 0;
    let mut state = state.lock().ok()?;
    loop {
        let Some(Answer::Events { lines, ends }) = state.answers.get(key).cloned() else {
            // No watch any more: the connection breaks.
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return None;
        };
        for line in lines.iter().skip(sent) {
            write!(stream, "{:x}\r\n{line}\n\r\n", line.len() + 1).ok()?;
        }
        sent = sent.max(lines.len());
        if ends {
            return write!(stream, "0\r\n\r\n").ok();
        }
        let changes = state.changes;
        while state.changes == changes {
            state = changed.wait_timeout(state, Duration::from_secs(1)).ok()?.0;
        }
    }
}
