//! Sound as multivariant playlists name it: renditions in groups, and each video with each group.

use flodrama_hls::build::{self, AudioMedia, Rates, Variant};
use flodrama_media::Purpose;

use crate::plan::{AudioPlan, audio};

/// A rendition and what the multivariant playlist needs of it.
#[derive(Clone, Debug)]
pub struct Sound<'a> {
    /// What was planned.
    pub plan: &'a AudioPlan,
    /// RFC 6381 codec.
    pub codec: String,
    /// Its media playlist, from the multivariant playlist on.
    pub uri: String,
    /// What it costs.
    pub rates: Rates,
}

/// Every group with its members, stereo first. A rendition may be in several.
pub fn media(sounds: &[Sound<'_>]) -> Vec<AudioMedia> {
    let entry = |group: &str, sound: &Sound<'_>| AudioMedia {
        group: group.to_owned(),
        name: sound.plan.name.clone(),
        language: sound.plan.language.clone(),
        default: sound.plan.default,
        // Nobody hears a commentary without having asked for it.
        autoselect: sound.plan.default || sound.plan.purpose != Purpose::Commentary,
        channels: sound.plan.channels,
        codec: sound.codec.clone(),
        uri: sound.uri.clone(),
        characteristics: characteristics(sound.plan.purpose),
    };
    groups(sounds)
        .iter()
        .flat_map(|group| of(group, sounds).map(|sound| entry(group, sound)).collect::<Vec<_>>())
        .collect()
}

/// A video with each group: `video` has the rates of its pictures alone.
pub fn variants(video: Variant, sounds: &[Sound<'_>]) -> Vec<Variant> {
    let groups = groups(sounds);
    if groups.is_empty() {
        return vec![video];
    }
    let with = |group: &&str| Variant {
        rates: Rates::of_variant(video.rates, of(group, sounds).map(|sound| sound.rates), []),
        audio_group: Some((*group).to_owned()),
        ..video.clone()
    };
    groups.iter().map(with).collect()
}

/// As [`build::order_variants`], those with the first group before all others: a player starts in stereo.
pub fn order(variants: &mut Vec<Variant>, sounds: &[Sound<'_>]) {
    let mut rest = std::mem::take(variants);
    for group in groups(sounds) {
        let (mut these, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|v| v.audio_group.as_deref() == Some(group));
        build::order_variants(&mut these);
        variants.extend(these);
        rest = others;
    }
    build::order_variants(&mut rest);
    variants.extend(rest);
}

fn groups<'a>(sounds: &[Sound<'a>]) -> Vec<&'a str> {
    audio::groups(sounds.iter().map(|sound| sound.plan))
}

fn of<'a>(group: &'a str, sounds: &'a [Sound<'a>]) -> impl Iterator<Item = &'a Sound<'a>> {
    sounds.iter().filter(move |sound| sound.plan.groups.iter().any(|name| name == group))
}

/// Uniform type identifiers by which players find what viewers need (Apple 9, accessibility).
fn characteristics(purpose: Purpose) -> Vec<String> {
    match purpose {
        Purpose::Description => vec!["public.accessibility.describes-video".to_owned()],
        Purpose::Main | Purpose::ClearDialogue | Purpose::Commentary => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use flodrama_hls::build::VideoRange;

    use super::*;
    use crate::plan::fixtures::{audio, source};
    use crate::plan::{Plan, Preset, plan, preset};

    /// English in 5.1 and stereo, French in stereo alone.
    fn planned() -> Plan {
        let mut source = source(250);
        let speakers = ["FL", "FR", "FC", "LFE", "BL", "BR"].map(str::to_owned).to_vec();
        source.audio[0] = flodrama_media::AudioTrack { channels: 6, speakers, ..source.audio[0].clone() };
        source.audio.push(audio(2, Some("fre"), false));
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        plan(&source, None, &preset, preset.family())
    }

    fn sounds(plan: &Plan) -> Vec<Sound<'_>> {
        let rates = |audio: &AudioPlan| {
            let bps = u64::from(audio.bit_rate);
            Rates { peak_bps: bps, average_bps: bps }
        };
        let each = plan.audio.iter();
        each.map(|plan| Sound {
            plan,
            codec: plan.codec.encoder().to_owned(),
            uri: format!("audio/{}", plan.group),
            rates: rates(plan),
        })
        .collect()
    }

    fn video(uri: &str, bps: u64) -> Variant {
        Variant {
            uri: uri.into(),
            rates: Rates { peak_bps: bps, average_bps: bps },
            codecs: vec!["avc1.64001f".into()],
            width: 1280,
            height: 720,
            frame_rate: 25.0,
            video_range: VideoRange::Sdr,
            audio_group: None,
            subtitle_group: None,
        }
    }

    #[test]
    fn groups_have_the_same_members_and_a_rendition_may_be_in_both() {
        let plan = planned();
        let listed = media(&sounds(&plan));
        let rows: Vec<_> =
            listed.iter().map(|m| (m.group.as_str(), m.name.as_str(), m.uri.as_str())).collect();
        let expected = [
            ("aac-2", "English", "audio/en-2"),
            ("aac-2", "French", "audio/fr-2"),
            ("ac3-6", "English", "audio/en-6"),
            ("ac3-6", "French", "audio/fr-2"),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn each_video_costs_what_the_dearest_of_a_group_does_and_stereo_comes_first() {
        let plan = planned();
        let sounds = sounds(&plan);
        // With 5.1 the second is nearer to the 2 Mb/s that players start at.
        let videos = [video("high", 2_500_000), video("low", 1_550_000)];
        let mut all: Vec<Variant> = videos.into_iter().flat_map(|v| variants(v, &sounds)).collect();
        order(&mut all, &sounds);
        let rows: Vec<_> =
            all.iter().map(|v| (v.uri.as_str(), v.audio_group.as_deref(), v.rates.peak_bps)).collect();
        let expected = [
            ("low", Some("aac-2"), 1_678_000),
            ("high", Some("aac-2"), 2_628_000),
            ("low", Some("ac3-6"), 1_998_000),
            ("high", Some("ac3-6"), 2_948_000),
        ];
        assert_eq!(rows, expected);
        assert_eq!(variants(video("mute", 1), &[]), [video("mute", 1)]);
    }
}
