"""Rate-quality curves: interpolation, BD-rate and hulls. Pure. A point is (kb/s, quality)."""

from bisect import bisect_right
from math import exp, log, log10


def ssim_db(ssim):
    """SSIM on a scale where equal steps look about equal.

    >>> round(ssim_db(0.99), 6)
    20.0
    """
    # A bit-exact copy would be infinitely good; 60 dB is better than anything we encode.
    return min(60.0, -10 * log10(max(1e-6, 1 - ssim)))


def increasing(points, least_step=0.005):
    """Points by rising x, without those whose x is nearly the one before: where a rate cap binds, two settings give the
    same rate, and a curve through both would be as steep as noise.

    >>> increasing([(2, 8), (1, 5), (2.001, 8.3)])
    [(1, 5), (2, 8)]
    """
    kept = []
    for x, y in sorted(points):
        if not kept or x > kept[-1][0] * (1 + least_step):
            kept.append((x, y))
    return kept


def pchip(points):
    """A function through the points that overshoots nowhere (Fritsch-Carlson), going on straight beyond both ends.

    >>> f = pchip([(0, 0), (1, 1), (2, 4)])
    >>> f(0), f(1), f(2), 0 < f(0.5) < 1 < f(1.5) < 4
    (0.0, 1.0, 4.0, True)
    >>> pchip([(0, 1), (1, 3)])(2)
    5.0
    >>> pchip([(1, 7)])(3)
    7.0
    """
    xs = [float(x) for x, _ in points]
    ys = [float(y) for _, y in points]
    if len(xs) == 1:
        return lambda _: ys[0]
    widths = [b - a for a, b in zip(xs, xs[1:])]
    rises = [(b - a) / w for a, b, w in zip(ys, ys[1:], widths)]
    slopes = [rises[0]]
    for i in range(1, len(rises)):
        before, after = rises[i - 1], rises[i]
        if before * after <= 0:
            slopes.append(0.0)
        else:
            w1, w2 = 2 * widths[i] + widths[i - 1], widths[i] + 2 * widths[i - 1]
            slopes.append((w1 + w2) / (w1 / before + w2 / after))
    slopes.append(rises[-1])

    def at(x):
        if x <= xs[0]:
            return ys[0] + slopes[0] * (x - xs[0])
        if x >= xs[-1]:
            return ys[-1] + slopes[-1] * (x - xs[-1])
        i = bisect_right(xs, x) - 1
        w = widths[i]
        t = (x - xs[i]) / w
        return (
            ys[i] * (1 + 2 * t) * (1 - t) ** 2
            + slopes[i] * w * t * (1 - t) ** 2
            + ys[i + 1] * t * t * (3 - 2 * t)
            + slopes[i + 1] * w * t * t * (t - 1)
        )

    return at


def at_rate(points, kbps):
    """What the curve of (kb/s, value) gives at a rate, interpolated over the logarithm of the rate.

    >>> round(at_rate([(1000, 80), (4000, 90)], 2000), 6)
    85.0
    """
    return pchip([(log(x), y) for x, y in increasing(points)])(log(kbps))


def bd_rate(reference, other, steps=400):
    """Mean difference of bits of `other` at equal quality, as a share: -0.2 is a fifth fewer bits. None where the two
    curves share less than a quarter of either's range of quality.

    >>> a = [(1000, 80.0), (2000, 88.0), (4000, 93.0)]
    >>> half = [(kbps / 2, quality) for kbps, quality in a]
    >>> round(bd_rate(a, half), 6), round(bd_rate(half, a), 6)
    (-0.5, 1.0)
    >>> bd_rate(a, [(10, 20.0), (20, 30.0)]) is None
    True
    """
    a, b = rate_of_quality(reference), rate_of_quality(other)
    if len(a) < 2 or len(b) < 2:
        return None
    low, high = max(a[0][0], b[0][0]), min(a[-1][0], b[-1][0])
    if high - low < 0.25 * min(a[-1][0] - a[0][0], b[-1][0] - b[0][0]):
        return None
    rate_a, rate_b = pchip(a), pchip(b)
    step = (high - low) / steps
    middle = [low + step * (i + 0.5) for i in range(steps)]
    return exp(sum(rate_b(q) - rate_a(q) for q in middle) / steps) - 1


def rate_of_quality(points):
    """(quality, log of kb/s), both rising: a point that costs more without being better is no part of the curve."""
    kept = []
    for kbps, quality in sorted(points):
        if not kept or quality > kept[-1][0]:
            kept.append((quality, log(kbps)))
    return kept


def hull(points):
    """The upper convex hull over the logarithm of the rate: what a player that takes the best rung for its rate gets.

    >>> hull([(100, 50), (200, 40), (400, 80), (800, 81), (1600, 95)])
    [(100, 50), (400, 80), (1600, 95)]
    """
    kept = []
    best_at_rate = dict(sorted(points))
    for kbps, quality in best_at_rate.items():
        while len(kept) >= 2 and turns_up(kept[-2], kept[-1], (kbps, quality)):
            kept.pop()
        kept.append((kbps, quality))
    best = [kept[0]]
    for point in kept[1:]:
        if point[1] > best[-1][1]:
            best.append(point)
    return best


def turns_up(a, b, c):
    """Whether b lies on or below the line from a to c."""
    (xa, ya), (xb, yb), (xc, yc) = [(log(x), y) for x, y in (a, b, c)]
    return (yb - ya) * (xc - xa) <= (yc - ya) * (xb - xa)
