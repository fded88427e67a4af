"""What a run gives to read: a Markdown table, the raw figures, and the document that the table is written into."""

import re


def markers(topic):
    """The lines of the document that a topic's text stands between."""
    return f"<!-- {topic}: begin, written by scripts/bench {topic} --write -->", f"<!-- {topic}: end -->"


def markdown(rows, tables, settings):
    """Settings, the rows of the goals, and other tables."""
    parts = ["\n".join(f"- {what}: {value}" for what, value in settings.items())]
    if rows:
        head = ("figure", "ours : theirs", "ratio", "goal", "")
        body = [
            (row.figure, row.measured or "–", number(row.ratio), row.goal_text, f"**{row.verdict()}**")
            for row in rows
        ]
        parts.append(table([head, *body]))
        notes = [f"- {row.figure}: {row.note}." for row in rows if row.note]
        if notes:
            parts.append("Notes:\n\n" + "\n".join(notes))
    parts += [f"**{title}**\n\n{table(lines)}" for title, lines in tables.items() if len(lines) > 1]
    return "\n\n".join(parts)


def number(value):
    """Two digits behind the point, or a dash."""
    return "–" if value is None else f"{value:.2f}"


def table(lines):
    """A Markdown table, its first line the head.

    >>> print(table([("a", "b"), ("1", "x|y")]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    head, *body = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(["| " + " | ".join(line) + " |" for line in [head]] + ["|" + "---|" * len(head)] + [
        "| " + " | ".join(line) + " |" for line in body
    ])  # fmt: skip


def put_between_markers(document, text, topic="engine"):
    """The document with the text between the markers of a topic.

    >>> begin, end = markers("edge")
    >>> put_between_markers(f"a\\n{begin}\\nold\\n{end}\\nb", "new", "edge") == f"a\\n{begin}\\n\\nnew\\n\\n{end}\\nb"
    True
    """
    begin, end = markers(topic)
    pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.DOTALL)
    if not pattern.search(document):
        raise ValueError(f"the document has no line {begin}")
    return pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", document)
