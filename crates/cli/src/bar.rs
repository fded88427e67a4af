//! Progress on a terminal; elsewhere a line now and then.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// One bar, 0 to 100 %.
pub struct Bar {
    bar: Option<ProgressBar>,
    label: String,
    told: i64,
}

/// Without a terminal, a line each time this much more is done.
const STEP_PERCENT: i64 = 25;

impl Bar {
    /// A bar with a label in front.
    pub fn new(label: &str) -> Bar {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix:24!} [{wide_bar}] {percent:>3}% {msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(1000).with_style(style).with_prefix(label.to_owned())
        });
        Bar { bar, label: label.to_owned(), told: -STEP_PERCENT }
    }

    /// So much is done.
    pub fn set(&mut self, percent: f64, message: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(message.to_owned());
                bar.set_position((percent * 10.0) as u64);
            }
            None if percent as i64 >= self.told + STEP_PERCENT => {
                self.told = percent as i64 / STEP_PERCENT * STEP_PERCENT;
                eprintln!("{} {percent:.0} % {message}", self.label);
            }
            None => {}
        }
    }

    /// Prints something, with the bar out of the way.
    pub fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
