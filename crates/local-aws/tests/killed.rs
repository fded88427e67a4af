//! SIGKILL at any moment loses nothing that was acknowledged, and leaves nothing half written.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use openssl::hash::{MessageDigest, hash};
use serde_json::{Value, json};
use support::{BUCKET, s3, sqs, start, until};

/// Names the data folder to the process that is to be killed.
const CHILD: &str = "FLODRAMA_TEST_STACK_TO_KILL";
const ROUNDS: u64 = 6;

/// Not a check: the process that the check below starts and kills.
#[tokio::test]
async fn stack_to_kill() {
    let Some(data) = std::env::var_os(CHILD) else { return };
    let stack = start(Path::new(&data), Vec::new()).await;
    println!("\nstack {}", json!({ "s3": stack.s3_endpoint(), "keys": stack.credentials() }));
    std::future::pending::<()>().await;
}

fn spawn(data: &Path) -> (Child, Value) {
    let mut child = Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", "stack_to_kill", "--nocapture"])
        .env(CHILD, data)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child runs");
    let output = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = output.map_while(Result::ok).find_map(|line| line.strip_prefix("stack ").map(str::to_owned));
    (child, serde_json::from_str(&line.expect("the child says where it listens")).expect("JSON"))
}

fn body(round: u64, number: u64) -> String {
    format!("round {round}, write {number}. ").repeat(400)
}

fn md5(bytes: &[u8]) -> String {
    hex::encode(hash(MessageDigest::md5(), bytes).expect("md5"))
}

/// By key: the tag that was acknowledged last, then those of later writes that were cut off, which may have happened.
type Written = BTreeMap<String, Vec<String>>;

/// Writes `uploads/<n>` over and over until the stack is gone; gives how many writes were acknowledged.
async fn write_until_killed(round: u64, at: Value, written: &mut Written) -> usize {
    let keys = (at["keys"][0].as_str().expect("text"), at["keys"][1].as_str().expect("text"));
    let client = s3(at["s3"].as_str().expect("text"), keys);
    let mut count = 0;
    for number in 0.. {
        let key = format!("uploads/{}.mp4", number % 7);
        let body = body(round, number).into_bytes();
        let tag = md5(&body);
        if client.put_object().bucket(BUCKET).key(&key).body(body.into()).send().await.is_err() {
            written.entry(key).and_modify(|tags| tags.push(tag));
            break;
        }
        written.insert(key, vec![tag]);
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_and_nothing_is_half_written() {
    let data = tempfile::tempdir().expect("folder");
    let mut written = Written::new();
    let mut writes = 0;
    for round in 0..ROUNDS {
        let (mut child, at) = spawn(data.path());
        let killer = async {
            // Different moments of different writes: the time is the input here, nothing is waited for.
            tokio::time::sleep(Duration::from_millis(150 + round * 37)).await;
            child.kill().expect("killed");
            child.wait().expect("ended");
        };
        writes += tokio::join!(write_until_killed(round, at, &mut written), killer).0;
    }
    assert!(writes > ROUNDS as usize, "there was something to lose: {writes}");

    let stack = start(data.path(), Vec::new()).await;
    let client = s3(stack.s3_endpoint(), stack.credentials());
    for (key, tags) in &written {
        let object = client.get_object().bucket(BUCKET).key(key).send().await.expect("what was acknowledged");
        let found = object.e_tag().expect("etag").trim_matches('"').to_owned();
        let bytes = object.body.collect().await.expect("body").to_vec();
        assert_eq!(found, md5(&bytes), "{key}: the tag is that of the bytes");
        assert!(tags.contains(&found), "{key}: an acknowledged write was lost");
    }
    let events = drain(&stack).await;
    for tag in written.values().filter_map(|tags| tags.first()) {
        assert!(events.iter().any(|event| event.contains(tag)), "{tag}: no event");
    }
    assert!(events.len() > writes, "every write and the test event: {} for {writes}", events.len());
    stack.shutdown().await;
}

/// Every message of the queue.
async fn drain(stack: &flodrama_local_aws::Stack) -> Vec<String> {
    let client = sqs(stack.sqs_endpoint());
    let mut bodies = Vec::new();
    until("the end of the queue", async || {
        let request = client.receive_message().queue_url(stack.queue_url()).max_number_of_messages(10);
        let received =
            request.visibility_timeout(600).send().await.expect("received").messages.unwrap_or_default();
        let ended = received.is_empty();
        bodies.extend(received.into_iter().map(|message| message.body.expect("body")));
        ended.then_some(())
    })
    .await;
    bodies
}
