"""Finds the peer that equals us: its rate-quality curve for each rung, and its command at our bits."""

from dataclasses import dataclass, field

from .curves import at_rate, bd_rate

# A peer's command counts as being at our bits within this share, for each rung.
CLOSE_RATE = 0.02
REFINEMENTS = 2


@dataclass
class Curves:
    """What a way to encode gives for several CRF offsets: for each rung, points (crf, kbps, vmaf, ssim_db)."""

    name: str
    make: object = field(repr=False)
    rungs: dict = field(default_factory=dict)

    def add(self, crfs, assessed):
        """Adds the point of every rung."""
        for height, rung in assessed["rungs"].items():
            point = (crfs[height], rung["kbps"], rung["vmaf"], rung["ssim_db"])
            self.rungs.setdefault(height, []).append(point)

    def rate(self, height, measure):
        """Points (kbps, measure) of a rung; measure is crf, vmaf or ssim_db."""
        index = ("crf", "kbps", "vmaf", "ssim_db").index(measure)
        return [(p[1], p[index]) for p in self.rungs[height]]

    def at_bits_of(self, reference):
        """What each rung would have at the reference's bits: {height: {kbps, crf, vmaf, ssim_db}}."""
        return {
            height: {"kbps": rung["kbps"]}
            | {m: at_rate(self.rate(height, m), rung["kbps"]) for m in ("crf", "vmaf", "ssim_db")}
            for height, rung in reference.items()
        }

    def near_tried_crf(self, height, crf, reach=4.0):
        """The CRF, not far outside of those tried: where a cap binds, no CRF at all may give the bits asked for."""
        tried = [point[0] for point in self.rungs[height]]
        return round(min(max(crf, min(tried) - reach), max(tried) + reach, 51.0), 2)

    def bd_rates(self, reference, measure):
        """For each rung, how many more bits than the reference this takes for the same quality, as a share."""
        return {
            height: bd_rate(reference.rate(height, measure), self.rate(height, measure)) for height in self.rungs
        }


def curves(arena, source, name, make, ladder_crfs, offsets):
    """Encodes with each CRF offset; `make(crfs)` gives the contestant."""
    found = Curves(name, make)
    for offset in offsets:
        crfs = {height: crf + offset for height, crf in ladder_crfs.items()}
        found.add(crfs, arena.assess(make(crfs), source))
    return found


def at_our_bits(arena, source, found, ours):
    """The contestant whose rungs have our bits, and how many bits it really has, {height: share of ours}. Each try
    adds a point to the curves, which makes the next one, and the quality read from them, exact where it matters."""
    for attempt in range(REFINEMENTS + 1):
        wanted = found.at_bits_of(ours)
        crfs = {height: found.near_tried_crf(height, rung["crf"]) for height, rung in wanted.items()}
        contestant = found.make(crfs)
        assessed = arena.assess(contestant, source)
        shares = {height: rung["kbps"] / ours[height]["kbps"] for height, rung in assessed["rungs"].items()}
        found.add(crfs, assessed)
        if all(abs(share - 1) <= CLOSE_RATE for share in shares.values()):
            break
    return contestant, shares


@dataclass(frozen=True)
class Lead:
    """How much better we are, rung by rung, at equal bits: negative where we are behind."""

    vmaf: dict
    ssim_db: dict

    @classmethod
    def over(cls, ours, peer):
        """Of two results {height: {vmaf, ssim_db}}.

        >>> ours = {720: {"vmaf": 90, "ssim_db": 15.0}, 360: {"vmaf": 70, "ssim_db": 12.0}}
        >>> lead = Lead.over(ours, {720: {"vmaf": 91.5, "ssim_db": 15.0}, 360: {"vmaf": 68, "ssim_db": 12.2}})
        >>> lead.mean_vmaf, lead.reached(), lead.too_far_behind()
        (0.25, False, '720p is 1.5 VMAF behind')
        """
        return cls(*({h: ours[h][m] - peer[h][m] for h in ours} for m in ("vmaf", "ssim_db")))

    @property
    def mean_vmaf(self):
        return sum(self.vmaf.values()) / len(self.vmaf)

    @property
    def mean_ssim_db(self):
        return sum(self.ssim_db.values()) / len(self.ssim_db)

    def reached(self):
        """Whether the peer reaches our mean VMAF."""
        return self.mean_vmaf <= 0

    def too_far_behind(self, vmaf=1.0, ssim_db=0.3):
        """Which of our rungs lag further than equal quality allows; None if none does."""
        found = [f"{h}p is {-lead:.1f} VMAF behind" for h, lead in self.vmaf.items() if lead < -vmaf]
        found += [f"{h}p is {-lead:.2f} dB SSIM behind" for h, lead in self.ssim_db.items() if lead < -ssim_db]
        return ", ".join(found) or None

    def __str__(self):
        vmaf = f"VMAF {self.mean_vmaf:+.2f} in the mean, {spread(self.vmaf)}"
        ssim_db = f"SSIM {self.mean_ssim_db:+.2f} dB, {spread(self.ssim_db)}"
        return f"ours minus theirs at equal bits: {vmaf}; {ssim_db}"


def spread(leads):
    """Our worst rung and our best one.

    >>> spread({720: -0.5, 360: 0.25})
    '-0.50 (720p) to +0.25 (360p)'
    """
    worst, best = min(leads, key=leads.get), max(leads, key=leads.get)
    return f"{leads[worst]:+.2f} ({worst}p) to {leads[best]:+.2f} ({best}p)"
