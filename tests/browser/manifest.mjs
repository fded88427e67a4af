// node manifest.mjs --url MANIFEST_URL --origin ORIGIN
//
// Plays a signed manifest from start to end in headless Chromium by hls.js and by Shaka Player, as a receiver does that is
// handed an address and nothing else: each in a context of its own, on a page of ORIGIN that has no script, with no token
// and no cookie. Prints one JSON object: {ok, hlsjs, shaka, requests}, the players' values null or what went wrong. Exit
// code 0 where both played to the end, 1 where one did not, 2 for wrong usage.

import { launch, withoutSecrets } from "./lib/browser.mjs";
import { ENGINES, LIMIT_MS, withHlsJs, withShaka } from "./lib/engines.mjs";
import { commandLine } from "./lib/scenario.mjs";

const { url, origin } = commandLine(
  "manifest.mjs --url MANIFEST_URL --origin ORIGIN",
  ["url", "origin"],
  ({ url, origin }) => url && origin,
);
const report = { ok: true, requests: 0 };
const browser = await launch();
try {
  for (const [engine, play] of Object.entries({ hlsjs: withHlsJs, shaka: withShaka })) {
    report[engine] = await watch(play);
    report.ok &&= report[engine] === null;
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(report));
process.exitCode = report.ok ? 0 : 1;

/** What went wrong, or null. */
async function watch(play) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on("response", (response) => {
    report.requests += 1;
    if (response.status() >= 400) problems.push(`status ${response.status()}: ${withoutSecrets(response.url())}`);
  });
  page.on("request", async (request) => {
    const headers = await request.allHeaders().catch(() => ({}));
    for (const name of ["authorization", "cookie"]) {
      if (headers[name]) problems.push(`a request bears ${name}`);
    }
  });
  try {
    // Only the origin matters: the CDN answers to scripts of this one alone.
    await page.goto(`${origin}/v1/openapi.json`);
    await page.evaluate(() => {
      const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
      document.body.replaceChildren(video);
    });
    for (const path of Object.values(ENGINES)) await page.addScriptTag({ path });
    const outcome = await page.evaluate(play, { url, limit: LIMIT_MS });
    if (outcome) problems.push(withoutSecrets(outcome));
  } catch (error) {
    problems.push(withoutSecrets(error.message));
  } finally {
    await context.close();
  }
  return problems.length === 0 ? null : problems.join("; ");
}
