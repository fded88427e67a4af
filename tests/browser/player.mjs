// node player.mjs --url PAGE_URL --out DIR [--rungs N]
//
// Opens the player page (with its #token=…) in headless Chromium, watches an episode of 20 seconds or more as a viewer
// would, and prints one JSON object: {ok, failures, facts, screenshots}. Exit code 0 where every expectation held, 1
// where one did not, 2 for wrong usage. CHROMIUM names the browser; it must decode H.264 and AAC, as Debian's does.

import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";

import { launch, listen, withoutSecrets } from "./lib/browser.mjs";
import * as chapters from "./lib/chapters.mjs";
import { PlayerPage } from "./lib/player-page.mjs";
import { Report } from "./lib/report.mjs";

const DESKTOP = { viewport: { width: 1280, height: 720 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

const { url, out, rungs } = options();
const report = new Report();
const problems = [];
await mkdir(out, { recursive: true });
const browser = await launch();
try {
  await visit("desktop", DESKTOP, [
    "startScreen",
    "playback",
    "seeking",
    "preview",
    "quality",
    "tracks",
    "keyboard",
  ]);
  await visit("phone", PHONE, ["phone"]);
} finally {
  await browser.close();
}
for (const problem of new Set(problems)) report.expect(problem, false);
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.failures.length === 0 ? 0 : 1;

async function visit(name, device, names) {
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
  const errors = await page.evaluate(() => window.flodrama?.errors ?? []);
  report.facts[`${name}Errors`] = errors;
  const fatal = errors.filter((error) => error.fatal);
  report.expect("the engine meets no fatal error", fatal.length === 0, fatal);
  await context.close();
}

function options() {
  try {
    const { values } = parseArgs({
      options: { url: { type: "string" }, out: { type: "string" }, rungs: { type: "string" } },
    });
    if (!values.url || !values.out) throw new Error("--url and --out are needed");
    return { ...values, rungs: values.rungs === undefined ? undefined : Number(values.rungs) };
  } catch (error) {
    console.error(
      `${withoutSecrets(error.message)}\nusage: node player.mjs --url PAGE_URL --out DIR [--rungs N]`,
    );
    process.exit(2);
  }
}
