// node preview.mjs --url PAGE_URL --out DIR
//
// Opens the player page of an episode that is still being encoded, as an editor, and watches it: from the preview to the
// end of the finished episode. Prints one JSON object: {ok, failures, facts, screenshots}. Exit code 0 where every
// expectation held, 1 where one did not, 2 for wrong usage.

import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";

import { launch, listen, withoutSecrets } from "./lib/browser.mjs";
import { PlayerPage } from "./lib/player-page.mjs";
import { Report } from "./lib/report.mjs";

const PUBLISHED_WITHIN_MS = 180_000;

const { url, out } = options();
const report = new Report();
const problems = [];
await mkdir(out, { recursive: true });
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  listen(page, problems);
  await report.chapter("preview", () => watch(new PlayerPage(page, report, out)));
  const errors = await page.evaluate(() => window.flodrama?.errors ?? []);
  report.facts.errors = errors;
  const fatal = errors.filter((error) => error.fatal);
  report.expect("the engine meets no fatal error", fatal.length === 0, fatal);
} finally {
  await browser.close();
}
for (const problem of new Set(problems)) report.expect(problem, false);
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.failures.length === 0 ? 0 : 1;

async function watch(player) {
  await player.open(url);
  const first = await player.state();
  report.expect("what plays still grows", first.growing === true, first);
  await player.playing();
  await player.advance(3);
  const begun = await player.video();
  report.facts.begun = begun;
  report.expect("it plays from its start", begun.currentTime < 12, begun.currentTime);
  report.expect("a picture is shown", begun.frames > 0 && begun.videoWidth > 0, begun);
  const badge = player.page.locator("#early");
  report.facts.badge = await badge.innerText();
  report.expect("the page says that it is a preview", /^Preview · \d+ % prepared$/.test(report.facts.badge));
  await player.wake();
  await player.screenshot("preview.png");

  // The episode is published while it plays on.
  await badge.waitFor({ state: "hidden", timeout: PUBLISHED_WITHIN_MS });
  await player.until(() => window.flodrama.state.duration > 59, 30_000);
  const whole = await player.video();
  report.facts.whole = whole;
  report.expect("it went on playing meanwhile", whole.currentTime > begun.currentTime && !whole.paused, whole);
  report.expect("it is as long as the episode", whole.duration > begun.duration, whole.duration);
  await player.seekByClick(0.95);
  await player.until(() => document.querySelector("video").ended, 30_000);
  await player.screenshot("preview-ended.png");
}

function options() {
  try {
    const { values } = parseArgs({ options: { url: { type: "string" }, out: { type: "string" } } });
    if (!values.url || !values.out) throw new Error("--url and --out are needed");
    return values;
  } catch (error) {
    console.error(`${withoutSecrets(error.message)}\nusage: node preview.mjs --url PAGE_URL --out DIR`);
    process.exit(2);
  }
}
