"""Rate-quality curves as an SVG: a column for each rung, VMAF above, SSIM below."""

from html import escape
from math import ceil, floor, log, log10

PANEL_WIDTH, PANEL_HEIGHT = 236, 210
GAP_X, GAP_Y = 54, 62
LEFT, TOP, RIGHT, BOTTOM = 62, 118, 24, 62
# The palette of Okabe and Ito, which people who confuse red and green can tell apart. Ours has the warm ones.
OURS = ("#d55e00", "#cc79a7", "#e69f00")
PEERS = ("#0072b2", "#009e73", "#56b4e9", "#222222", "#999999", "#b8a800")
MEASURES = (("VMAF", "vmaf"), ("SSIM, dB", "ssim_db"))
RATE_TICKS_KBPS = [m * 10**e for e in range(0, 6) for m in (1, 1.5, 2, 3, 4, 5, 7)]


def chart(curves, title):
    """The picture; curves by name, ours named `ours …`."""
    heights = sorted({h for c in curves.values() for h in c.rungs}, reverse=True)
    width = LEFT + len(heights) * (PANEL_WIDTH + GAP_X) - GAP_X + RIGHT
    height = TOP + 2 * (PANEL_HEIGHT + GAP_Y) - GAP_Y + BOTTOM
    colours = colours_of(curves)
    body = [text(LEFT, 34, "Rate and quality of each rung", size=20, weight="600"), text(LEFT, 58, title, "#555")]
    body += legend(colours)
    for column, rung in enumerate(heights):
        x = LEFT + column * (PANEL_WIDTH + GAP_X)
        body.append(text(x, TOP - 12, f"{rung}p", weight="600"))
        for row, (label, measure) in enumerate(MEASURES):
            y = TOP + row * (PANEL_HEIGHT + GAP_Y)
            lines = {name: sorted(c.rate(rung, measure)) for name, c in curves.items() if rung in c.rungs}
            body += panel(x, y, lines, colours)
            if column == 0:
                body.append(text(x - 44, y + PANEL_HEIGHT / 2, label, "#555", turn=-90, anchor="middle"))
            if row == 1:
                middle = x + PANEL_WIDTH / 2
                body.append(text(middle, y + PANEL_HEIGHT + 38, "kb/s", "#555", anchor="middle"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def colours_of(curves):
    """A colour for each curve."""
    ours = [name for name in curves if name.startswith("ours ")]
    peers = [name for name in curves if name not in ours]
    found = {name: OURS[i % len(OURS)] for i, name in enumerate(ours)}
    return found | {name: PEERS[i % len(PEERS)] for i, name in enumerate(peers)}


def legend(colours):
    """One line of names."""
    out, x = [], LEFT
    for name, colour in colours.items():
        out.append(f'<line x1="{x}" x2="{x + 22}" y1="78" y2="78" stroke="{colour}" {stroke(name)}/>')
        out.append(text(x + 28, 82, name))
        x += 28 + 7 * len(name) + 22
    return out


def stroke(name):
    """Ours is thick."""
    return f'stroke-width="{2.6 if name.startswith("ours ") else 1.5}" fill="none"'


def panel(x, y, lines, colours):
    """Axes and curves of one rung and one measure."""
    points = [p for line in lines.values() for p in line]
    rates, values = [p[0] for p in points], [p[1] for p in points]
    low_rate, high_rate = min(rates) / 1.08, max(rates) * 1.08
    ticks = value_ticks(min(values), max(values))
    low, high = min(ticks[0], min(values)), max(ticks[-1], max(values))

    def at(kbps, value):
        across = log(kbps / low_rate) / log(high_rate / low_rate)
        return x + across * PANEL_WIDTH, y + PANEL_HEIGHT * (1 - (value - low) / (high - low))

    out = [f'<rect x="{x}" y="{y}" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}" fill="#fafafa" stroke="#ccc"/>']
    for value in ticks:
        level = at(low_rate, value)[1]
        out.append(f'<line x1="{x}" x2="{x + PANEL_WIDTH}" y1="{level:.1f}" y2="{level:.1f}" stroke="#e4e4e4"/>')
        out.append(text(x - 6, level + 4, f"{value:g}", "#555", anchor="end"))
    for kbps in spread([t for t in RATE_TICKS_KBPS if low_rate <= t <= high_rate], 4):
        across = at(kbps, low)[0]
        out.append(f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{y}" y2="{y + PANEL_HEIGHT}" stroke="#e4e4e4"/>')
        out.append(text(across, y + PANEL_HEIGHT + 18, f"{kbps:g}", "#555", anchor="middle"))
    for name, line in sorted(lines.items(), key=lambda item: item[0].startswith("ours ")):
        places = [at(*point) for point in line]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        out.append(f'<polyline points="{path}" stroke="{colours[name]}" {stroke(name)}/>')
        out += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.6" fill="{colours[name]}"/>' for px, py in places]
    return out


def value_ticks(low, high, about=4):
    """Round numbers around a range.

    >>> value_ticks(81.2, 93.9), value_ticks(14.1, 15.3)
    ([80, 85, 90, 95], [14.0, 14.5, 15.0, 15.5])
    """
    span = max(high - low, 0.1)
    rough = span / about
    scale = 10 ** floor(log10(rough))
    step = next(m * scale for m in (1, 2, 5, 10) if m * scale >= rough)
    count = range(floor(low / step), ceil(high / step) + 1)
    return [round(i * step, 6) for i in count]


def spread(items, most):
    """At most so many of the items, evenly.

    >>> spread([1, 2, 3, 4, 5, 6], 3)
    [1, 3, 5]
    """
    return items[:: -(-len(items) // most)] if items else []


def text(x, y, words, colour="#222", size=12, weight="400", anchor="start", turn=0):
    """A line of text."""
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}"{turned}>{escape(words)}</text>'
    )
