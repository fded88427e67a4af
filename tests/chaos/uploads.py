"""What editors do during a run: good files, bad files, the same name again."""

import random

from . import clips

GOOD, BAD = "good", "bad"


class Upload:
    """One key and what is put there, in order."""

    def __init__(self, key, contents):
        self.key, self.contents, self.tags = key, contents, []

    @property
    def asset(self):
        return self.key.removeprefix("uploads/").rpartition(".")[0]

    @property
    def waits(self):
        return len(self.tags) < len(self.contents)

    def send(self, s3):
        """Puts the next content; its entity tag says later which one is live."""
        _, body = self.contents[len(self.tags)]
        self.tags.append(s3.put(self.key, body))


def planned(count, base, seed):
    """`count` jobs: of each ten, seven are good, one is bad, two are one name twice."""
    chance, jobs, number = random.Random(seed), [], 0

    def content(kind):
        nonlocal number
        number += 1
        if kind == BAD:
            return BAD, clips.broken(number)
        return GOOD, clips.marked(base[chance.choice(("short", "long"))], number)

    made = 0
    while made < count:
        turn = made % 10
        kinds = {3: (BAD,), 5: (GOOD, GOOD), 8: (BAD, GOOD)}.get(turn, (GOOD,))
        jobs.append(Upload(f"uploads/job-{len(jobs):03}.mp4", [content(kind) for kind in kinds]))
        made += len(kinds)
    return jobs
