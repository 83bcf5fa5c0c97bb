//! Requests to the JetStream API: in JSON, by the prefix that is configured, answered or refused by name.
//!
//! Replies come by the same inbox as acknowledgements ([`super::acks`]), so a permission that is missing is known as soon
//! as the server says so, and a lost connection ends the wait.

use std::time::Duration;

use serde_json::Value;

use super::JetStream;
use super::acks::Unacknowledged;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// JetStream's "stream not found".
pub(super) const NOT_FOUND: u64 = 10_059;

/// Why a request was not granted.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There was no answer.
    #[error("JetStream did not answer {request}: {error}")]
    NoAnswer {
        /// Subject of the request.
        request: String,
        /// What became of it.
        error: String,
    },
    /// The server does not let us ask, or hear the answer.
    #[error(transparent)]
    Denied(Unacknowledged),
    /// The JetStream API refused.
    #[error("JetStream refused {request}: {description} (error {code})")]
    Refused {
        /// Subject of the request.
        request: String,
        /// JetStream's error code.
        code: u64,
        /// JetStream's own words.
        description: String,
    },
}

impl JetStream {
    /// The subject of a request about a stream.
    pub(super) fn request(&self, verb: &str, stream: &str) -> String {
        format!("{}.STREAM.{verb}.{stream}", self.api_prefix)
    }

    /// Asks something of a stream: `INFO`, `CREATE` and so on.
    pub(super) async fn ask_of_stream(
        &self,
        verb: &str,
        stream: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        self.ask(self.request(verb, stream), body).await
    }

    /// Asks by this subject.
    pub(super) async fn ask(&self, request: String, body: &Value) -> Result<Value, ApiError> {
        let no_answer = |error: String| ApiError::NoAnswer { request: request.clone(), error };
        let payload = serde_json::to_vec(body).map_err(|error| no_answer(error.to_string()))?;
        let exchange = async {
            self.acks.hears()?;
            let waiting = self.acks.expect(request.as_str().into());
            let reply = waiting.reply_subject();
            let sent = self.client.publish_with_reply(request.clone(), reply, payload.into());
            sent.await.map_err(|error| Unacknowledged::from_client(&error))?;
            waiting.reply().await
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        let answer = match answer.unwrap_or(Err(Unacknowledged::TimedOut)) {
            Ok(answer) => answer,
            Err(denied @ (Unacknowledged::Denied(_) | Unacknowledged::Deaf(_))) => {
                return Err(ApiError::Denied(denied));
            }
            Err(Unacknowledged::TimedOut) => return Err(no_answer("no answer in time".to_owned())),
            Err(Unacknowledged::NoStream) => {
                return Err(no_answer(
                    "nobody is there to answer: is JetStream enabled for this user's account?"
                        .to_owned(),
                ));
            }
            Err(error) => return Err(no_answer(error.to_string())),
        };
        let answer: Value = serde_json::from_slice(&answer.payload)
            .map_err(|error| no_answer(error.to_string()))?;
        let Some(error) = answer.get("error") else { return Ok(answer) };
        let description = error.get("description").and_then(Value::as_str).unwrap_or_default();
        Err(ApiError::Refused {
            request,
            code: error.get("err_code").and_then(Value::as_u64).unwrap_or_default(),
            description: description.to_owned(),
        })
    }
}
