// Playback by the browser itself, where it plays HLS and has no Media Source Extensions (older iPhones).
//
// It chooses quality on its own, so there are no rungs to list; tracks come from the video element.

const MEDIA_ERR_NETWORK = 2;
const MEDIA_ERR_DECODE = 3;

/** One playback of one manifest; the same face as `HlsEngine`. */
export class NativeEngine {
  name = "native";
  levels = [];
  level = -1;
  chosenLevel = -1;
  #video;
  #off = new AbortController();

  static isSupported() {
    return document.createElement("video").canPlayType("application/vnd.apple.mpegurl") !== "";
  }

  constructor({ video, url, startAt, eager, wanted, on }) {
    this.#video = video;
    const { signal } = this.#off;
    const restore = () => {
      if (startAt > 0) video.currentTime = startAt;
      // What was asked of the element before it had anything to play may be lost.
      if (eager) video.play().catch(() => {});
      this.#restore(wanted);
      on.change();
    };
    video.addEventListener("loadedmetadata", restore, { signal, once: true });
    video.addEventListener("error", () => on.fault(describe(video.error)), { signal });
    video.textTracks.addEventListener("change", () => on.change(), { signal });
    video.textTracks.addEventListener("addtrack", () => on.change(), { signal });
    video.audioTracks?.addEventListener("change", () => on.change(), { signal });
    video.src = url;
  }

  destroy() {
    this.#off.abort();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  /** The browser decides by itself how far to buffer. */
  fillBuffer() {}

  /** A decoder that failed starts again where it was. */
  recoverMedia() {
    const { src, currentTime } = this.#video;
    this.#video.src = src;
    this.#video.currentTime = currentTime;
  }

  chooseLevel() {}

  get audioTracks() {
    return [...(this.#video.audioTracks ?? [])].map(({ label, language }, index) => {
      return { index, name: label || language, lang: language };
    });
  }

  get audio() {
    return [...(this.#video.audioTracks ?? [])].findIndex(({ enabled }) => enabled);
  }

  chooseAudio(index) {
    [...this.#video.audioTracks].forEach((track, i) => (track.enabled = i === index));
  }

  get subtitles() {
    return this.#textTracks().map(({ label, language }, index) => ({
      index,
      name: label || language,
      lang: language,
    }));
  }

  get subtitle() {
    return this.#textTracks().findIndex(({ mode }) => mode !== "disabled");
  }

  chooseSubtitle(index) {
    // Timed by the browser, drawn by the page.
    this.#textTracks().forEach((track, i) => (track.mode = i === index ? "hidden" : "disabled"));
  }

  #textTracks() {
    return [...this.#video.textTracks].filter(({ kind }) => kind === "subtitles" || kind === "captions");
  }

  #restore({ audio, subtitle }) {
    const same = (chosen) => (track) => track.name === chosen.name && track.lang === chosen.lang;
    const audioIndex = audio ? this.audioTracks.findIndex(same(audio)) : -1;
    if (audioIndex >= 0) this.chooseAudio(audioIndex);
    if (subtitle) this.chooseSubtitle(subtitle === "off" ? -1 : this.subtitles.findIndex(same(subtitle)));
  }
}

/** The element says little: what is no decoder's fault is taken for the network's, and mended by a renewal. */
function describe(error) {
  const media = error?.code === MEDIA_ERR_DECODE;
  const detail = error?.code === MEDIA_ERR_NETWORK ? "network" : media ? "decode" : "source";
  return { kind: media ? "media" : "network", fatal: true, detail, status: undefined };
}
