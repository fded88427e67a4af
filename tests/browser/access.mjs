// node access.mjs --url PAGE_URL --out DIR (--lines N | --says HEADLINE --because WORDS)
//
// Opens the player page as a viewer would, with or without a token in its address, in headless Chromium. With --lines it
// has to play, N lines at most being on offer; with --says it has to refuse under that headline, in a text with those
// words. Prints one JSON object: {ok, failures, facts, screenshots}. Exit code 0 where every expectation held, 1 where one
// did not, 2 for wrong usage.

import { listen } from "./lib/browser.mjs";
import { PlayerPage } from "./lib/player-page.mjs";
import { DESKTOP, commandLine, scenario } from "./lib/scenario.mjs";

const { url, out, lines, says, because } = commandLine(
  "access.mjs --url PAGE_URL --out DIR (--lines N | --says HEADLINE --because WORDS)",
  ["url", "out", "lines", "says", "because"],
  ({ url, out, lines, says, because }) => url && out && (lines || (says && because)),
);

await scenario(out, async ({ browser, report, problems }) => {
  const page = await browser.newPage(DESKTOP);
  const player = new PlayerPage(page, report, out);
  if (says) {
    await report.chapter("refusal", () => refused(player, report));
  } else {
    // A page that plays meets no refusal at all.
    listen(page, problems);
    await report.chapter("playback", () => plays(player, report));
  }
});

async function plays(player, report) {
  await player.open(url);
  const heights = (await player.state()).levels.map(({ height }) => height);
  report.facts.heights = heights;
  report.expect(`${lines} lines are the most on offer`, Math.max(...heights) === Number(lines), heights);
  await player.page.locator("#big-play").click();
  // The clip is short: it may be over before anybody looks.
  await player.until(() => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames > 0);
  const video = await player.video();
  report.expect("a picture is shown", video.frames > 0 && video.videoHeight <= Number(lines), video);
}

async function refused(player, report) {
  await player.page.goto(url, { waitUntil: "load" });
  await player.until(() => window.flodrama?.state.phase === "problem");
  const headline = await player.page.locator("#problem-headline").innerText();
  const text = await player.page.locator("#problem-text").innerText();
  Object.assign(report.facts, { headline, text });
  report.expect(`the page says "${says}"`, headline === says, headline);
  report.expect(`it says why: "${because}"`, text.includes(because), text);
  await player.screenshot(`refused-${says.toLowerCase().replaceAll(" ", "-")}.png`);
}
