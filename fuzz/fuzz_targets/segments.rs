//! Segments: whatever bytes stand where media should be, they are checked. The input is the initialisation section and
//! a segment, divided at its first `====`, or a segment alone.
#![no_main]

use flodrama_fuzz::{Files, MAIN, checked};
use libfuzzer_sys::fuzz_target;

const DIVIDER: &[u8] = b"====";
const MP4: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n\
    #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.0,\n1.m4s\n#EXTINF:2.0,\n1.m4s\n#EXT-X-ENDLIST\n";
const IFRAMES: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-I-FRAMES-ONLY\n\
    #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:600@0\n1.m4s\n\
    #EXTINF:2.0,\n#EXT-X-BYTERANGE:100@600\n1.m4s\n#EXT-X-ENDLIST\n";
const PLAIN: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n\
    #EXTINF:2.0,\n1.ts\n#EXTINF:2.0,\n1.ts\n#EXT-X-ENDLIST\n";

fuzz_target!(|input: &[u8]| {
    let divided = input.windows(DIVIDER.len()).position(|window| window == DIVIDER);
    match divided {
        Some(at) => {
            let (init, segment) = (&input[..at], &input[at + DIVIDER.len()..]);
            for playlist in [MP4, IFRAMES] {
                checked(&Files::of([(MAIN, playlist.as_bytes()), ("init.mp4", init), ("1.m4s", segment)]));
            }
        }
        None => drop(checked(&Files::of([(MAIN, PLAIN.as_bytes()), ("1.ts", input)]))),
    }
});
