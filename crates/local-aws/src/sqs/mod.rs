//! SQS over a folder: standard queues, by the AWS JSON 1.0 protocol.
//!
//! Requests are not authenticated: nothing that the pipeline does depends on SQS refusing a signature, and only
//! loopback reaches this. FIFO queues are refused.

mod batch;
mod message;
mod messages;
mod queue;
mod queues;
mod receipt;
mod redrive;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use tokio_util::sync::CancellationToken;

pub(crate) use self::queue::Queue;
pub(crate) use self::queues::is_queue_name;
pub use self::receipt::StaleHandles;
use self::redrive::MoveTask;
use self::settings::{RedrivePolicy, Settings};
use crate::StackError;
use crate::aws_json::{self, Answer, Fault, input, output};
use crate::clock::Clock;
use crate::disk;
use crate::identity::ACCOUNT;
use crate::sync::read;

/// How often a message is received before it goes to the dead-letter queue of the stack's own queue.
const MAX_RECEIVES: u32 = 5;

/// All queues of one data folder.
pub(crate) struct Sqs {
    folder: PathBuf,
    region: String,
    endpoint: String,
    clock: Clock,
    stop: CancellationToken,
    refuse_stale: AtomicBool,
    queues: RwLock<BTreeMap<String, Arc<Queue>>>,
    tasks: Mutex<Vec<MoveTask>>,
}

impl Sqs {
    /// Opens the queues below `folder`. `endpoint` begins their URLs; `stop` ends waiting receives.
    pub fn open(
        folder: &Path,
        region: &str,
        endpoint: String,
        clock: Clock,
        stop: CancellationToken,
    ) -> Result<Sqs, StackError> {
        disk::create_folder(folder)?;
        let mut queues = BTreeMap::new();
        for name in disk::names(folder)? {
            let home = folder.join(&name);
            let queue = Queue::open(&home, &name, arn(region, &name), Settings::default(), clock.clone())?;
            queues.insert(name, Arc::new(queue));
        }
        Ok(Sqs {
            folder: folder.to_owned(),
            region: region.to_owned(),
            endpoint,
            clock,
            stop,
            refuse_stale: AtomicBool::new(false),
            queues: RwLock::new(queues),
            tasks: Mutex::default(),
        })
    }

    /// The stack's queue `name`, with its dead-letter queue `<name>-dlq`, made where they are absent.
    pub fn queue_with_dead_letters(&self, name: &str) -> Result<Arc<Queue>, StackError> {
        let dead = format!("{name}-dlq");
        // Longer than any queue's own, as age counts from the first send.
        let retention_s = 14 * 24 * 3600;
        self.open_queue(&dead, Settings { retention_s, ..Default::default() })?;
        let policy = RedrivePolicy {
            dead_letter_target_arn: arn(&self.region, &dead),
            max_receive_count: MAX_RECEIVES,
        };
        Ok(self.open_queue(name, Settings { redrive: Some(policy), ..Default::default() })?)
    }

    /// A queue's URL.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }

    /// Chooses the answer to stale receipt handles.
    pub fn set_stale_handles(&self, answer: StaleHandles) {
        self.refuse_stale.store(answer == StaleHandles::Refuse, Ordering::SeqCst);
    }

    fn stale_handles(&self) -> StaleHandles {
        if self.refuse_stale.load(Ordering::SeqCst) { StaleHandles::Refuse } else { StaleHandles::Ignore }
    }

    fn open_queue(&self, name: &str, settings: Settings) -> disk::Result<Arc<Queue>> {
        let mut queues = crate::sync::write(&self.queues);
        if let Some(queue) = queues.get(name) {
            return Ok(queue.clone());
        }
        let arn = arn(&self.region, name);
        let queue = Arc::new(Queue::open(&self.folder.join(name), name, arn, settings, self.clock.clone())?);
        queues.insert(name.to_owned(), queue.clone());
        Ok(queue)
    }

    /// The queue of a URL. Only its last part counts: a URL from before a restart has another port.
    fn queue(&self, url: &str) -> Result<Arc<Queue>, Fault> {
        self.named(url.rsplit('/').next().unwrap_or_default())
    }

    fn by_arn(&self, arn: &str) -> Option<Arc<Queue>> {
        read(&self.queues).values().find(|queue| queue.arn == arn).cloned()
    }

    fn named(&self, name: &str) -> Result<Arc<Queue>, Fault> {
        read(&self.queues)
            .get(name)
            .cloned()
            .ok_or_else(|| Fault::new("QueueDoesNotExist", "The specified queue does not exist."))
    }

    async fn answer(&self, operation: Option<&str>, body: &[u8]) -> Answer {
        match operation.unwrap_or_default() {
            "CreateQueue" => output(&self.create_queue(input(body)?)?),
            "DeleteQueue" => output(&self.delete_queue(input(body)?)?),
            "GetQueueUrl" => output(&self.get_queue_url(input(body)?)?),
            "ListQueues" => output(&self.list_queues(input(body)?)?),
            "GetQueueAttributes" => output(&self.get_attributes(input(body)?)?),
            "SetQueueAttributes" => output(&self.set_attributes(input(body)?)?),
            "PurgeQueue" => output(&self.purge(input(body)?)?),
            "SendMessage" => output(&self.send(input(body)?)?),
            "ReceiveMessage" => output(&self.receive(input(body)?).await?),
            "DeleteMessage" => output(&self.delete(input(body)?)?),
            "ChangeMessageVisibility" => output(&self.change_visibility(input(body)?)?),
            "SendMessageBatch" => output(&self.send_batch(input(body)?)?),
            "DeleteMessageBatch" => output(&self.delete_batch(input(body)?)?),
            "ChangeMessageVisibilityBatch" => output(&self.change_visibility_batch(input(body)?)?),
            "ListDeadLetterSourceQueues" => output(&self.list_sources(input(body)?)?),
            "StartMessageMoveTask" => output(&self.start_move(input(body)?)?),
            "ListMessageMoveTasks" => output(&self.list_moves(input(body)?)?),
            other => {
                Err(Fault::new("UnsupportedOperation", format!("The local SQS has no operation '{other}'.")))
            }
        }
    }
}

fn arn(region: &str, name: &str) -> String {
    format!("arn:aws:sqs:{region}:{ACCOUNT}:{name}")
}

/// The HTTP service.
pub(crate) fn router(sqs: Arc<Sqs>) -> Router {
    Router::new().fallback(handle).with_state(sqs)
}

async fn handle(State(sqs): State<Arc<Sqs>>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = sqs.answer(aws_json::operation(&headers, "AmazonSQS"), &body).await;
    aws_json::response(answer, "application/x-amz-json-1.0", "com.amazonaws.sqs#", query_code)
}

/// The error codes of the query protocol, which SDKs read from a header: some differ from the newer names.
fn query_code(code: &'static str) -> Option<&'static str> {
    Some(match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        "UnsupportedOperation" => "AWS.SimpleQueueService.UnsupportedOperation",
        other => other,
    })
}
