// Other people's players, each in a page of its own: they play an episode from start to end at up to 16 times the speed.

import { fileURLToPath } from "node:url";

/** Their files, by the path that a page may load them from. */
export const ENGINES = {
  "/hls.js": packaged("../../../edge/web/node_modules/hls.js/dist/hls.min.js"),
  "/shaka.js": packaged("../node_modules/shaka-player/dist/shaka-player.compiled.js"),
};

/** Longer than any clip takes at this speed, with a stall or two, while others use the machine. */
export const LIMIT_MS = 180_000;

/** Runs in the page. Resolves to what went wrong, or null at the end of the episode. */
export function withHlsJs({ url, limit }) {
  const video = document.querySelector("video");
  return new Promise((done) => {
    setTimeout(() => done(`stands at ${video.currentTime} of ${video.duration} s`), limit);
    const hls = new Hls();
    // hls.js mends some errors by itself; a healthy stream has none to mend. At this speed it may run dry or take back what
    // it asked for, which is no error of the stream; a hole in it has another name.
    hls.on(Hls.Events.ERROR, (_, { type, details, fatal, reason }) => {
      if (!fatal && ["bufferStalledError", "aborted"].includes(details)) return;
      done(`${fatal ? "fatal" : "not fatal"} ${type} ${details} ${reason ?? ""} at ${video.currentTime} s`);
    });
    video.onerror = () => done(`the element fails: ${video.error?.message}`);
    video.onended = () => {
      const missed = video.duration - video.currentTime;
      done(Math.abs(missed) < 0.1 ? null : `ends ${missed} s early`);
    };
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      video.playbackRate = 16;
      video.play();
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  });
}

/** As `withHlsJs`. */
export function withShaka({ url, limit }) {
  const video = document.querySelector("video");
  return new Promise((done) => {
    setTimeout(() => done(`stands at ${video.currentTime} of ${video.duration} s`), limit);
    const player = new shaka.Player();
    const failed = (error) => done(`error ${error.code} (${error.data}) at ${video.currentTime} s`);
    player.addEventListener("error", (event) => failed(event.detail));
    video.onended = () => done(null);
    player
      .attach(video)
      .then(() => player.load(url))
      .then(() => {
        video.playbackRate = 16;
        return video.play();
      })
      .catch((error) => (error.code ? failed(error) : done(String(error))));
  });
}

function packaged(path) {
  return fileURLToPath(new URL(path, import.meta.url));
}
