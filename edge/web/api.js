// The edge's HTTP interface, as this page uses it.

const TIMEOUT_MS = 15_000;

/**
 * A request that was not answered as hoped. `status` 0: no answer at all. `code` is the edge's stable word for it;
 * `opensAt` (RFC 3339) is when the answer will be another one.
 */
export class Problem extends Error {
  constructor({ status = 0, code = "", title = "", detail = "", opensAt }) {
    super(detail || title || `status ${status}`);
    this.name = "Problem";
    Object.assign(this, { status, code, title, detail, opensAt });
  }
}

/** Calls for one asset on behalf of one viewer; without a token, of nobody in particular. */
export class Api {
  #asset;
  #token;

  constructor(asset, token) {
    this.#asset = encodeURIComponent(asset);
    this.#token = token;
  }

  /**
   * `{manifest_url, poster_url?, storyboard_url?, expires_at}`: signed addresses, of the episode or of what is encoded
   * so far (`preview`). Throws `Problem`.
   */
  playback({ preview = false } = {}) {
    return this.#call("POST", `/v1/assets/${this.#asset}/playback${preview ? "?preview=true" : ""}`);
  }

  /**
   * `{asset, state, version, percent, reason, preview?: {playable_ms, duration_ms}, title?, duration_ms?, thumbhash?}`:
   * `preview` where it plays and this viewer may play it. Throws `Problem`.
   */
  asset() {
    return this.#call("GET", `/v1/assets/${this.#asset}`);
  }

  async #call(method, path) {
    let response;
    try {
      response = await fetch(path, {
        method,
        headers: { ...(this.#token && { Authorization: `Bearer ${this.#token}` }), Accept: "application/json" },
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) return await response.json();
    } catch {
      throw new Problem({ status: 0, code: "network" });
    }
    throw new Problem({ ...(await problemDocument(response)), status: response.status });
  }
}

/** The body of a refusal, if it is `application/problem+json`; a proxy in between may answer anything. */
async function problemDocument(response) {
  if (!response.headers.get("content-type")?.includes("json")) return {};
  try {
    const { code, title, detail, opens_at: opensAt } = await response.json();
    return { code, title, detail, opensAt };
  } catch {
    return {};
  }
}
