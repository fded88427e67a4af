//! The log: our own lines at the configured level, those of libraries from `warn` on, because below that HTTP
//! libraries show headers, and headers hold tokens.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts logging to standard error. Does nothing where the process logs already.
pub(crate) fn start(settings: &Log) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(settings.level))
        .with_writer(std::io::stderr)
        // Colours are for people: in a file or a collector they are noise that costs.
        .with_ansi(std::io::stderr().is_terminal());
    // An error means that somebody set a subscriber before: theirs stays.
    drop(match settings.format {
        LogFormat::Human => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    });
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let libraries = level.min(LevelFilter::WARN);
    // A directive's target is a prefix: `flodrama` is every crate of ours.
    EnvFilter::new(format!("{libraries},flodrama={level}"))
}
