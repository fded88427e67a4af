//! Which encoder family works: tried for real, chosen by the order of the settings, left for the processor when it
//! fails in the middle of a job.

use std::time::Duration;

use flodrama_asset::ErrorKind;
use flodrama_media::SourceInfo;
use flodrama_media::fault::{self, Fault};
use flodrama_media::task::{Output, Task};
use serde::Serialize;

use crate::child::{Children, Finished};
use crate::compiled::Compiled;
use crate::error::JobError;
use crate::plan::{self, Complexity, Family, Plan, Preset};

/// A driver may hang where a device is half there. Where it works a trial takes a second, and ten where NVIDIA's driver
/// compiles (seen on an H100); it says nothing meanwhile.
const TRIAL_STALLS_AFTER: Duration = Duration::from_secs(60);

/// A family with the reasons for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What encodes.
    pub family: Family,
    /// What was passed over and why, for plan and report.
    pub reasons: Vec<(String, String)>,
    /// True where a device was only busy: asking again later may give another answer.
    pub busy: bool,
    /// What the device's driver compiled in the trial.
    pub compiled: Compiled,
}

/// An encoder, tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// libav encoder name.
    pub name: String,
    /// Family.
    pub family: String,
    /// Codec.
    pub codec: String,
    /// True where it encoded.
    pub works: bool,
    /// Why not, or how it was shown to work.
    pub reason: String,
    /// What a failure means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Families cannot be used as they were named.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FamilyError {
    /// No family has this name.
    #[error("there is no encoder family '{0}' (there are: {names})", names = names().join(", "))]
    Unknown(String),
    /// The family asked for makes another codec.
    #[error("the encoder family '{0}' does not make the preset's codec, {1}")]
    OtherCodec(String, String),
}

/// Every family's name, once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for family in Family::all() {
        if !names.contains(&family.name.as_str()) {
            names.push(&family.name);
        }
    }
    names
}

/// The devices to try for `preset`, in `order`. The list ends at the preset's own encoder, which needs no trial: there
/// would be nothing left to take. Families of other codecs are passed over.
pub fn candidates(preset: &Preset, order: &[String]) -> Result<Vec<&'static Family>, FamilyError> {
    let own = preset.family();
    let mut devices = Vec::new();
    for name in order {
        if !names().contains(&name.as_str()) {
            return Err(FamilyError::Unknown(name.clone()));
        }
        if *name == own.name {
            break;
        }
        devices.extend(Family::named(name, &own.codec).filter(|f| f.device.is_some()));
    }
    Ok(devices)
}

/// As [`candidates`], where one family alone is asked for.
pub fn only(preset: &Preset, name: &str) -> Result<Vec<&'static Family>, FamilyError> {
    let devices = candidates(preset, &[name.to_owned()])?;
    if devices.is_empty() && preset.family().name != name {
        return Err(FamilyError::OtherCodec(name.to_owned(), preset.family().codec.clone()));
    }
    Ok(devices)
}

/// Tries `devices` in order and takes the first that works, or else the preset's own encoder.
pub async fn choose(preset: &Preset, devices: &[&Family], children: &Children) -> Choice {
    let mut tried = Vec::new();
    let mut compiled = Compiled::default();
    for family in devices {
        let (trial, made) = attempt(family, children).await;
        let works = trial.works;
        tried.push((*family, trial));
        if works {
            compiled = made;
            break;
        }
    }
    Choice { compiled, ..decide(preset, &tried) }
}

/// The choice that trials lead to. Pure.
fn decide(preset: &Preset, tried: &[(&Family, Trial)]) -> Choice {
    let mut reasons = Vec::new();
    let mut busy = false;
    for (family, trial) in tried {
        if trial.works {
            reasons.push(("family".to_owned(), format!("{}: {}", family.name, trial.reason)));
            return Choice { family: (*family).clone(), reasons, busy, compiled: Compiled::default() };
        }
        busy |= trial.fault == Some(Fault::SessionLimit);
        reasons.push(("family passed over".to_owned(), format!("{}: {}", family.name, trial.reason)));
    }
    let own = preset.family();
    let why = match tried {
        [] => format!("{}: the preset's own encoder", own.name),
        _ => format!("{}: no device encodes here", own.name),
    };
    reasons.push(("family".to_owned(), why));
    Choice { family: own.clone(), reasons, busy, compiled: Compiled::default() }
}

impl Choice {
    /// The preset's own encoder, because it was asked for.
    pub fn own(preset: &Preset) -> Choice {
        decide(preset, &[])
    }

    /// What to do after a job on this choice ended with `error`: the choice to plan it anew with, or nothing where the
    /// processor would end it in the same way. It is another version: what this one made is never mixed with it.
    pub fn after(&self, error: &JobError, preset: &Preset) -> Option<Choice> {
        self.family.device?;
        // A stream from a device that does not pass its proof is as good as a device that failed.
        if error.fault.is_none() && error.kind != ErrorKind::ProofFailed {
            return None;
        }
        let meaning = match error.fault {
            Some(Fault::SessionLimit) => "the device had no room for one encoder more",
            Some(Fault::Unsupported) => "the device cannot do this",
            Some(Fault::DeviceLost) => "the device failed",
            None => "what the device made did not pass its checks",
        };
        let own = preset.family();
        let why = format!(
            "{} was left in the middle of the job for {}, as a new version: {meaning} ({})",
            self.family.name,
            own.name,
            plain(&error.detail)
        );
        let mut reasons = self.reasons.clone();
        reasons.retain(|(what, _)| what != "family");
        reasons.push(("family left".to_owned(), why));
        reasons.push(("family".to_owned(), format!("{}: the preset's own encoder", own.name)));
        Some(Choice { family: own.clone(), reasons, busy: true, compiled: Compiled::default() })
    }

    /// The plan of a source on this choice, with its reasons.
    pub fn plan(&self, source: &SourceInfo, complexity: Option<&Complexity>, preset: &Preset) -> Plan {
        let mut plan = plan::plan(source, complexity, preset, &self.family);
        plan.reasons.extend(self.reasons.iter().cloned());
        plan
    }

    /// Why an earlier family was left, if one was.
    pub fn left(&self) -> Option<&str> {
        self.reasons.iter().find(|(what, _)| what == "family left").map(|(_, why)| why.as_str())
    }
}

/// Tries a family in a child of its own: a driver that crashes takes nothing else with it. Gives what its driver compiled
/// too.
pub async fn attempt(family: &Family, children: &Children) -> (Trial, Compiled) {
    let children = Children { stall_after: TRIAL_STALLS_AFTER.min(children.stall_after), ..children.clone() };
    let task = Task::TryEncoder(family.trial());
    let outcome = children.run(&format!("try-{}", family.encoder), &task, None, |_| {}).await;
    let mut compiled = Compiled::default();
    let (works, reason, fault) = match outcome {
        Ok(Finished { output: Output::Tried(how), compiled: made, .. }) => {
            compiled = made;
            (true, how, None)
        }
        Ok(other) => (false, format!("unexpected answer {:?}", other.output), Some(Fault::DeviceLost)),
        Err(e) => {
            let said = if e.detail.is_empty() { e.message } else { e.detail };
            let fault = fault::of(&said);
            (false, said, Some(fault))
        }
    };
    let trial = Trial {
        name: family.encoder.clone(),
        family: family.name.clone(),
        codec: family.codec.clone(),
        works,
        reason: plain(&reason),
        fault,
    };
    (trial, compiled)
}

/// In one line, without the addresses that libav prints: they differ each time.
fn plain(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    let is_address = |word: &str| word.starts_with("0x") && word.ends_with(']');
    let mut out: Vec<&str> = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if words[i] == "@" && words.get(i + 1).is_some_and(|next| is_address(next)) {
            out.push("]");
            i += 2;
        } else {
            out.push(words[i]);
            i += 1;
        }
    }
    out.join(" ").replace(" ]", "]")
}

/// The fault in `error`, which ended a task on a device; nothing where the device had no part in it.
pub fn blame(error: &JobError) -> Option<Fault> {
    match error.kind {
        // A disk that is full, a store that does not answer, a job that was stopped.
        ErrorKind::OutOfResources | ErrorKind::Unavailable | ErrorKind::Cancelled => None,
        // Everything else, bad input too: what a device cannot decode may be good, and if it is not, the processor
        // finds the words for it.
        _ => Some(fault::of(&error.detail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset() -> Preset {
        Preset::load("web-h264").expect("shipped")
    }

    fn trial(family: &Family, fault: Option<Fault>) -> Trial {
        Trial {
            name: family.encoder.clone(),
            family: family.name.clone(),
            codec: family.codec.clone(),
            works: fault.is_none(),
            reason: "because".into(),
            fault,
        }
    }

    fn tried(names: &[(&str, Option<Fault>)]) -> Choice {
        let families = names.iter().map(|(name, fault)| {
            let family = Family::named(name, "h264").expect("a family");
            (family, trial(family, *fault))
        });
        decide(&preset(), &families.collect::<Vec<_>>())
    }

    fn order(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn the_order_is_that_of_the_settings_up_to_the_processor() {
        let names = |order_of: &[&str]| -> Vec<&str> {
            let found = candidates(&preset(), &order(order_of)).expect("families");
            found.iter().map(|f| f.encoder.as_str()).collect()
        };
        assert_eq!(names(&["qsv", "x265", "nvenc", "x264", "vaapi"]), ["h264_qsv", "h264_nvenc"]);
        assert_eq!(names(&["x264", "nvenc"]), [""; 0]);
        let unknown = candidates(&preset(), &order(&["nvidia"])).expect_err("unknown");
        assert!(unknown.to_string().contains("nvenc, vaapi, qsv"), "{unknown}");
        assert_eq!(only(&preset(), "x265"), Err(FamilyError::OtherCodec("x265".into(), "h264".into())));
        assert_eq!(only(&preset(), "x264"), Ok(Vec::new()));
        assert_eq!(only(&preset(), "nvenc").map(|f| f.len()), Ok(1));
    }

    #[test]
    fn the_first_that_works_is_taken_and_the_others_are_said() {
        let choice = tried(&[("nvenc", Some(Fault::Unsupported)), ("vaapi", None)]);
        assert_eq!((choice.family.name.as_str(), choice.busy), ("vaapi", false));
        assert_eq!(choice.reasons[0].0, "family passed over");
        let none = tried(&[("nvenc", Some(Fault::SessionLimit)), ("qsv", Some(Fault::DeviceLost))]);
        assert_eq!((none.family.name.as_str(), none.busy), ("x264", true));
        assert_eq!(none.reasons.len(), 3);
    }

    #[test]
    fn a_device_that_fails_in_the_middle_leaves_the_job_to_the_processor() {
        let choice = tried(&[("nvenc", None)]);
        let mut error = JobError::internal("chunk-0003", "encode: Input/output error");
        assert_eq!(choice.after(&error, &preset()), None, "not the device's fault");
        error.fault = Some(Fault::DeviceLost);
        let next = choice.after(&error, &preset()).expect("a new plan");
        assert_eq!(next.family.name, "x264");
        assert!(next.left().is_some_and(|why| why.contains("Input/output")), "{:?}", next.reasons);
        assert_ne!(choice.family.identity(), next.family.identity());
        // The processor's own failures end the job: there is no third plan.
        assert_eq!(next.after(&error, &preset()), None);
        let proof = JobError::new(ErrorKind::ProofFailed, "");
        assert!(choice.after(&proof, &preset()).is_some_and(|c| c.family.device.is_none()));
        assert_eq!(next.after(&proof, &preset()), None);
    }

    #[test]
    fn what_libav_says_is_the_same_each_time() {
        let said = "open cuda device: no\n[AVHWDeviceContext @ 0x55bc4a210500] Cannot load libcuda.so.1";
        assert_eq!(plain(said), "open cuda device: no [AVHWDeviceContext] Cannot load libcuda.so.1");
    }

    #[test]
    fn a_full_disk_is_not_the_devices_fault() {
        for kind in [ErrorKind::OutOfResources, ErrorKind::Cancelled, ErrorKind::Unavailable] {
            assert_eq!(blame(&JobError::new(kind, "")), None);
        }
        let truncated = JobError::new(ErrorKind::Truncated, "");
        assert_eq!(blame(&truncated), Some(Fault::DeviceLost));
        let full = JobError::internal("x", "OpenEncodeSessionEx failed: out of memory (10)");
        assert_eq!(blame(&full), Some(Fault::SessionLimit));
    }
}
