// The row of buttons, the clock and the volume: they show the video element's state and call the actions.

import { clock } from "./format.js";

export function createControls({ root, video, display, actions }) {
  const byId = (id) => document.getElementById(id);
  const press = (id, action) => byId(id).addEventListener("click", action);

  press("play-button", actions.toggle);
  press("back-button", () => actions.seekBy(-10));
  press("forward-button", () => actions.seekBy(10));
  press("mute-button", actions.toggleMute);
  press("pip-button", actions.togglePictureInPicture);
  press("fullscreen-button", actions.toggleFullscreen);
  byId("pip-button").hidden = !display.canPictureInPicture;
  byId("fullscreen-button").hidden = !display.canFullscreen;

  const volume = byId("volume");
  volume.addEventListener("input", () => actions.setVolume(volume.valueAsNumber));

  function paintPlay() {
    const ended = video.ended;
    const icon = video.paused ? (ended ? "replay" : "play") : "pause";
    setButton("play-button", icon, ended ? "Play again" : video.paused ? "Play (k)" : "Pause (k)");
  }

  function paintVolume() {
    const heard = video.muted ? 0 : video.volume;
    volume.value = heard;
    volume.style.setProperty("--volume", heard);
    volume.setAttribute("aria-valuetext", video.muted ? "muted" : `${Math.round(heard * 100)} %`);
    const icon = heard === 0 ? "volume-off" : heard < 0.5 ? "volume-low" : "volume";
    setButton("mute-button", icon, video.muted ? "Unmute (m)" : "Mute (m)");
  }

  function paintTime() {
    byId("time-now").textContent = clock(video.currentTime);
    // Rounded: at the end of the stream the browser takes a few milliseconds off, and 0:30 would turn to 0:29.
    byId("time-total").textContent = clock(Math.round(video.duration));
  }

  function paintDisplay() {
    root.dataset.fullscreen = String(display.isFullscreen);
    const full = display.isFullscreen;
    setButton(
      "fullscreen-button",
      full ? "fullscreen-exit" : "fullscreen",
      full ? "Leave full screen (f)" : "Full screen (f)",
    );
    byId("pip-button").setAttribute("aria-pressed", String(display.isPictureInPicture));
  }

  const on = (events, paint) => {
    for (const event of events) video.addEventListener(event, paint);
    paint();
  };
  on(["play", "pause", "ended", "seeking"], paintPlay);
  on(["volumechange"], paintVolume);
  on(["timeupdate", "seeking", "durationchange", "emptied"], paintTime);
  on(["enterpictureinpicture", "leavepictureinpicture", "webkitpresentationmodechanged"], paintDisplay);
  document.addEventListener("fullscreenchange", paintDisplay);
}

/** Gives a button its icon and its name; the name doubles as the hint under the pointer. */
export function setButton(id, icon, name) {
  const button = document.getElementById(id);
  const use = button.querySelector("use");
  if (use.getAttribute("href") !== `#i-${icon}`) use.setAttribute("href", `#i-${icon}`);
  button.setAttribute("aria-label", name.replace(/ \(.\)$/, ""));
  button.title = name;
}
