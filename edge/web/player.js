// The page's story: who is watching what, may they, play it.

import { createActions } from "./actions.js";
import { Api, Problem } from "./api.js";
import { keepCaptionsClear } from "./captions.js";
import { createControls } from "./controls.js";
import { createDisplay } from "./display.js";
import { runningTime, titleFromId } from "./format.js";
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
let title = titleFromId(asset);

createControls({ root, video, display, actions });
createMenus({ video, playback, actions });
createSeekbar({ video, actions, storyboard, onInteraction: wake });
keepCaptionsClear({ root, video });
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
  const { currentTime } = video;
  playback.stop();
  fail(problem instanceof Problem ? problem : say.forBrokenPlayback(kind), currentTime);
});
addEventListener("hashchange", begin);
begin();

/** Starts over, with the token that this tab has. */
function begin() {
  const token = takeToken();
  describe({});
  if (!canPlay()) return screens.problem(say.forOldBrowser());
  if (!token) return screens.problem(say.forNoToken());
  api = new Api(asset, token);
  open();
}

/** Asks for the episode and plays it from `startAt`; waits for it where it is still being prepared. */
async function open(startAt = 0) {
  screens.loading();
  const details = api.asset().then(
    (found) => (describe(found), found),
    (problem) => problem,
  );
  try {
    show(await api.playback(), startAt);
  } catch (problem) {
    const found = await details;
    // Where there is nothing to play yet, the asset's own state says more than the refusal.
    if (problem.status !== 404 || found instanceof Problem) fail(problem, startAt);
    else if (found.state === "failed") screens.problem(say.forFailedAsset(found.reason), () => open(startAt));
    else if (found.state === "published") fail(problem, startAt);
    else follow(found);
  }
}

/** Shows progress until the episode is published or has failed. */
async function follow(found) {
  screens.processing(found);
  await new Promise((done) => setTimeout(done, POLL_MS));
  try {
    const next = await api.asset();
    if (next.state === "queued" || next.state === "running") follow(next);
    else open();
  } catch (problem) {
    if (problem.status === 0 || problem.status >= 500) follow(found);
    else fail(problem, 0);
  }
}

function show(grant, startAt) {
  screens.ready();
  poster.show(grant.poster_url);
  mediaSession.describe(title, grant.poster_url);
  loadStoryboard(grant);
  const started = root.dataset.started === "true";
  playback.start(grant.manifest_url, { startAt, eager: started });
  if (started) actions.play();
}

/** Fresh addresses for a playback whose old ones have expired. */
async function renew() {
  const grant = await api.playback();
  loadStoryboard(grant);
  return grant.manifest_url;
}

function loadStoryboard({ storyboard_url: url }) {
  // Without previews the seek bar still shows the time.
  if (url) storyboard.load(url).catch(() => {});
}

function fail(why, startAt) {
  if (why instanceof Problem && why.status === 401) dropToken();
  const words = why instanceof Problem ? say.forProblem(why) : why;
  screens.problem(words, () => open(startAt));
}

function describe(found) {
  title = found.title || titleFromId(asset);
  document.title = `${title} · FloDrama`;
  document.getElementById("title").textContent = title;
  document.getElementById("meta").textContent = runningTime(found.duration_ms);
  if (found.thumbhash) poster.hint(found.thumbhash);
}
