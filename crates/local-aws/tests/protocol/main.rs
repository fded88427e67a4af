//! One suite over two peers, through the real AWS SDK clients: our stand-ins, and moto, which others wrote. Where moto
//! is known to differ from AWS, a check says so by running over ours only.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod cloudfront;
mod events;
mod moto;
mod multipart;
mod peer;
mod s3;
mod s3_listing;
mod s3_policy;
mod sqs;
mod sqs_dead_letters;
mod sqs_visibility;

macro_rules! over_both_peers {
    ($($topic:ident: $($check:ident),+;)+) => {
        mod ours {
            $(mod $topic {
                $(#[tokio::test]
                async fn $check() {
                    let peer = crate::peer::Peer::ours().await;
                    crate::$topic::$check(&peer).await;
                    peer.end().await;
                })+
            })+
        }

        mod with_moto {
            $(mod $topic {
                $(#[tokio::test]
                async fn $check() {
                    let peer = crate::peer::Peer::moto(stringify!($check)).await;
                    crate::$topic::$check(&peer).await;
                    peer.end().await;
                })+
            })+
        }
    };
}

macro_rules! over_ours_only {
    ($($topic:ident: $($check:ident because $reason:literal),+;)+) => {
        mod ours_only {
            $(mod $topic {
                $(#[doc = $reason]
                #[tokio::test]
                async fn $check() {
                    let peer = crate::peer::Peer::ours().await;
                    crate::$topic::$check(&peer).await;
                    peer.end().await;
                })+
            })+
        }
    };
}

over_both_peers! {
    s3: an_object_comes_back_as_it_was_stored, what_is_missing_is_404, writes_can_be_conditional,
        one_of_eight_racing_writers_wins, reads_can_be_conditional, ranges_are_answered, odd_keys_are_kept_apart,
        copies_are_objects_of_their_own;
    s3_listing: pages_hold_every_key_once, a_delimiter_folds_folders;
    s3_policy: a_policy_comes_back_as_it_was_put;
    multipart: parts_become_one_object, wrong_parts_are_refused, one_of_many_racing_completions_wins;
    events: a_test_event_comes_first_and_only_uploads_are_announced, every_way_to_create_is_named;
    sqs: a_message_comes_back_with_its_attributes, batches_report_each_entry, a_delayed_message_comes_later,
        a_missing_queue_is_named, queues_are_made_once, a_purge_leaves_nothing;
    sqs_visibility: a_long_poll_wakes_on_a_send, an_unacknowledged_message_comes_again, visibility_can_be_changed,
        timeouts_over_twelve_hours_are_refused;
    sqs_dead_letters: five_receives_send_a_message_to_the_dead_letters;
    cloudfront: invalidations_are_taken_and_found_again, other_distributions_do_not_exist;
}

over_ours_only! {
    s3: only_the_right_signature_opens because "moto never checks signatures",
        a_body_that_is_not_what_it_says_changes_nothing because "moto accepts wrong checksums";
    s3_policy: a_policy_can_demand_conditions because "moto enforces no conditions",
        what_is_not_enforced_is_not_taken because "moto takes it";
    multipart: uploads_under_way_can_be_listed_and_aborted
        because "moto's ListParts has a root element that the SDK cannot read, and it fails on an aborted upload";
    sqs_visibility: stale_handles_are_ignored_or_refused because "moto has one answer";
    sqs_dead_letters: dead_letters_can_be_moved_back because "moto fails StartMessageMoveTask";
    cloudfront: a_caller_reference_makes_one_invalidation because "moto makes a second";
}
