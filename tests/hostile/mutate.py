"""Damages small clips on purpose. The same seed makes the same file."""

import random
import re
import subprocess

# Name of the clip and what makes it: every demuxer that uploads are read with, and the codecs that are met most.
SEEDS = {
    "h264.mp4": "-c:v libx264 -preset ultrafast -bf 1 -c:a aac -movflags +faststart",
    "fragments.mp4": "-c:v libx264 -preset ultrafast -c:a aac -movflags frag_keyframe+empty_moov",
    "hevc.mp4": "-c:v libx265 -preset ultrafast -x265-params log-level=none -c:a ac3",
    "prores.mov": "-c:v prores_ks -c:a pcm_s16le",
    "h264.mkv": "-c:v libx264 -preset ultrafast -c:a flac",
    "vp9.webm": "-c:v libvpx-vp9 -deadline realtime -c:a libopus",
    "av1.mp4": "-c:v libaom-av1 -cpu-used 8 -c:a aac",
    "mpeg2.ts": "-c:v mpeg2video -c:a mp2",
    "h264.ts": "-c:v libx264 -preset ultrafast -c:a aac",
    "mpeg2.mpg": "-c:v mpeg2video -c:a mp2",
    "mpeg4.avi": "-c:v mpeg4 -c:a libmp3lame",
    "mjpeg.avi": "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le",
    "h264.flv": "-c:v libx264 -preset ultrafast -c:a aac -ar 44100",
    "mpeg2.mxf": "-c:v mpeg2video -c:a pcm_s16le -ar 48000",
    "theora.ogg": "-c:v libtheora -c:a libvorbis",
    "wmv2.asf": "-c:v wmv2 -c:a wmav2",
}
# Numbers at the edges of what lengths and counts can be.
EDGES = [0, 1, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
BOX = re.compile(rb"[a-zA-Z0-9 ]{4}")
# Matroska elements whose length follows: Segment, Cluster, Tracks, SimpleBlock, BlockGroup, TrackEntry, CodecPrivate.
EBML = [b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b", b"\xa3", b"\xa0", b"\xae", b"\x63\xa2"]
PACKET = 188


def make_seeds(folder):
    """Fourteen pictures of 64 by 48 with sound, in each kind of file."""
    made = []
    for name, options in SEEDS.items():
        path = folder / name
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25"]
        command += ["-f", "lavfi", "-i", "sine", "-t", "0.56", "-pix_fmt", "yuv420p", *options.split(), str(path)]
        subprocess.run(command, check=True, timeout=120)
        made.append(path)
    return made


def flip(data, rng, _):
    for _ in range(rng.choice([1, 2, 8, 64])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(data, rng, _):
    for _ in range(rng.choice([1, 4, 16])):
        data[rng.randrange(len(data))] = rng.randrange(256)


def number(data, rng, _):
    at = rng.randrange(max(1, len(data) - 4))
    data[at : at + 4] = rng.choice(EDGES).to_bytes(4, rng.choice(["big", "little"]))


def box_length(data, rng, _):
    """The four bytes before four letters: the length of an MP4 box, or of a RIFF chunk where it stands behind."""
    found = [m.start() for m in BOX.finditer(bytes(data)) if m.start() >= 4]
    if not found:
        return flip(data, rng, None)
    at, big = rng.choice(found), rng.random() < 0.8
    at, order = (at - 4, "big") if big else (min(at + 4, len(data) - 4), "little")
    data[at : at + 4] = rng.choice(EDGES).to_bytes(4, order)


def ebml_length(data, rng, _):
    name = rng.choice(EBML)
    found = [m.start() for m in re.finditer(re.escape(name), bytes(data))]
    if not found:
        return number(data, rng, None)
    at = rng.choice(found) + len(name)
    if at < len(data):
        data[at] = rng.choice([0x00, 0x01, 0x40, 0x80, 0xFE, 0xFF])


def transport_packet(data, rng, _):
    count = len(data) // PACKET
    if count < 3:
        return flip(data, rng, None)
    at = rng.randrange(count) * PACKET
    match rng.randrange(4):
        case 0:
            del data[at : at + PACKET]
        case 1:
            data[at:at] = data[at : at + PACKET]
        case 2:
            data[at + 1] = rng.randrange(256)
        case 3:
            data[at + 4] = rng.randrange(256)


def truncate(data, rng, _):
    del data[rng.randrange(1, len(data)) :]


def remove(data, rng, _):
    at = rng.randrange(len(data))
    del data[at : at + rng.choice([1, 3, 16, 512, 4096])]


def repeat(data, rng, _):
    at, length = rng.randrange(len(data)), rng.choice([1, 8, 256, 4096])
    data[at:at] = data[at : at + length] * rng.choice([1, 2, 100])


def splice(data, rng, other):
    at, begin = rng.randrange(len(data)), rng.randrange(len(other))
    length = rng.choice([16, 512, 8192])
    if rng.random() < 0.5:
        data[at : at + length] = other[begin : begin + length]
    else:
        data[at:at] = other[begin : begin + length]


def blank(data, rng, _):
    at, length = rng.randrange(len(data)), rng.choice([4, 64, 2048])
    data[at : at + length] = bytes([rng.choice([0, 0xFF])]) * len(data[at : at + length])


WAYS = [flip, overwrite, number, box_length, ebml_length, transport_packet, truncate, remove, repeat, splice, blank]


def mutated(seeds, seed):
    """What came of which clip by which ways: its name and its bytes."""
    rng = random.Random(seed)
    name = rng.choice(sorted(seeds))
    data, ways = bytearray(seeds[name]), rng.choices(WAYS, k=rng.choice([1, 1, 1, 2, 4]))
    for way in ways:
        if data:
            way(data, rng, seeds[rng.choice(sorted(seeds))])
    return f"{seed}-{'+'.join(way.__name__ for way in ways)}-{name}", bytes(data)
