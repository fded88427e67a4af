//! `redrive`: messages of the dead-letter queue back to the workers.

use anyhow::{Context, bail};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::clients;
use crate::config::Config;

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let sqs = clients::sqs(config).await;
    let waiting = attribute(&sqs, config, QueueAttributeName::ApproximateNumberOfMessages).await?;
    if waiting == "0" {
        println!("the dead-letter queue is empty");
        return Ok(());
    }
    let arn = attribute(&sqs, config, QueueAttributeName::QueueArn).await?;
    // SQS takes one move at a time; a second request while it runs has nothing to add.
    let moves = sqs.list_message_move_tasks().source_arn(&arn).send().await;
    let moves = moves.context("SQS did not say whether a move is under way")?;
    if moves.results().first().is_some_and(|task| task.status() == Some("RUNNING")) {
        println!("the dead letters are on their way back to the workers already");
        return Ok(());
    }
    sqs.start_message_move_task().source_arn(arn).send().await.context("SQS did not start the move")?;
    println!("{waiting} messages are on their way back to the workers");
    Ok(())
}

async fn attribute(sqs: &Client, config: &Config, name: QueueAttributeName) -> anyhow::Result<String> {
    let request =
        sqs.get_queue_attributes().queue_url(&config.queue.dead_letter_url).attribute_names(name.clone());
    let answer = request.send().await.context("cannot ask the dead-letter queue")?;
    match answer.attributes().and_then(|a| a.get(&name)) {
        Some(value) => Ok(value.clone()),
        None => bail!("SQS did not say the dead-letter queue's {name}"),
    }
}
