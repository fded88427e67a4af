// The four menus: quality, audio, subtitles, speed. A menu with nothing to choose is not shown.

import { SPEEDS } from "./actions.js";
import { bitrate, speedName } from "./format.js";
import { Menu } from "./menu.js";

const CHANNELS = { 1: "Mono", 2: "Stereo", 6: "5.1", 8: "7.1" };

export function createMenus({ video, playback, actions }) {
  const quality = bind("quality", (id) => playback.chooseLevel(Number(id)));
  const audio = bind("audio", (id) => playback.chooseAudio(Number(id)));
  const subtitles = bind("subtitles", (id) => playback.chooseSubtitle(Number(id)));
  const speed = bind("speed", (id) => actions.setSpeed(Number(id)));

  function tracks() {
    const { levels, level, chosenLevel } = playback;
    const auto = chosenLevel < 0;
    const autoName = auto && levels[level] ? `Auto (${levels[level].name})` : "Auto";
    quality.show(levels.length > 1, [
      { id: -1, name: autoName, checked: auto },
      ...[...levels].reverse().map(({ index, name, bitrate: rate }) => {
        return { id: index, name, detail: bitrate(rate), checked: index === chosenLevel };
      }),
    ]);
    quality.label("Quality", auto ? autoName : levels[chosenLevel].name);

    audio.show(
      playback.audioTracks.length > 1,
      playback.audioTracks.map(({ index, name, channels }) => {
        return { id: index, name, detail: CHANNELS[channels] ?? "", checked: index === playback.audio };
      }),
    );
    audio.label("Audio", playback.audioTracks[playback.audio]?.name ?? "");

    subtitles.show(playback.subtitles.length > 0, [
      { id: -1, name: "Off", checked: playback.subtitle < 0 },
      ...playback.subtitles.map(({ index, name }) => ({
        id: index,
        name,
        checked: index === playback.subtitle,
      })),
    ]);
    const shown = playback.subtitles.find(({ index }) => index === playback.subtitle);
    subtitles.label("Subtitles", shown?.name ?? "Off");
    subtitles.button.dataset.on = String(playback.subtitle >= 0);
  }

  function rates() {
    const now = video.playbackRate;
    speed.show(
      true,
      SPEEDS.map((rate) => ({ id: rate, name: speedName(rate), checked: rate === now })),
    );
    speed.label("Speed", speedName(now));
    speed.button.querySelector("[data-value]").textContent = `${now}×`;
  }

  playback.addEventListener("change", tracks);
  video.addEventListener("ratechange", rates);
  tracks();
  rates();
}

function bind(name, choose) {
  const button = document.getElementById(`${name}-button`);
  const menu = new Menu(button, choose);
  return {
    button,
    show(visible, items) {
      if (!visible && menu.isOpen) menu.close({ refocus: false });
      button.hidden = !visible;
      menu.render(items);
    },
    label(what, value) {
      button.setAttribute("aria-label", value ? `${what}: ${value}` : what);
      button.title = what;
    },
  };
}
