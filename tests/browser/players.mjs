// node players.mjs FOLDER…
//
// Serves each published folder on loopback and plays its main.m3u8 from start to end in headless Chromium, by hls.js and
// by Shaka Player, at up to 16 times the speed. Prints one JSON object: {ok, folders: {FOLDER: {hlsjs, shaka}}}, each
// value null or what went wrong. Exit code 0 where all played to the end, 1 where one did not, 2 for wrong usage.
// CHROMIUM names the browser.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

import { launch } from "./lib/browser.mjs";
import { ENGINES, LIMIT_MS, withHlsJs, withShaka } from "./lib/engines.mjs";

const TYPES = {
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mp4": "video/mp4",
  ".m4s": "video/iso.segment",
  ".vtt": "text/vtt",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".html": "text/html",
};
const PAGE = `<!doctype html><video muted playsinline></video><script src="/hls.js"></script><script src="/shaka.js"></script>`;

const folders = process.argv.slice(2);
if (folders.length === 0) {
  console.error("usage: node players.mjs FOLDER…");
  process.exit(2);
}
const server = createServer((request, response) => serve(request, response).catch(() => response.destroy()));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await launch();
const report = { ok: true, folders: {} };
try {
  for (const [i, folder] of folders.entries()) {
    const played = {};
    for (const [engine, play] of Object.entries({ hlsjs: withHlsJs, shaka: withShaka })) {
      played[engine] = await watch(play, `${origin}/${i}/main.m3u8`);
      report.ok &&= played[engine] === null;
    }
    report.folders[folder] = played;
  }
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.ok ? 0 : 1;

/** What went wrong, or null. */
async function watch(play, url) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`exception: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) problems.push(`status ${response.status()}: ${response.url()}`);
  });
  try {
    await page.goto(`${origin}/page.html`);
    const outcome = await page.evaluate(play, { url, limit: LIMIT_MS });
    if (outcome) problems.push(outcome);
  } catch (error) {
    problems.push(error.message);
  } finally {
    await page.close();
  }
  return problems.length === 0 ? null : problems.join("; ");
}

async function serve(request, response) {
  const path = normalize(decodeURIComponent(new URL(request.url, origin).pathname));
  if (path === "/page.html") {
    response.writeHead(200, { "Content-Type": TYPES[".html"] }).end(PAGE);
    return;
  }
  const [, index, ...rest] = path.split("/");
  const file = ENGINES[path] ?? join(folders[Number(index)] ?? "/nowhere", ...rest);
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) {
    response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const headers = { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" };
  if (!range) {
    response.writeHead(200, { ...headers, "Content-Length": found.size });
    createReadStream(file).pipe(response);
    return;
  }
  const start = Number(range[1]);
  const end = Math.min(range[2] === "" ? found.size - 1 : Number(range[2]), found.size - 1);
  response.writeHead(206, {
    ...headers,
    "Content-Length": end - start + 1,
    "Content-Range": `bytes ${start}-${end}/${found.size}`,
  });
  createReadStream(file, { start, end }).pipe(response);
}
