// node expiry.mjs --url PAGE_URL --out DIR --engine hls.js|native
//
// Watches an episode of four minutes in headless Chromium while its links end, again and again, and at last the sign-in
// too. Time is the caller's: a line {"advance_s": N} on standard output asks for the clock to be put forwards by N
// seconds, {"sign_in": true} for the page's address with a fresh token; each waits for one line of JSON on standard
// input. The last line is the report: {ok, failures, facts, screenshots}. Exit code 0 where every expectation held, 1
// where one did not, 2 for wrong usage.

import { createInterface } from "node:readline";

import { withoutSecrets } from "./lib/browser.mjs";
import * as chapters from "./lib/expiry.mjs";
import { PlayerPage } from "./lib/player-page.mjs";
import { DESKTOP, commandLine, scenario } from "./lib/scenario.mjs";

const STORIES = {
  "hls.js": ["midPlay", "afterPause", "afterSeek", "signInOver"],
  // A seek that meets an ended link is forgotten by Chromium's own player, which goes on where it was.
  native: ["midPlay", "afterPause"],
};

const { url, out, engine } = commandLine(
  "expiry.mjs --url PAGE_URL --out DIR --engine hls.js|native",
  ["url", "out", "engine"],
  ({ url, out, engine }) => url && out && STORIES[engine],
);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

await scenario(out, async ({ browser, report }) => {
  const context = await browser.newContext(DESKTOP);
  const page = await context.newPage();
  page.on("pageerror", (error) => report.expect(`exception: ${withoutSecrets(error.message)}`, false));
  if (engine === "native") await page.addInitScript(chapters.withoutHlsJs);
  const player = new PlayerPage(page, report, out);
  const stage = { player, report, engine, refusals: chapters.countRefusals(page), advance, signIn };
  await report.chapter(`${engine}, open`, async () => {
    await chapters.open(stage, url);
    for (const name of STORIES[engine]) {
      await report.chapter(`${engine}, ${name}`, () => chapters[name](stage));
    }
  });
});
process.stdin.destroy();

/** Puts the clock of edge and CDN forwards. */
function advance(seconds) {
  return ask({ advance_s: seconds });
}

/** The page's address with a fresh token. */
function signIn() {
  return ask({ sign_in: true });
}

async function ask(question) {
  console.log(JSON.stringify(question));
  const { value, done } = await answers.next();
  if (done) throw new Error("nobody answers");
  return JSON.parse(value);
}
