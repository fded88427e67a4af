//! From the loudspeakers that a track is mixed for to those that a rendition has.
//!
//! Coefficients are those of Recommendation ITU-R BS.775-3, annex 4: the centre, which has the dialogue, goes to left
//! and right at −3 dB, surrounds go to their side at −3 dB, a single surround to both at −6 dB; the LFE channel is left
//! out of stereo. Where signals that agree could then exceed full scale, all coefficients are divided by their largest
//! sum: everything gets quieter, nothing gets quieter against the dialogue, and nothing clips.

use std::f64::consts::FRAC_1_SQRT_2;

/// −3 dB.
const HALF_POWER: f64 = FRAC_1_SQRT_2;

/// A loudspeaker and where its signal goes.
pub struct Speaker {
    /// libav's bit of a channel mask.
    bit: u64,
    /// libav's name.
    pub name: &'static str,
    /// To left and right.
    stereo: [f64; 2],
    /// To front left and right, centre, LFE, surround left and right.
    surround: [f64; 6],
}

const fn at(bit: u32, name: &'static str, stereo: [f64; 2], surround: [f64; 6]) -> Speaker {
    Speaker { bit: 1 << bit, name, stereo, surround }
}

/// In the order of channels. `SPEAKERS[i]` has bit `i` up to bit 17.
const SPEAKERS: [Speaker; 25] = {
    const P: f64 = HALF_POWER;
    const LEFT: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    const RIGHT: [f64; 6] = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    const LFE: [f64; 6] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    const SURROUND_LEFT: [f64; 6] = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    const SURROUND_RIGHT: [f64; 6] = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    [
        at(0, "FL", [1.0, 0.0], LEFT),
        at(1, "FR", [0.0, 1.0], RIGHT),
        at(2, "FC", [P, P], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
        at(3, "LFE", [0.0, 0.0], LFE),
        at(4, "BL", [P, 0.0], SURROUND_LEFT),
        at(5, "BR", [0.0, P], SURROUND_RIGHT),
        at(6, "FLC", [0.92, 0.38], [P, 0.0, P, 0.0, 0.0, 0.0]),
        at(7, "FRC", [0.38, 0.92], [0.0, P, P, 0.0, 0.0, 0.0]),
        at(8, "BC", [0.5, 0.5], [0.0, 0.0, 0.0, 0.0, P, P]),
        at(9, "SL", [P, 0.0], SURROUND_LEFT),
        at(10, "SR", [0.0, P], SURROUND_RIGHT),
        at(11, "TC", [0.5, 0.5], [0.5, 0.5, 0.0, 0.0, 0.5, 0.5]),
        at(12, "TFL", [P, 0.0], [P, 0.0, 0.0, 0.0, 0.0, 0.0]),
        at(13, "TFC", [0.5, 0.5], [0.0, 0.0, P, 0.0, 0.0, 0.0]),
        at(14, "TFR", [0.0, P], [0.0, P, 0.0, 0.0, 0.0, 0.0]),
        at(15, "TBL", [P, 0.0], [0.0, 0.0, 0.0, 0.0, P, 0.0]),
        at(16, "TBC", [0.5, 0.5], [0.0, 0.0, 0.0, 0.0, 0.5, 0.5]),
        at(17, "TBR", [0.0, P], [0.0, 0.0, 0.0, 0.0, 0.0, P]),
        at(29, "DL", [1.0, 0.0], LEFT),
        at(30, "DR", [0.0, 1.0], RIGHT),
        at(31, "WL", [1.0, 0.0], LEFT),
        at(32, "WR", [0.0, 1.0], RIGHT),
        at(33, "SDL", [P, 0.0], SURROUND_LEFT),
        at(34, "SDR", [0.0, P], SURROUND_RIGHT),
        at(35, "LFE2", [0.0, 0.0], LFE),
    ]
};

/// What a file most likely means by so many channels that it does not name, from one on: mono, stereo, then with a
/// centre, with a surround, with two, 5.1, 6.1 and 7.1, in the order that libav has them.
const UNNAMED: [&[usize]; 8] = [
    &[2],
    &[0, 1],
    &[0, 1, 2],
    &[0, 1, 2, 8],
    &[0, 1, 2, 4, 5],
    &[0, 1, 2, 3, 4, 5],
    &[0, 1, 2, 3, 8, 9, 10],
    &[0, 1, 2, 3, 4, 5, 9, 10],
];

/// The loudspeaker of each channel, by libav's mask or else by their number alone; `None` for what is no loudspeaker that
/// we know. Of more than eight that are not named the first two are left and right, and the others nothing.
pub fn speakers(mask: u64, channels: usize) -> Vec<Option<&'static Speaker>> {
    if mask.count_ones() as usize == channels && channels > 0 {
        let bits = (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| mask & bit != 0);
        return bits.map(|bit: u64| SPEAKERS.iter().find(|speaker| speaker.bit == bit)).collect();
    }
    let known = match channels {
        1..=8 => UNNAMED[channels - 1],
        _ => UNNAMED[1],
    };
    (0..channels).map(|i| known.get(i).map(|speaker| &SPEAKERS[*speaker])).collect()
}

/// Coefficients by output channel and input channel: stereo, or 5.1 in libav's order (front left and right, centre, LFE,
/// surround left and right), or mono.
pub fn matrix(speakers: &[Option<&Speaker>], channels: u32) -> Vec<Vec<f64>> {
    let is_at = |name: &str| speakers.iter().flatten().any(|speaker| speaker.name == name);
    // Signals from the side and from behind come from one loudspeaker then, with the power that they had together.
    let shared = is_at("SL") && (is_at("BL") || is_at("BC"));
    let row = |output: usize| {
        speakers.iter().map(move |speaker| {
            let Some(speaker) = speaker else { return 0.0 };
            match channels {
                1 => 0.5 * (speaker.stereo[0] + speaker.stereo[1]),
                2 => speaker.stereo[output],
                _ if shared && output >= 4 => speaker.surround[output] * HALF_POWER,
                _ => speaker.surround[output],
            }
        })
    };
    let rows: Vec<Vec<f64>> = (0..channels as usize).map(|output| row(output).collect()).collect();
    let largest = rows.iter().map(|row| row.iter().sum::<f64>()).fold(1.0, f64::max);
    rows.into_iter().map(|row| row.into_iter().map(|c| c / largest).collect()).collect()
}

/// The mix as libav's filter `pan`; `None` where the channels are what they should be, or mono and stereo become each
/// other, which libav's resampler does by itself.
pub fn pan(mask: u64, inputs: usize, channels: u32) -> Option<String> {
    if inputs <= 2 && channels <= 2 {
        return None;
    }
    let matrix = matrix(&speakers(mask, inputs), channels);
    let layout = layout(channels);
    let row = |(output, row): (usize, &Vec<f64>)| {
        let terms: Vec<String> = row
            .iter()
            .enumerate()
            .filter(|(_, coefficient)| **coefficient > 0.0)
            .map(|(input, coefficient)| format!("{coefficient:.6}*c{input}"))
            .collect();
        // An output without an input is silent.
        let sum = if terms.is_empty() { "0*c0".to_owned() } else { terms.join("+") };
        format!("|c{output}={sum}")
    };
    let rows: String = matrix.iter().enumerate().map(row).collect();
    Some(format!("pan={layout}{rows}"))
}

/// libav's name of an output layout.
pub fn layout(channels: u32) -> &'static str {
    match channels {
        1 => "mono",
        2 => "stereo",
        _ => "5.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_ONE: u64 = 0x3f;
    const FIVE_ONE_SIDE: u64 = 0x60f;
    const SEVEN_ONE: u64 = 0x63f;

    fn rounded(matrix: &[Vec<f64>]) -> Vec<Vec<i32>> {
        matrix.iter().map(|row| row.iter().map(|c| (c * 1000.0).round() as i32).collect()).collect()
    }

    #[test]
    fn surround_becomes_stereo_as_the_recommendation_says() {
        // By hand: 1, √½ and √½, divided by 1 + 2√½ = 2.414.
        let expected = [[414, 0, 293, 0, 293, 0], [0, 414, 293, 0, 0, 293]];
        for mask in [FIVE_ONE, FIVE_ONE_SIDE] {
            assert_eq!(rounded(&matrix(&speakers(mask, 6), 2)), expected);
        }
    }

    #[test]
    fn no_mix_exceeds_full_scale_and_none_loses_the_dialogue() {
        for mask in (0..1 << 18).step_by(37) {
            let inputs = u64::count_ones(mask) as usize;
            let speakers = speakers(mask, inputs);
            for channels in [1, 2, 6] {
                let matrix = matrix(&speakers, channels);
                for row in &matrix {
                    assert!(row.iter().sum::<f64>() <= 1.0 + 1e-9, "{mask:x} to {channels}");
                }
                let Some(centre) = speakers.iter().position(|s| s.is_some_and(|s| s.name == "FC")) else {
                    continue;
                };
                let front = if channels == 6 { 2 } else { 0 };
                let loudest = matrix.iter().flatten().fold(0.0, |most: f64, c| most.max(*c));
                assert!(matrix[front][centre] >= HALF_POWER * loudest - 1e-9, "{mask:x} to {channels}");
            }
        }
    }

    #[test]
    fn eight_channels_become_six_with_sides_and_backs_together() {
        let matrix = rounded(&matrix(&speakers(SEVEN_ONE, 8), 6));
        assert_eq!(matrix[2], [0, 0, 707, 0, 0, 0, 0, 0]);
        assert_eq!(matrix[4], [0, 0, 0, 0, 500, 0, 500, 0]);
    }

    #[test]
    fn channels_without_names_are_taken_for_what_is_usual() {
        let names = |channels| -> Vec<&str> {
            speakers(0, channels).iter().map(|s| s.map_or("-", |s| s.name)).collect()
        };
        assert_eq!(names(6), ["FL", "FR", "FC", "LFE", "BL", "BR"]);
        assert_eq!(names(3), ["FL", "FR", "FC"]);
        assert_eq!(&names(16)[..4], ["FL", "FR", "-", "-"]);
    }

    #[test]
    fn stereo_is_left_alone() {
        assert_eq!(pan(3, 2, 2), None);
        assert_eq!(pan(4, 1, 2), None);
        let six = pan(3, 2, 6).expect("a mix");
        assert_eq!(six, "pan=5.1|c0=1.000000*c0|c1=1.000000*c1|c2=0*c0|c3=0*c0|c4=0*c0|c5=0*c0");
    }
}
