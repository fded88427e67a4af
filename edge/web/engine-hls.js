// Playback through hls.js, for every browser with Media Source Extensions (ManagedMediaSource on iPhones).
//
// The manifest and every address in it arrive signed from the edge. Requests need this page's help once the signature
// has ended: see `loader.js`.

import { rungName } from "./format.js";
import { renewingLoader } from "./loader.js";

/**
 * Seconds to buffer ahead. Until the viewer presses play: enough to start at once, little to throw away. Both of
 * hls.js's bounds are set, since at low bitrates the upper one rules.
 */
const BUFFER_BEFORE_PLAY = { maxBufferLength: 8, maxMaxBufferLength: 8 };
const BUFFER = { maxBufferLength: 30, maxMaxBufferLength: 90 };
const BACK_BUFFER_S = 60;

/** One playback of one version. Renews signatures by itself; where that does not help, there is a new engine. */
export class HlsEngine {
  name = "hls.js";
  #hls;
  #video;
  #levelNow = -1;
  #wantedBitrate;

  static isSupported() {
    return globalThis.Hls?.isSupported() ?? false;
  }

  /**
   * `growing`: the episode is still being encoded. `wanted`: what the viewer chose before,
   * `{bitrate?, audio?: {name, lang}, subtitle?: {name, lang} | "off"}`.
   * `renew()` resolves to an address of the same version with a fresh signature, or to null.
   * `on`: `{change(), fault({kind, fatal, detail, status})}`.
   */
  constructor({ video, url, startAt, eager, growing, wanted, renew, on }) {
    const { Hls } = globalThis;
    this.#video = video;
    const links = { current: url, renew: async () => (links.current = (await renew()) ?? links.current) };
    this.#wantedBitrate = wanted.bitrate;
    this.#hls = new Hls({
      loader: renewingLoader(Hls.DefaultConfig.loader, links),
      // What grows would be taken for a live stream, and begin near its end.
      startPosition: startAt > 0 || growing ? startAt : -1,
      ...(eager ? BUFFER : BUFFER_BEFORE_PLAY),
      backBufferLength: BACK_BUFFER_S,
      capLevelToPlayerSize: false,
      audioPreference: wanted.audio,
      subtitlePreference: wanted.subtitle === "off" ? undefined : wanted.subtitle,
    });
    // Timed by the browser, drawn by the page.
    this.#hls.subtitleDisplay = false;
    const { Events } = Hls;
    const changed = [
      Events.LEVELS_UPDATED,
      Events.AUDIO_TRACKS_UPDATED,
      Events.AUDIO_TRACK_SWITCHED,
      Events.SUBTITLE_TRACKS_UPDATED,
      Events.SUBTITLE_TRACK_SWITCH,
    ];
    // Forced subtitles follow the sound where no others are chosen.
    const none = () => this.subtitle < 0 && (!wanted.subtitle || wanted.subtitle === "off");
    for (const event of [Events.AUDIO_TRACK_SWITCHED, Events.SUBTITLE_TRACKS_UPDATED]) {
      this.#hls.on(event, () => none() && this.chooseSubtitle(-1));
    }
    for (const event of changed) this.#hls.on(event, () => on.change());
    this.#hls.on(Events.MANIFEST_PARSED, () => {
      this.#restoreLevel();
      on.change();
    });
    this.#hls.on(Events.LEVEL_SWITCHED, (_, { level }) => {
      this.#levelNow = level;
      on.change();
    });
    if (wanted.subtitle === "off") {
      this.#hls.once(Events.SUBTITLE_TRACKS_UPDATED, () => this.chooseSubtitle(-1));
    }
    this.#hls.on(Events.ERROR, (_, data) => on.fault(describe(data)));
    this.#hls.attachMedia(video);
    this.#hls.loadSource(url);
  }

  destroy() {
    this.#hls.destroy();
  }

  /** The viewer pressed play: buffer as far as usual. */
  fillBuffer() {
    Object.assign(this.#hls.config, BUFFER);
  }

  recoverMedia({ swap }) {
    if (swap) this.#hls.swapAudioCodec();
    this.#hls.recoverMediaError();
  }

  /** Rungs, in hls.js order (rising bitrate). */
  get levels() {
    return this.#hls.levels.map(({ width, height, bitrate, frameRate, videoRange }, index) => {
      return { index, width, height, bitrate, name: rungName({ width, height, frameRate, videoRange }) };
    });
  }

  /** Index of the rung on screen; -1 before the first picture. */
  get level() {
    return this.#levelNow;
  }

  /** Index of the rung that the viewer chose; -1: automatic. */
  get chosenLevel() {
    return this.#hls.manualLevel;
  }

  /** -1 returns the choice to hls.js. Takes effect at the next segment, without a pause in the picture. */
  chooseLevel(index) {
    this.#hls.nextLevel = index;
  }

  get audioTracks() {
    return this.#hls.audioTracks.map(track);
  }

  get audio() {
    return this.#hls.audioTrack;
  }

  chooseAudio(index) {
    this.#hls.audioTrack = index;
  }

  /** Forced ones are not for choosing: they are what is left where none is chosen. */
  get subtitles() {
    return this.#hls.subtitleTracks.map(track).filter(({ forced }) => !forced);
  }

  /** -1: off, or forced ones alone. */
  get subtitle() {
    const index = this.#hls.subtitleTrack;
    return this.#hls.subtitleTracks[index]?.forced ? -1 : index;
  }

  chooseSubtitle(index) {
    this.#hls.subtitleTrack = index < 0 ? this.#forced() : index;
  }

  /** The forced subtitles in the language that is heard; -1: none. */
  #forced() {
    const heard = this.#hls.audioTracks[this.#hls.audioTrack]?.lang;
    return this.#hls.subtitleTracks.findIndex(({ forced, lang }) => forced && lang === heard);
  }

  #restoreLevel() {
    const index = this.#hls.levels.findIndex(({ bitrate }) => bitrate === this.#wantedBitrate);
    if (index >= 0) this.#hls.nextLevel = index;
  }
}

function track({ name, lang, channels, forced }, index) {
  return { index, name, lang, forced, channels: channels ? Number.parseInt(channels, 10) : undefined };
}

/** What of an hls.js error may be kept. Its addresses and messages may hold signatures, so neither is. */
function describe(data) {
  const { ErrorTypes } = globalThis.Hls;
  const kinds = { [ErrorTypes.NETWORK_ERROR]: "network", [ErrorTypes.MEDIA_ERROR]: "media" };
  return {
    kind: kinds[data.type] ?? "other",
    fatal: data.fatal,
    detail: data.details,
    status: data.response?.code,
  };
}
