// The picture as a surface: click and tap, and the controls' coming and going.

import { anyMenuOpen } from "./menu.js";

const IDLE_MS = 3_000;
const DOUBLE_TAP_MS = 300;
/** A double tap in the outer thirds seeks; in the middle it means nothing. */
const SIDE = 1 / 3;

/** `confirm(text)` shows what was done. Returns `wake()`, to be called on any sign of life. */
export function createSurface({ root, stage, video, actions, confirm }) {
  let idleTimer = 0;
  let lastTap = 0;
  let tapTimer = 0;

  function wake() {
    root.dataset.idle = "false";
    clearTimeout(idleTimer);
    idleTimer = setTimeout(sleep, IDLE_MS);
  }

  function sleep() {
    const inUse = video.paused || anyMenuOpen() || stage.querySelector(".controls :focus-visible, .dragging");
    if (inUse) idleTimer = setTimeout(sleep, IDLE_MS);
    else root.dataset.idle = "true";
  }

  const surface = document.getElementById("surface");

  surface.addEventListener("click", (event) => {
    // A click that closed a menu has done its work.
    if (event.pointerType === "mouse" || event.pointerType === "pen") return confirm(actions.toggle());
    tap(event);
  });
  surface.addEventListener("dblclick", (event) => {
    if (event.pointerType === "mouse") actions.toggleFullscreen();
  });

  function tap({ clientX, timeStamp }) {
    clearTimeout(tapTimer);
    const { left, width } = surface.getBoundingClientRect();
    const place = (clientX - left) / width;
    const isDouble = timeStamp - lastTap < DOUBLE_TAP_MS;
    lastTap = timeStamp;
    if (isDouble && (place < SIDE || place > 1 - SIDE)) {
      confirm(actions.seekBy(place < SIDE ? -10 : 10));
      return;
    }
    const awake = root.dataset.idle !== "true";
    // Showing is at once; hiding waits, in case a second tap makes it a seek.
    if (awake && !video.paused) tapTimer = setTimeout(() => (root.dataset.idle = "true"), DOUBLE_TAP_MS);
    else wake();
  }

  root.addEventListener("pointermove", ({ pointerType }) => pointerType === "mouse" && wake());
  root.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse") sleep();
  });
  root.addEventListener("keydown", wake);
  root.addEventListener("focusin", wake);
  for (const event of ["play", "pause", "seeking"]) video.addEventListener(event, wake);
  wake();
  return wake;
}

/** A few words in the middle of the picture that fade by themselves. */
export function createBezel() {
  const bezel = document.getElementById("bezel");
  let timer = 0;
  return (text) => {
    if (!text) return;
    bezel.textContent = text;
    bezel.dataset.shown = "true";
    clearTimeout(timer);
    timer = setTimeout(() => (bezel.dataset.shown = "false"), 700);
  };
}
