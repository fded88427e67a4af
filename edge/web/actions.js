// Everything that a viewer can do, once: buttons, keys, gestures and the system's media keys all end here. Each action
// returns the few words that confirm it on screen (null: nothing to say).

import { clock } from "./format.js";
import { preference, remember } from "./prefs.js";

/** Playback speeds on offer. */
export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

const VOLUME_STEP = 0.1;

export function createActions({ video, playback, display }) {
  // A finished playback or an unknown duration would put the playhead nowhere.
  const clamp = (time) => Math.min(Math.max(time, 0), Number.isFinite(video.duration) ? video.duration : 0);
  let subtitleBefore;

  const actions = {
    play() {
      // A refusal (no gesture yet) leaves the big button where it is; an interruption is followed by its own event.
      video.play().catch(() => {});
      return "Play";
    },
    pause() {
      video.pause();
      return "Pause";
    },
    toggle: () => (video.paused ? actions.play() : actions.pause()),
    seekTo(time) {
      video.currentTime = clamp(time);
      return clock(video.currentTime);
    },
    seekBy(seconds) {
      actions.seekTo(video.currentTime + seconds);
      return seconds < 0 ? `− ${-seconds} s` : `+ ${seconds} s`;
    },
    seekToPart: (part) => actions.seekTo(part * video.duration),
    setVolume(volume) {
      video.volume = Math.min(Math.max(volume, 0), 1);
      video.muted = video.volume === 0;
      remember({ volume: video.volume, muted: video.muted });
      return `Volume ${Math.round(video.volume * 100)} %`;
    },
    changeVolume: (steps) => actions.setVolume(Math.round((video.volume + steps * VOLUME_STEP) * 10) / 10),
    toggleMute() {
      video.muted = !video.muted;
      // Unmuting at volume 0 would be silent and look broken.
      if (!video.muted && video.volume === 0) video.volume = 0.5;
      remember({ volume: video.volume, muted: video.muted });
      return video.muted ? "Muted" : "Sound on";
    },
    setSpeed(rate) {
      video.playbackRate = rate;
      // A renewed stream starts at the default rate.
      video.defaultPlaybackRate = rate;
      return `Speed ${rate}×`;
    },
    changeSpeed(step) {
      const at = SPEEDS.findIndex((rate) => rate >= video.playbackRate);
      return actions.setSpeed(SPEEDS[Math.min(Math.max(at + step, 0), SPEEDS.length - 1)]);
    },
    toggleSubtitles() {
      if (playback.subtitles.length === 0) return "No subtitles";
      const on = playback.subtitle >= 0;
      if (on) subtitleBefore = playback.subtitle;
      playback.chooseSubtitle(on ? -1 : (subtitleBefore ?? playback.subtitles[0].index));
      return on ? "Subtitles off" : "Subtitles on";
    },
    toggleFullscreen() {
      display.toggleFullscreen();
      return null;
    },
    togglePictureInPicture() {
      display.togglePictureInPicture();
      return null;
    },
  };

  const kept = preference();
  video.volume = kept.volume;
  video.muted = kept.muted;
  return actions;
}
