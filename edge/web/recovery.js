// What to do when playback breaks. Pure: facts and the time in, a decision out.

const MAX_RENEWALS = 3;
const RENEWAL_DELAY_MS = [0, 1_500, 4_000];
const MEDIA_WINDOW_MS = 30_000;

/**
 * Counts attempts, so that a stream that stays broken ends in a message and never in an endless loop.
 *
 * Network faults renew the playback authorisation: an expired signature shows as 403, or as status 0 because a
 * refusal by the CDN may come without CORS headers. Decoder faults are mended in place, first gently.
 */
export class Recovery {
  #renewals = 0;
  #mediaFaults = [];

  /**
   * `fault`: `{kind: "network"|"media"|"other", online}`; `now` in milliseconds. Returns one of
   * `{act: "renew", afterMs}`, `{act: "wait-online"}`, `{act: "recover-media", swap}`, `{act: "give-up"}`.
   */
  decide({ kind, online }, now) {
    if (kind === "network") return this.#network(online);
    if (kind === "media") return this.#media(now);
    return { act: "give-up" };
  }

  /** Playback has been running well for a while: what broke before no longer counts. */
  steady() {
    this.#renewals = 0;
  }

  #network(online) {
    // Waiting for the network to return costs no attempt: no request was refused.
    if (!online) return { act: "wait-online" };
    if (this.#renewals >= MAX_RENEWALS) return { act: "give-up" };
    return { act: "renew", afterMs: RENEWAL_DELAY_MS[this.#renewals++] };
  }

  #media(now) {
    this.#mediaFaults = this.#mediaFaults.filter((at) => now - at < MEDIA_WINDOW_MS);
    this.#mediaFaults.push(now);
    const count = this.#mediaFaults.length;
    return count > 2 ? { act: "give-up" } : { act: "recover-media", swap: count === 2 };
  }
}
