//! Notices that EC2 is about to take a spot instance away: two minutes before, and not always.
//!
//! Nothing rests on them: a worker that is killed without one costs a chunk, and its message comes back. With one the
//! message is given back at once. (EC2 user guide, "Spot Instance interruption notices".)

use std::time::Duration;

use aws_config::imds::Client;
use aws_config::imds::client::error::ImdsError;

/// As often as EC2 advises.
const EVERY: Duration = Duration::from_secs(5);
/// `{"action": "terminate", "time": …}`, or 404 as long as there is none.
const NOTICE: &str = "/latest/meta-data/spot/instance-action";

/// The endpoint is no URL.
#[derive(Debug, thiserror::Error)]
#[error("spot.endpoint_url is no URL: {0}")]
pub struct BadEndpoint(String);

/// The instance's own metadata, by IMDSv2: the SDK fetches the session token and renews it.
#[derive(Clone, Debug)]
pub struct Notices {
    client: Client,
}

impl Notices {
    /// Of the metadata service at `endpoint`. Asks nothing yet.
    ///
    /// # Errors
    /// `endpoint` is no URL.
    pub fn of(endpoint: &str) -> Result<Notices, BadEndpoint> {
        let client = Client::builder().endpoint(endpoint).map_err(|e| BadEndpoint(e.to_string()))?;
        Ok(Notices { client: client.max_attempts(1).build() })
    }

    /// Comes with the first notice. A metadata service that does not answer is said once, and asked on.
    pub async fn first(&self) {
        let mut silent = false;
        loop {
            match self.client.get(NOTICE).await {
                Ok(notice) => {
                    return tracing::warn!(
                        notice = notice.as_ref(),
                        "this instance is about to be taken away"
                    );
                }
                Err(ImdsError::ErrorResponse(e)) if e.response().status().as_u16() == 404 => silent = false,
                Err(e) if !silent => {
                    silent = true;
                    let cause = crate::error::chain(&e);
                    tracing::warn!(cause, "no word of spot interruptions; work goes on without");
                }
                Err(_) => {}
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
