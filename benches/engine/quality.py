"""VMAF and SSIM of a rendition against the source, at the source's size."""

import json
import re

from . import playlists, tools
from .curves import ssim_db


# Frames as they are stored. Two inputs tagged differently, one with a colour matrix and one without, would be converted
# on the way, and VMAF would measure the conversion (seen: 5 VMAF at 1080p).
AS_STORED = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


def graph(source, subsample, threads, log):
    """The filters that compare: first input against the second, the source."""
    # Numbered anew: the n-th frame with the n-th, whatever the timestamps of the containers.
    numbered = f"settb=AVTB,setpts=N/({source.frames_per_s})/TB"
    size = f"{source.width}:{source.height}"
    return (
        f"[0:v]{AS_STORED},{numbered},scale={size}:flags=bicubic,format=yuv420p,split[d1][d2];"
        f"[1:v]{AS_STORED},{numbered},format=yuv420p,split[r1][r2];"
        f"[d1][r1]libvmaf=n_threads={threads}:n_subsample={subsample}:log_fmt=json:log_path={log}[vmaf];"
        f"[d2][r2]ssim[ssim]"
    )


def of_rendition(tool, source, playlist, scratch, subsample, threads):
    """Mean VMAF, SSIM in dB and rate of the rendition."""
    joined, log = scratch / "rendition.mp4", scratch / "vmaf.json"
    playlists.join(playlist, joined)
    said = tools.quietly(
        tool.newest_ffmpeg, "-nostdin", "-i", joined, "-i", source.path,
        "-filter_complex", graph(source, subsample, threads, log),
        "-map", "[vmaf]", "-f", "null", "-", "-map", "[ssim]", "-f", "null", "-",
    )  # fmt: skip
    joined.unlink()
    return {
        "kbps": playlists.kbps(playlist),
        "vmaf": json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"],
        "ssim_db": ssim_db(parse_ssim(said)),
    }


def parse_ssim(text):
    """The mean over luma and chroma out of what ffmpeg's ssim filter says at its end.

    >>> parse_ssim("[Parsed_ssim_9 @ 0x1] SSIM Y:0.97 (15.2) U:0.98 (17.0) V:0.98 (17.0) All:0.975000 (16.0)")
    0.975
    """
    return float(re.findall(r"SSIM .*All:([\d.]+)", text)[-1])
