// The seek bar: a slider with what is buffered, what was watched, and a picture of where a finger or pointer is.

import { clock, spokenTime } from "./format.js";

const PAGE_STEP_S = 30;

/** `chapterAt(seconds)` gives a chapter's title, or nothing. */
export function createSeekbar({ video, actions, storyboard, chapterAt, onInteraction }) {
  const bar = document.getElementById("seek");
  const buffered = bar.querySelector(".seek-buffered");
  const preview = document.getElementById("preview");
  const picture = preview.querySelector("canvas");
  const label = preview.querySelector(".preview-time");
  let dragTime = null;
  let looks = 0;

  const duration = () => (Number.isFinite(video.duration) ? video.duration : 0);
  const share = (time) => (duration() > 0 ? Math.min(Math.max(time / duration(), 0), 1) : 0);

  function paint() {
    const time = dragTime ?? video.currentTime;
    bar.style.setProperty("--played", share(time));
    bar.setAttribute("aria-valuemax", Math.round(duration()));
    bar.setAttribute("aria-valuenow", Math.round(time));
    bar.setAttribute("aria-valuetext", `${spokenTime(time)} of ${spokenTime(duration())}`);
  }

  function paintBuffered() {
    const ranges = [];
    for (let i = 0; i < video.buffered.length; i += 1) {
      const range = buffered.children[i] ?? document.createElement("span");
      const start = share(video.buffered.start(i));
      range.style.left = `${start * 100}%`;
      range.style.width = `${(share(video.buffered.end(i)) - start) * 100}%`;
      ranges.push(range);
    }
    buffered.replaceChildren(...ranges);
  }

  function timeAt(clientX) {
    const { left, width } = bar.getBoundingClientRect();
    return Math.min(Math.max((clientX - left) / width, 0), 1) * duration();
  }

  async function look(time) {
    if (duration() === 0) return;
    const mine = ++looks;
    label.textContent = [clock(time), chapterAt(time)].filter(Boolean).join(" · ");
    preview.hidden = false;
    bar.style.setProperty("--pointer", share(time));
    place(time);
    const drawn = await storyboard.draw(picture, time);
    // A later look, or the end of looking, has overtaken this one.
    if (mine !== looks) return;
    picture.hidden = !drawn;
    place(time);
  }

  /** Centres the preview over the time, without leaving the bar. */
  function place(time) {
    const half = preview.offsetWidth / 2;
    const centre = share(time) * bar.clientWidth;
    preview.style.left = `${Math.min(Math.max(centre, half), Math.max(bar.clientWidth - half, half))}px`;
  }

  function unlook() {
    looks += 1;
    preview.hidden = true;
  }

  bar.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || duration() === 0) return;
    bar.setPointerCapture(event.pointerId);
    bar.classList.add("dragging");
    dragTime = timeAt(event.clientX);
    look(dragTime);
    paint();
  });
  bar.addEventListener("pointermove", (event) => {
    const time = timeAt(event.clientX);
    if (dragTime !== null) {
      dragTime = time;
      paint();
      onInteraction();
    }
    look(time);
  });
  const release = (commit) => (event) => {
    if (dragTime !== null && commit) actions.seekTo(dragTime);
    dragTime = null;
    bar.classList.remove("dragging");
    paint();
    if (event.pointerType !== "mouse") unlook();
  };
  bar.addEventListener("pointerup", release(true));
  bar.addEventListener("pointercancel", release(false));
  bar.addEventListener("pointerleave", () => dragTime === null && unlook());

  // The arrows, Home and End are the player's own keys; only the larger step is the slider's.
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "PageUp" && event.key !== "PageDown") return;
    event.preventDefault();
    actions.seekBy(event.key === "PageUp" ? PAGE_STEP_S : -PAGE_STEP_S);
  });
  const lookHere = () => bar.matches(":focus-visible") && look(video.currentTime);
  bar.addEventListener("focus", lookHere);
  bar.addEventListener("blur", unlook);
  video.addEventListener("seeking", lookHere);

  for (const event of ["timeupdate", "seeking", "seeked", "durationchange", "emptied"]) {
    video.addEventListener(event, paint);
  }
  for (const event of ["progress", "seeked", "timeupdate", "emptied"])
    video.addEventListener(event, paintBuffered);
  paint();
}
