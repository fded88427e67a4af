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
