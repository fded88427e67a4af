// node preview.mjs --url PAGE_URL --out DIR
//
// Opens the player page of an episode that is still being encoded, as an editor, and watches it: from the preview to the
// end of the finished episode. Prints one JSON object: {ok, failures, facts, screenshots}. Exit code 0 where every
// expectation held, 1 where one did not, 2 for wrong usage.

import { listen } from "./lib/browser.mjs";
import { PlayerPage } from "./lib/player-page.mjs";
import { DESKTOP, commandLine, expectNoFatalError, scenario } from "./lib/scenario.mjs";

const PUBLISHED_WITHIN_MS = 180_000;

const { url, out } = commandLine("preview.mjs --url PAGE_URL --out DIR", ["url", "out"]);

await scenario(out, async ({ browser, report, problems }) => {
  const page = await browser.newPage(DESKTOP);
  listen(page, problems);
  await report.chapter("preview", () => watch(new PlayerPage(page, report, out), report));
  await expectNoFatalError(page, report, "errors");
});

async function watch(player, report) {
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
