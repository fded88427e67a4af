"""What a run gives to read: a Markdown table, the raw figures, and the document that the table is written into."""

import re

BEGIN, END = "<!-- engine: begin, written by scripts/bench engine --write -->", "<!-- engine: end -->"


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


def put_between_markers(document, text):
    """The document with the text between its markers.

    >>> put_between_markers(f"a\\n{BEGIN}\\nold\\n{END}\\nb", "new") == f"a\\n{BEGIN}\\n\\nnew\\n\\n{END}\\nb"
    True
    """
    pattern = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    if not pattern.search(document):
        raise ValueError(f"the document has no line {BEGIN}")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{text}\n\n{END}", document)
