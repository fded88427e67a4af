//! H.264 packets as sources have them: byte streams (ITU-T H.264 annex B) or length-prefixed (ISO/IEC 14496-15).

use crate::h26x::units;

const NAL_IDR: u8 = 5;
const NAL_SEI: u8 = 6;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
const NAL_AUD: u8 = 9;
const NAL_END_OF_SEQUENCE: u8 = 10;
const NAL_END_OF_STREAM: u8 = 11;
const NAL_FILLER: u8 = 12;
/// Prefix units, subset parameter sets, auxiliary pictures, extensions: layers that a plain decoder does not know.
const NAL_LAYERS: [u8; 5] = [14, 15, 19, 20, 21];
/// SEI payloads that are not carried over: captions, which the playlists say there are none of, and remarks of the
/// encoder.
const SEI_DROPPED: [u32; 2] = [4, 5];

/// How NAL units lie in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Behind start codes.
    ByteStream,
    /// Behind their length in so many bytes.
    Prefixed(usize),
}

impl Framing {
    /// As the track's configuration says: an `avcC` record begins with its version, a byte stream with zeros.
    pub fn of(extradata: &[u8]) -> Framing {
        match extradata {
            [1, _, _, _, length, ..] => Framing::Prefixed(usize::from(length & 3) + 1),
            _ => Framing::ByteStream,
        }
    }

    /// The NAL units of a packet; `None` where it is not what it should be.
    pub fn units(self, mut packet: &[u8]) -> Option<Vec<&[u8]>> {
        let Framing::Prefixed(width) = self else {
            let units: Vec<&[u8]> = units(packet).collect();
            return (!units.is_empty()).then_some(units);
        };
        let mut units = Vec::new();
        while !packet.is_empty() {
            let (prefix, rest) = packet.split_at_checked(width)?;
            let len = prefix.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let (unit, rest) = rest.split_at_checked(len)?;
            if !unit.is_empty() {
                units.push(unit);
            }
            packet = rest;
        }
        (!units.is_empty()).then_some(units)
    }
}

/// The parameter sets that a track began with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterSets {
    /// Sequence and picture parameter sets, in their order.
    pub units: Vec<Vec<u8>>,
}

impl ParameterSets {
    /// From the track's configuration; empty where they are in the packets alone.
    pub fn of(extradata: &[u8]) -> ParameterSets {
        let mut sets = ParameterSets::default();
        let found = match Framing::of(extradata) {
            Framing::ByteStream => units(extradata).map(<[u8]>::to_vec).collect(),
            Framing::Prefixed(_) => configured(extradata).unwrap_or_default(),
        };
        for unit in found {
            if matches!(kind(&unit), NAL_SPS | NAL_PPS) {
                sets.learn(&unit);
            }
        }
        sets
    }

    /// The only set of each kind: sequence, picture. `None` where there are several or none.
    pub fn single(&self) -> Option<(&[u8], &[u8])> {
        match &self.units[..] {
            [a, b] if kind(a) == NAL_SPS && kind(b) == NAL_PPS => Some((a, b)),
            _ => None,
        }
    }

    fn learn(&mut self, unit: &[u8]) {
        if !self.units.iter().any(|known| known == unit) {
            self.units.push(unit.to_vec());
        }
    }
}

/// The sets of an `avcC` record (ISO/IEC 14496-15 §5.3.3.1).
fn configured(record: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut units = Vec::new();
    let mut rest = record.get(5..)?;
    for mask in [0x1f, 0xff] {
        let (count, behind) = rest.split_first()?;
        rest = behind;
        for _ in 0..(count & mask) {
            let (len, behind) = rest.split_at_checked(2)?;
            let (unit, behind) =
                behind.split_at_checked(usize::from(u16::from_be_bytes([len[0], len[1]])))?;
            units.push(unit.to_vec());
            rest = behind;
        }
    }
    units.retain(|unit| !unit.is_empty());
    Some(units)
}

/// A packet's pictures, ready to be published.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Units with their length in 4 bytes before them.
    pub data: Vec<u8>,
    /// True where the picture is an IDR picture.
    pub idr: bool,
    /// True where a parameter set is not among those that the track began with.
    pub changed: bool,
    /// True where there are layers that a plain decoder does not know.
    pub layers: bool,
}

/// Takes over what a player needs: pictures and their remarks. Delimiters, filler and known parameter sets are left
/// out. While `sets` has none of a kind, those of the packet are learned. `None` where the packet is broken.
pub fn carry(packet: &[u8], framing: Framing, sets: &mut ParameterSets) -> Option<Carried> {
    let mut out = Carried { data: Vec::with_capacity(packet.len() + 16), ..Carried::default() };
    let begins = sets.single().is_none();
    let mut pictures = 0;
    for unit in framing.units(packet)? {
        let stripped;
        let mut unit = unit;
        match kind(unit) {
            NAL_AUD | NAL_FILLER | NAL_END_OF_SEQUENCE | NAL_END_OF_STREAM => continue,
            NAL_SPS | NAL_PPS => {
                if begins && !sets.units.iter().any(|known| kind(known) == kind(unit)) {
                    sets.learn(unit);
                }
                out.changed |= !sets.units.iter().any(|known| known == unit);
                continue;
            }
            NAL_SEI => match strip(unit) {
                None => {}
                Some(left) if left.is_empty() => continue,
                Some(left) => {
                    stripped = left;
                    unit = &stripped;
                }
            },
            picture @ 1..=NAL_IDR => {
                pictures += 1;
                out.idr |= picture == NAL_IDR;
            }
            other => out.layers |= NAL_LAYERS.contains(&other),
        }
        out.data.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.data.extend_from_slice(unit);
    }
    (pictures > 0).then_some(out)
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |byte| byte & 0x1f)
}

/// A unit of SEI without the payloads that are dropped: empty where nothing is left, `None` where nothing is dropped
/// or the unit is not understood.
fn strip(unit: &[u8]) -> Option<Vec<u8>> {
    let plain = unescaped(unit.get(1..)?);
    let mut left = vec![unit[0]];
    let mut rest = &plain[..];
    let mut dropped = false;
    // The last byte is the stop bit.
    while rest.len() > 1 {
        let (kind, behind) = sei_number(rest)?;
        let (size, behind) = sei_number(behind)?;
        let behind = behind.split_at_checked(size as usize)?.1;
        if SEI_DROPPED.contains(&kind) {
            dropped = true;
        } else {
            left.extend_from_slice(&rest[..rest.len() - behind.len()]);
        }
        rest = behind;
    }
    if !dropped {
        return None;
    }
    if left.len() == 1 {
        return Some(Vec::new());
    }
    left.extend_from_slice(rest);
    Some(escaped(&left))
}

/// A number of SEI: bytes of 255 add up (ITU-T H.264 §7.3.2.3.1).
fn sei_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 255).count();
    let last = *bytes.get(full)?;
    Some((full as u32 * 255 + u32::from(last), &bytes[full + 1..]))
}

/// Without the bytes that keep start codes from appearing (ITU-T H.264 §7.4.1.1).
pub fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 4);
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: [u8; 4] = [0x67, 100, 0, 40];
    const PPS: [u8; 2] = [0x68, 0xee];
    const PICTURE: [u8; 3] = [0x41, 9, 9];
    const IDR: [u8; 3] = [0x65, 8, 8];

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect()
    }

    fn prefixed(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat()).collect()
    }

    #[test]
    fn both_framings_carry_the_same_pictures() {
        let record = [&[1, 100, 0, 40, 0xff, 0xe1, 0, 4][..], &SPS, &[1, 0, 2], &PPS].concat();
        let from_record = ParameterSets::of(&record);
        assert_eq!(from_record.single(), Some((&SPS[..], &PPS[..])));
        assert_eq!(ParameterSets::of(&stream(&[&SPS, &PPS])), from_record);

        let units: [&[u8]; 5] = [&[9, 0xf0], &SPS, &PPS, &IDR, &[12, 255, 255]];
        let mut sets = from_record.clone();
        let carried = carry(&stream(&units), Framing::ByteStream, &mut sets).expect("a picture");
        assert_eq!(carried.data, prefixed(&[&IDR]));
        assert!(carried.idr && !carried.changed && !carried.layers);
        let again = carry(&prefixed(&units), Framing::of(&record), &mut sets).expect("a picture");
        assert_eq!(again, carried);
    }

    #[test]
    fn sets_that_change_are_noticed_and_sets_that_come_first_are_learned() {
        let mut sets = ParameterSets::default();
        let first = carry(&stream(&[&SPS, &PPS, &IDR]), Framing::ByteStream, &mut sets).expect("a picture");
        assert!(!first.changed);
        let other = carry(&stream(&[&SPS, &[0x68, 1], &IDR]), Framing::ByteStream, &mut sets);
        assert!(other.expect("a picture").changed);
    }

    #[test]
    fn broken_packets_are_none() {
        let mut sets = ParameterSets::default();
        let mut short = prefixed(&[&PICTURE]);
        short.pop();
        for packet in [&short[..], &[], &prefixed(&[&[9, 1]])] {
            assert_eq!(carry(packet, Framing::Prefixed(4), &mut sets), None);
        }
    }

    #[test]
    fn captions_and_remarks_are_left_out_and_the_rest_of_sei_stays() {
        let timing: [u8; 5] = [1, 3, 0, 0, 2];
        let captions: [u8; 4] = [4, 2, 7, 7];
        let mixed = escaped(&[&[6][..], &timing, &captions, &[0x80]].concat());
        let kept = escaped(&[&[6][..], &timing, &[0x80]].concat());
        let alone = [&[6][..], &captions, &[0x80]].concat();
        let packet = prefixed(&[&mixed, &alone, &kept, &PICTURE]);
        let carried = carry(&packet, Framing::Prefixed(4), &mut ParameterSets::default());
        assert_eq!(carried.expect("a picture").data, prefixed(&[&kept, &kept, &PICTURE]));
    }
}
