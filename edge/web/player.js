// The page's story: who is watching what, may they, play it.

import { createActions } from "./actions.js";
import { Api, Problem } from "./api.js";
import { createCaptions } from "./captions.js";
import { createControls } from "./controls.js";
import { createDisplay } from "./display.js";
import { chapterAt, runningTime, titleFromId } from "./format.js";
import { exposeState } from "./inspect.js";
import { bindKeyboard } from "./keyboard.js";
import { bindMediaSession } from "./media-session.js";
import { createMenus } from "./menus.js";
import { canPlay, Playback } from "./playback.js";
import { createPoster } from "./poster.js";
import { createScreens } from "./screens.js";
import { createSeekbar } from "./seekbar.js";
import * as say from "./sentences.js";
import { dropToken, takeToken } from "./session.js";
import { Storyboard } from "./storyboard.js";
import { createBezel, createSurface } from "./surface.js";

const POLL_MS = 2_000;

const root = document.getElementById("player");
const stage = document.getElementById("stage");
const video = document.getElementById("video");
const early = document.getElementById("early");
/** Where an episode is live already, its page may be asked for the preview of the next version. */
const wantsPreview = new URLSearchParams(location.search).get("preview") === "true";
const asset = decodeURIComponent(location.pathname.split("/").filter(Boolean).pop() ?? "");

const screens = createScreens(root);
const display = createDisplay({ root, video });
const storyboard = new Storyboard();
const playback = new Playback(video, renew);
const actions = createActions({ video, playback, display });
const poster = createPoster({ root, video });
const mediaSession = bindMediaSession({ actions });
const confirm = createBezel();
const wake = createSurface({ root, stage, video, actions, confirm });
let api;
let token = null;
/** Counts the openings: an answer to an earlier one no longer matters. */
let attempt = 0;
let chapters = [];

createControls({ root, video, display, actions });
createMenus({ video, playback, actions });
createSeekbar({ video, actions, storyboard, chapterAt: (time) => chapterAt(chapters, time), onInteraction: wake });
createCaptions({ video });
bindKeyboard({ actions, isActive: () => screens.phase === "ready", confirm });
exposeState({ video, playback, screens, storyboard });

document.getElementById("big-play").addEventListener("click", actions.play);
video.addEventListener("play", () => (root.dataset.started = "true"));
for (const [events, buffering] of [
  [["waiting", "seeking"], "true"],
  [["playing", "seeked", "canplay", "error", "emptied"], "false"],
]) {
  for (const event of events) video.addEventListener(event, () => (root.dataset.buffering = buffering));
}
playback.addEventListener("mending", ({ detail }) => (root.dataset.mending = String(detail)));
playback.addEventListener("broken", ({ detail: { kind, problem } }) => {
  playback.stop();
  fail(problem instanceof Problem ? problem : say.forBrokenPlayback(kind));
});
// A fresh link, opened in this very tab, changes the fragment alone and loads nothing.
addEventListener("hashchange", () => location.hash.includes("token=") && begin());
begin();

/** Starts over, with the token that this tab has; a public episode needs none. */
function begin() {
  token = takeToken();
  describe({});
  if (!canPlay()) return screens.problem(say.forOldBrowser());
  api = new Api(asset, token);
  open();
}

/** Asks for the episode and plays it from where the viewer was; waits for it where it is still being prepared. */
async function open() {
  const mine = ++attempt;
  playback.stop();
  early.hidden = true;
  screens.loading();
  const details = api.asset().then(
    (found) => (describe(found), found),
    (problem) => problem,
  );
  try {
    if (wantsPreview && (await details).preview) return await showEarly(await details, mine);
    const grant = await api.playback();
    if (mine === attempt) show(grant);
  } catch (problem) {
    const found = await details;
    if (mine !== attempt) return;
    // Where there is nothing to play yet, the asset's own state says more than the refusal.
    if (problem.status !== 404 || found instanceof Problem) fail(problem);
    else if (found.state === "failed") screens.problem(say.forFailedAsset(found.reason), open);
    else if (found.state === "published") fail(problem);
    else follow(found, mine);
  }
}

/** Shows progress until the episode is published, and then plays it, or has failed. Plays its preview before, if any. */
async function follow(found, mine) {
  if (found.preview) return showEarly(found, mine);
  screens.processing(found);
  await new Promise((done) => setTimeout(done, POLL_MS));
  const next = await api.asset().catch((problem) => problem);
  if (mine !== attempt) return;
  if (next instanceof Problem) {
    if (next.status === 0 || next.status >= 500) follow(found, mine);
    else fail(next);
  } else if (next.state === "queued" || next.state === "running") {
    follow(next, mine);
  } else {
    await open();
    // The viewer was waiting for it. A browser that wants a gesture first refuses, and the big button stays.
    if (screens.phase === "ready") actions.play();
  }
}

/** Plays what is encoded so far; the rest is added while it plays. */
async function showEarly(found, mine) {
  try {
    const grant = await api.playback({ preview: true });
    if (mine !== attempt) return;
    show(grant, { growing: true });
    // The viewer was waiting for it.
    actions.play();
    keepPace(found, mine);
  } catch (problem) {
    if (mine !== attempt) return;
    // It may be gone again, or finished.
    if (problem instanceof Problem && problem.status !== 404) fail(problem);
    else follow({ ...found, preview: undefined }, mine);
  }
}

/** Says how far the episode is while its preview plays, until it is published or has failed. */
async function keepPace(found, mine) {
  early.textContent = say.forPreview(found);
  early.hidden = false;
  describe({ ...found, duration_ms: found.duration_ms ?? found.preview?.duration_ms });
  await new Promise((done) => setTimeout(done, POLL_MS));
  const next = await api.asset().catch((problem) => problem);
  if (mine !== attempt) return;
  // An answer that does not come is no reason to stop what plays.
  if (next instanceof Problem) keepPace(found, mine);
  else if (next.state === "published") complete(next);
  else if (next.state === "failed") {
    playback.stop();
    screens.problem(say.forFailedAsset(next.reason), open);
  } else keepPace({ ...next, preview: next.preview ?? found.preview }, mine);
}

/** The episode is published. Who is watching goes on to its end undisturbed: the playlists have one now. */
async function complete(found) {
  early.hidden = true;
  if (video.paused || video.ended) return open();
  describe(found);
  const grant = await api.playback().catch(() => null);
  if (grant) loadStoryboard(grant);
}

function show(grant, { growing = false } = {}) {
  screens.ready();
  poster.show(grant.poster_url);
  mediaSession.describe({ posterUrl: grant.poster_url });
  loadStoryboard(grant);
  const started = root.dataset.started === "true";
  playback.start(grant.manifest_url, { startAt: playback.place, eager: started, growing });
  if (started) actions.play();
}

/** Fresh addresses for a playback whose old ones have expired. */
async function renew() {
  const preview = !early.hidden;
  // A preview ends where the episode is published, which then plays from the same place.
  const grant = await api.playback({ preview }).catch((problem) => {
    if (preview && problem.status === 404) return api.playback();
    throw problem;
  });
  loadStoryboard(grant);
  return grant.manifest_url;
}

function loadStoryboard({ storyboard_url: url }) {
  // Without previews the seek bar still shows the time.
  if (url) storyboard.load(url).catch(() => {});
}

function fail(why) {
  const unknown = why instanceof Problem && why.status === 401;
  if (unknown && !token) return screens.problem(say.forNoToken());
  if (unknown) dropToken();
  const words = why instanceof Problem ? say.forProblem(why) : why;
  screens.problem(words, open);
}

function describe(found) {
  const title = found.title || titleFromId(asset);
  document.title = `${title} · FloDrama`;
  document.getElementById("title").textContent = title;
  document.getElementById("meta").textContent = runningTime(found.duration_ms);
  mediaSession.describe({ title });
  chapters = found.chapters ?? [];
  if (found.thumbhash) poster.hint(found.thumbhash);
}
