// node player.mjs --url PAGE_URL --out DIR [--rungs N]
//
// Opens the player page (with its #token=…) in headless Chromium, watches an episode of 20 seconds or more as a viewer
// would, and prints one JSON object: {ok, failures, facts, screenshots}. Exit code 0 where every expectation held, 1
// where one did not, 2 for wrong usage. CHROMIUM names the browser; it must decode H.264 and AAC, as Debian's does.

import { listen } from "./lib/browser.mjs";
import * as chapters from "./lib/chapters.mjs";
import { PlayerPage } from "./lib/player-page.mjs";
import { DESKTOP, commandLine, expectNoFatalError, scenario } from "./lib/scenario.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

const { url, out, ...given } = commandLine("player.mjs --url PAGE_URL --out DIR [--rungs N]", ["url", "out", "rungs"]);
const rungs = given.rungs === undefined ? undefined : Number(given.rungs);

await scenario(out, async (stage) => {
  await visit(stage, "desktop", DESKTOP, [
    "startScreen",
    "playback",
    "seeking",
    "preview",
    "quality",
    "tracks",
    "keyboard",
  ]);
  await visit(stage, "phone", PHONE, ["phone"]);
});

async function visit({ browser, report, problems }, name, device, names) {
  const context = await browser.newContext(device);
  const page = await context.newPage();
  listen(page, problems);
  const player = new PlayerPage(page, report, out);
  await report.chapter(`${name}, open`, async () => {
    await player.open(url);
    for (const chapter of names) {
      await report.chapter(`${name}, ${chapter}`, () => chapters[chapter]({ player, report, rungs }));
    }
  });
  await expectNoFatalError(page, report, `${name}Errors`);
  await context.close();
}
