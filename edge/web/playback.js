// Keeps one episode playing: starts an engine, remembers the viewer's choices, and mends what breaks.

import { HlsEngine } from "./engine-hls.js";
import { NativeEngine } from "./engine-native.js";
import { versionOf } from "./links.js";
import { Recovery } from "./recovery.js";

/** Milliseconds of undisturbed playback after which earlier faults are forgiven. */
const STEADY_MS = 10_000;

/** True where this browser can play HLS in one way or another. */
export function canPlay() {
  return HlsEngine.isSupported() || NativeEngine.isSupported();
}

/**
 * Events: `change` (tracks, rungs, choices), `fault` (`detail`: `{engine, kind, fatal, detail, status}`), `mending`
 * (`detail`: true while playback is being restored), `broken` (`detail`: `{kind, problem?}`).
 */
export class Playback extends EventTarget {
  /** How often the authorisation was renewed. */
  renewals = 0;
  #video;
  #renew;
  #renewing = null;
  #engine = null;
  #startAt = 0;
  #growing = false;
  #wanted = {};
  #recovery = new Recovery();
  #mending = false;
  #wantsToPlay = false;
  #steadyTimer = 0;

  /** `renew()` asks the edge for fresh addresses and resolves to a manifest URL; it rejects with a `Problem`. */
  constructor(video, renew) {
    super();
    this.#video = video;
    this.#renew = renew;
    video.addEventListener("playing", () => this.#watchSteadiness());
    for (const stop of ["waiting", "pause", "ended"]) {
      video.addEventListener(stop, () => clearTimeout(this.#steadyTimer));
    }
    video.addEventListener("play", () => {
      this.#wantsToPlay = true;
      this.#engine?.fillBuffer();
    });
    // A browser that meets an error pauses by itself, which is not the viewer's wish.
    video.addEventListener("pause", () => (this.#wantsToPlay &&= Boolean(video.error)));
  }

  /**
   * Plays `url` from `startAt` seconds; `eager` where the viewer has already pressed play, `growing` where the episode is
   * still being encoded.
   */
  start(url, { startAt = 0, eager = false, growing = false } = {}) {
    this.#growing = growing;
    const Engine = HlsEngine.isSupported() ? HlsEngine : NativeEngine;
    this.#engine?.destroy();
    this.#startAt = startAt;
    this.#engine = new Engine({
      video: this.#video,
      url,
      startAt,
      eager,
      growing,
      wanted: this.#wanted,
      renew: () => this.#fresh(versionOf(url)),
      on: { change: () => this.#tell("change"), fault: (fault) => this.#fault(fault) },
    });
  }

  /** Ends the stream; `place` stays. */
  stop() {
    this.#startAt = this.place;
    this.#engine?.destroy();
    this.#engine = null;
  }

  /** Where the viewer is, in seconds; also while a stream is starting and the element still says 0. */
  get place() {
    const { readyState, seeking, currentTime } = this.#video;
    const arrived = readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    const onTheWay = seeking && readyState >= HTMLMediaElement.HAVE_METADATA;
    return arrived || onTheWay ? currentTime : this.#startAt;
  }

  /** True for what was still being encoded when it was opened. */
  get growing() {
    return this.#growing;
  }

  get engine() {
    return this.#engine?.name ?? null;
  }

  get levels() {
    return this.#engine?.levels ?? [];
  }

  get level() {
    return this.#engine?.level ?? -1;
  }

  /** -1: automatic. */
  get chosenLevel() {
    return this.#engine?.chosenLevel ?? -1;
  }

  get audioTracks() {
    return this.#engine?.audioTracks ?? [];
  }

  get audio() {
    return this.#engine?.audio ?? -1;
  }

  get subtitles() {
    return this.#engine?.subtitles ?? [];
  }

  get subtitle() {
    return this.#engine?.subtitle ?? -1;
  }

  /** -1: automatic. */
  chooseLevel(index) {
    this.#wanted.bitrate = this.levels[index]?.bitrate;
    this.#engine.chooseLevel(index);
    this.#tell("change");
  }

  chooseAudio(index) {
    this.#wanted.audio = nameOf(this.audioTracks[index]);
    this.#engine.chooseAudio(index);
  }

  /** -1: off. */
  chooseSubtitle(index) {
    this.#wanted.subtitle = index < 0 ? "off" : nameOf(this.subtitles.find((track) => track.index === index));
    this.#engine.chooseSubtitle(index);
    this.#tell("change");
  }

  #fault(fault) {
    this.#tell("fault", { engine: this.engine, ...fault });
    // One signature covers the whole episode: once a single request is refused, the rest will be too, and there is
    // no use in letting the engine find that out rung by rung.
    const refused = fault.status === 401 || fault.status === 403;
    if (this.#mending || !(fault.fatal || refused)) return;
    const decision = this.#recovery.decide({ kind: fault.kind, online: navigator.onLine }, performance.now());
    switch (decision.act) {
      case "recover-media":
        return this.#engine.recoverMedia({ swap: decision.swap });
      case "renew":
        return this.#mend(() => delay(decision.afterMs));
      case "wait-online":
        return this.#mend(() => new Promise((back) => addEventListener("online", back, { once: true })));
      default:
        return this.#tell("broken", { kind: fault.kind });
    }
  }

  /** A fresh address of the version that plays; null where there is none. Who asks meanwhile gets the same answer. */
  #fresh(version) {
    this.#renewing ??= this.#renew()
      .then(
        (url) => {
          if (versionOf(url) !== version) return null;
          this.renewals += 1;
          return url;
        },
        // The refusal that led here is told as a fault, and mended or explained then.
        () => null,
      )
      .finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  /** Waits for `ready`, renews the authorisation, and continues where the viewer was. */
  async #mend(ready) {
    const { place: startAt } = this;
    this.#mending = true;
    this.#tell("mending", true);
    try {
      await ready();
      const url = await this.#renew();
      this.renewals += 1;
      this.start(url, { startAt, eager: this.#wantsToPlay, growing: this.#growing });
      if (this.#wantsToPlay) this.#video.play().catch(() => {});
    } catch (problem) {
      this.#tell("broken", { kind: "network", problem });
    } finally {
      this.#mending = false;
      this.#tell("mending", false);
    }
  }

  #watchSteadiness() {
    clearTimeout(this.#steadyTimer);
    this.#steadyTimer = setTimeout(() => this.#recovery.steady(), STEADY_MS);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function nameOf(track) {
  return track && { name: track.name, lang: track.lang };
}

function delay(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
