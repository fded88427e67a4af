// How hls.js gets its files: as always, but a request that is refused because its signature has ended is made again with
// a fresh one. hls.js never hears of it, and the buffer plays on meanwhile. Where each rendition has a signature of its own,
// a fresh one comes with a fresh multivariant playlist only: then hls.js hears of it, and playback starts anew at its place.

import { resigned } from "./links.js";

/** What an ended signature looks like; 0 where the CDN refuses without CORS headers, and the page sees no status. */
const REFUSALS = new Set([401, 403, 0]);

/**
 * A loader class for hls.js over its own, `Base`.
 *
 * `links`: `{current, renew()}`: an address with the newest signature; `renew()` resolves to another such address, or to
 * null where there is none.
 */
export function renewingLoader(Base, links) {
  return class {
    #config;
    #attempt;
    #over = false;
    context = null;

    constructor(config) {
      this.#config = config;
      this.#attempt = new Base(config);
    }

    get stats() {
      return this.#attempt.stats;
    }

    load(context, config, callbacks) {
      this.context = context;
      context.url = resigned(context.url, links.current);
      this.#attempt.load(context, config, {
        ...callbacks,
        onError: async (error, ...rest) => {
          const again = REFUSALS.has(error.code) && (await this.#renewed(context.url));
          if (this.#over) return;
          if (again) this.#again(again, config, callbacks);
          else callbacks.onError(error, ...rest);
        },
      });
    }

    /** The address with a newer signature than it had; null where there is none. */
    async #renewed(url) {
      const newest = resigned(url, links.current);
      if (newest !== url) return newest;
      const link = await links.renew();
      const renewed = link ? resigned(url, link) : url;
      return renewed === url ? null : renewed;
    }

    #again(url, config, callbacks) {
      const first = this.stats;
      this.#attempt.destroy();
      this.#attempt = new Base(this.#config);
      this.context.url = url;
      this.#attempt.load(this.context, config, {
        ...callbacks,
        onSuccess: (response, stats, ...rest) => {
          // hls.js has kept the first attempt's figures, and takes the bandwidth from them.
          Object.assign(first, stats);
          callbacks.onSuccess(response, first, ...rest);
        },
      });
    }

    abort() {
      this.#over = true;
      this.#attempt.abort();
    }

    destroy() {
      this.#over = true;
      this.#attempt.destroy();
    }

    getCacheAge() {
      return this.#attempt.getCacheAge();
    }

    getResponseHeader(name) {
      return this.#attempt.getResponseHeader(name);
    }
  };
}
