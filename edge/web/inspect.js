// A window for tests and for people at a console: `window.flodrama`. Read only, stable, and free of secrets.
//
//   flodrama.state  read afresh at each access:
//     phase         "loading" | "processing" | "ready" | "problem"
//     engine        "hls.js" | "native" | null
//     playing       the picture is moving: not paused, not ended, enough data
//     currentTime, duration      seconds
//     levels        [{index, width, height, bitrate, name}], rising bitrate
//     level         index of the rung on screen, -1 before the first picture
//     chosenLevel   index that the viewer chose, -1: automatic
//     audioTracks, subtitles     [{index, name, lang}]
//     audio, subtitle            index, -1: none or off
//     growing       true for an episode that was still being encoded when it was opened
//     renewals      how often the playback authorisation was renewed
//     storyboardTiles            how many preview pictures are known
//   flodrama.errors [{at, engine, kind, fatal, detail, status}], fatal and not: `kind` is "network", "media" or
//                   "other", `detail` the engine's own word, `status` an HTTP status, `at` milliseconds of page life

const MAX_ERRORS = 200;

export function exposeState({ video, playback, screens, storyboard }) {
  const errors = [];
  playback.addEventListener("fault", ({ detail }) => {
    if (errors.length < MAX_ERRORS) errors.push({ at: Math.round(performance.now()), ...detail });
  });
  const state = {
    get phase() {
      return screens.phase;
    },
    get playing() {
      return !video.paused && !video.ended && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    },
    get currentTime() {
      return video.currentTime;
    },
    get duration() {
      return Number.isFinite(video.duration) ? video.duration : null;
    },
    get storyboardTiles() {
      return storyboard.tiles;
    },
  };
  const ofPlayback = [
    "engine",
    "levels",
    "level",
    "chosenLevel",
    "audioTracks",
    "audio",
    "subtitles",
    "subtitle",
    "growing",
    "renewals",
  ];
  for (const name of ofPlayback)
    Object.defineProperty(state, name, { enumerable: true, get: () => playback[name] });
  window.flodrama = Object.freeze({ state: Object.freeze(state), errors });
}
