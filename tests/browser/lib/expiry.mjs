// What a viewer must not notice while links end, and what they must be told where the sign-in ended too.

/** Links last for ten minutes and the episode's length at most. */
const LINKS_END_S = 900;
/** Cognito's access tokens last for an hour. */
const SIGN_IN_ENDS_S = 3_700;
const SEGMENT_S = 6;
/** How long a picture may stand still without being noticed as a stop. */
const STANDSTILL_S = { "hls.js": 0.5, native: SEGMENT_S };
const RENEWED_WITHIN_MS = 40_000;

/** Runs in the page before anything else: hls.js finds no place, as on older iPhones. */
export function withoutHlsJs() {
  Object.defineProperty(globalThis, "Hls", { get: () => undefined, set: () => {} });
}

/** Counts what edge and CDN refuse: the proof that something did end. Of the CDN a page sees no more than a failure. */
export function countRefusals(page) {
  const counted = { refused: 0 };
  page.on("response", (response) => {
    if (response.status() === 403) counted.refused += 1;
  });
  page.on("requestfailed", (request) => {
    if (request.failure()?.errorText !== "net::ERR_ABORTED") counted.refused += 1;
  });
  return counted;
}

export async function open({ player, engine, report }, url) {
  await player.page.goto(url, { waitUntil: "load" });
  await player.until(() => ["ready", "problem"].includes(window.flodrama?.state.phase), 60_000);
  await player.page.locator("#big-play").click();
  await player.playing();
  await player.advance(2);
  const { engine: name } = await player.state();
  report.expect(`${engine} plays`, name === engine, name);
  await player.page.evaluate(watch);
}

/** The links end while it plays. */
export async function midPlay(stage) {
  await stage.player.playing();
  await unnoticed(stage, "mid-play", () => stage.advance(LINKS_END_S));
  await stage.player.wake();
  await stage.player.screenshot(`expiry-${stage.engine}.png`);
}

/** The viewer comes back after longer than links last. */
export async function afterPause(stage) {
  const { player, advance } = stage;
  await player.page.keyboard.press("k");
  await player.until(() => document.querySelector("video").paused);
  await advance(LINKS_END_S);
  await unnoticed(stage, "after a pause", () => player.page.keyboard.press("k"));
}

/** The viewer goes where nothing is buffered. */
export async function afterSeek(stage) {
  const { player, report, advance } = stage;
  await advance(LINKS_END_S);
  const { renewals } = await player.state();
  const { target, landed } = await player.seekByClick(0.8);
  report.expect("a seek lands where the viewer asked", Math.abs(landed - target) < 0.5, { target, landed });
  await player.playing();
  await player.advance(1);
  const { currentTime } = await player.video();
  const away = currentTime - target;
  report.expect("it plays on from there", away >= 0 && away < 1 + SEGMENT_S, { target, currentTime });
  const state = await player.state();
  report.expect("the seek needed a renewal", state.renewals > renewals, state.renewals);
  report.expect("no message is shown", state.phase === "ready", state.phase);
}

/** The sign-in is over too: the page says so and how to go on, and goes on where the viewer was. */
export async function signInOver(stage) {
  const { player, report, advance, signIn } = stage;
  await advance(SIGN_IN_ENDS_S);
  await player.unfocus();
  await player.page.keyboard.press("Home");
  await player.until(() => window.flodrama.state.phase === "problem", RENEWED_WITHIN_MS);
  const headline = await player.page.locator("#problem-headline").innerText();
  const text = await player.page.locator("#problem-text").innerText();
  report.facts.signInOver = { headline, text };
  report.expect("the page says what ended", headline === "Your sign-in has ended", headline);
  report.expect("the page says how to go on", /sign in/i.test(text), text);
  await player.screenshot("expiry-sign-in.png");
  // The viewer opens the episode again from where they sign in: the same page, another token.
  const address = await signIn();
  await player.page.evaluate((hash) => (location.hash = hash), new URL(address).hash);
  await player.until(() => window.flodrama.state.phase === "ready" && window.flodrama.state.playing, 30_000);
  await player.advance(1);
  const { currentTime } = await player.video();
  report.expect("it goes on where the viewer was", currentTime >= 0.5 && currentTime < 8, currentTime);
}

/** The links end by what `happens`; they are renewed and nobody notices. */
async function unnoticed(stage, when, happens) {
  const { player, report, engine, refusals } = stage;
  const before = { ...(await player.state()), refused: refusals.refused };
  await player.page.evaluate(() => window.watched.begin());
  await happens();
  await player.until(
    ([renewals]) => window.flodrama.state.renewals > renewals || window.flodrama.state.phase === "problem",
    RENEWED_WITHIN_MS,
    [before.renewals],
  );
  // More than a segment further: what was refused has come, and is on screen or on its way.
  await player.playing();
  await player.advance(SEGMENT_S + 2);
  const seen = await player.page.evaluate(() => window.watched.end());
  report.facts[when] = { ...seen, refused: refusals.refused - before.refused };
  // The browser's own player asks by itself, and tells nobody what it was answered.
  if (engine === "hls.js") {
    report.expect(`${when}: something was refused`, refusals.refused > before.refused);
    report.expect(`${when}: the buffer was kept`, seen.emptied === 0, seen.emptied);
    report.expect(`${when}: no fatal error`, seen.fatal === 0, seen.fatal);
    report.expect(`${when}: the element has no error`, seen.error === null, seen.error);
  }
  report.expect(`${when}: no message is shown`, seen.phases.join() === "ready", seen.phases);
  report.expect(`${when}: the place never jumps`, seen.jump_s < SEGMENT_S, seen.jump_s);
  report.expect(`${when}: the picture never stands`, seen.still_s < STANDSTILL_S[engine], seen.still_s);
}

/** Runs in the page: keeps an eye on what a viewer would notice, by the animation frame. */
function watch() {
  const video = document.querySelector("video");
  let seen;
  let place;
  let moved;
  let emptied = 0;
  video.addEventListener("emptied", () => (emptied += 1));
  const look = (now) => {
    requestAnimationFrame(look);
    if (!seen) return;
    const { currentTime, paused, error, readyState } = video;
    if (error) seen.error = error.code;
    if (!seen.phases.includes(window.flodrama.state.phase)) seen.phases.push(window.flodrama.state.phase);
    // An element that starts anew says 0 until it is back at its place.
    const shows = readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && currentTime > 0;
    if (shows && (paused || currentTime !== place)) {
      // Beyond what playing itself moves it, since the last look that saw it move.
      const played = (now - moved) / 1000;
      const jump = currentTime < place ? place - currentTime : currentTime - place - played;
      if (!paused) seen.jump_s = Math.max(seen.jump_s, jump);
      [place, moved] = [currentTime, now];
    } else {
      seen.still_s = Math.max(seen.still_s, (now - moved) / 1000);
    }
  };
  window.watched = {
    begin() {
      [place, moved, emptied] = [video.currentTime, performance.now(), 0];
      seen = { phases: [], jump_s: 0, still_s: 0, error: null, errorsBefore: window.flodrama.errors.length };
    },
    end() {
      const { errorsBefore, ...rest } = seen;
      seen = undefined;
      const errors = window.flodrama.errors.slice(errorsBefore);
      return { ...rest, emptied, errors, fatal: errors.filter(({ fatal }) => fatal).length };
    },
  };
  requestAnimationFrame(look);
}
