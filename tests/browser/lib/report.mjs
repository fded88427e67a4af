// Expectations that are noted, not thrown: one run tells everything that is wrong.

export class Report {
  facts = {};
  failures = [];
  screenshots = [];

  /** Notes a failure unless `held`. */
  expect(what, held, found) {
    if (!held) this.failures.push(found === undefined ? what : `${what}: found ${JSON.stringify(found)}`);
  }

  /** Runs one chapter; an exception (a wait that timed out) is its failure, and the next chapter still runs. */
  async chapter(name, run) {
    try {
      await run();
    } catch (error) {
      this.failures.push(`${name}: ${firstLine(error.message)}`);
    }
  }

  toJSON() {
    const { facts, failures, screenshots } = this;
    return { ok: failures.length === 0, failures, facts, screenshots };
  }
}

function firstLine(text) {
  return text.split("\n")[0];
}
