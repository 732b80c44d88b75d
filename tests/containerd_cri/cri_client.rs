//! gRPC to the CRI's socket: one call at a time, blocking, over h2.

use std::path::Path;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use prost::Message;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

/// Longer than containerd's own limits for its calls to a shim.
const CALL_LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct CriClient {
    runtime: Runtime,
    connection: SendRequest<Bytes>,
}

/// What the server answered in place of a message: gRPC's code and text.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl CriClient {
    pub(crate) fn connect(socket: &Path) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(async {
            let stream = UnixStream::connect(socket).await?;
            let (sender, driver) = h2::client::handshake(stream)
                .await
                .map_err(std::io::Error::other)?;
            tokio::spawn(driver);
            Ok::<_, std::io::Error>(sender)
        })?;
        Ok(Self {
            runtime,
            connection,
        })
    }

    pub(crate) fn call<Answer: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<Answer, Refused> {
        let exchange = exchange(self.connection.clone(), method, request.encode_to_vec());
        self.runtime
            .block_on(async { tokio::time::timeout(CALL_LIMIT, exchange).await })
            .unwrap_or_else(|_| panic!("{method}: no answer within {CALL_LIMIT:?}"))
            .unwrap_or_else(|error| panic!("{method}: {error}"))
            .map(|answer| Answer::decode(answer).expect("the answer's message"))
    }
}

async fn exchange(
    connection: SendRequest<Bytes>,
    method: &str,
    message: Vec<u8>,
) -> Result<Result<Bytes, Refused>, h2::Error> {
    let request = http::Request::post(format!(
        "http://localhost/runtime.v1.RuntimeService/{method}"
    ))
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .body(())
    .expect("a request");
    // A gRPC frame: not compressed, length, message.
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a short message"));
    frame.put_slice(&message);

    let (response, mut sending) = connection.ready().await?.send_request(request, false)?;
    sending.send_data(frame.freeze(), true)?;
    let (head, mut body) = response.await?.into_parts();
    let mut answer = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        answer.extend_from_slice(&data);
    }
    // A refusal may come without a body; its status is then in the headers.
    let end = body.trailers().await?.unwrap_or(head.headers);
    let text = |name| {
        end.get(name)
            .map(|value| percent_decoded(value.as_bytes()))
            .unwrap_or_default()
    };
    Ok(match text("grpc-status").as_str() {
        "0" => Ok(answer.split_off(5).freeze()),
        code => Err(Refused {
            code: code.to_owned(),
            message: text("grpc-message"),
        }),
    })
}

/// `grpc-message` is percent-encoded UTF-8.
fn percent_decoded(text: &[u8]) -> String {
    let (mut out, mut rest) = (Vec::new(), text);
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(out).expect("UTF-8")
}
