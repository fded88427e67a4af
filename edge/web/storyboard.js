// The storyboard: small pictures of the whole episode, in sheets, named by a WebVTT file whose cues read
// `sprite-001.jpg?…#xywh=x,y,w,h`.

const TIMING = /^((?:\d+:)?\d{2}:\d{2}\.\d{3})\s+-->\s+((?:\d+:)?\d{2}:\d{2}\.\d{3})/;
const TILE = /^(.*)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/;
const MAX_SHEETS = 8;

/** Parses the file. Sheet addresses are resolved against `baseUrl`. Cues that are not understood are left out. */
export function parseStoryboard(text, baseUrl) {
  const cues = [];
  let timing = null;
  for (const line of text.split(/\r\n|\r|\n/)) {
    const times = TIMING.exec(line);
    const tile = timing && TILE.exec(line.trim());
    if (times) {
      timing = { start: seconds(times[1]), end: seconds(times[2]) };
    } else if (tile) {
      const [x, y, width, height] = tile.slice(2).map(Number);
      cues.push({ ...timing, url: new URL(tile[1], baseUrl).href, x, y, width, height });
      timing = null;
    } else if (line === "") {
      timing = null;
    }
  }
  return cues.sort((a, b) => a.start - b.start);
}

/** The last cue that starts at or before `time`; null where there is none. */
export function cueAt(cues, time) {
  let low = 0;
  let high = cues.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cues[middle].start <= time) low = middle + 1;
    else high = middle;
  }
  return cues[low - 1] ?? null;
}

/** Loads a storyboard and draws its tiles. Previews are a comfort: whatever fails here leaves the time alone. */
export class Storyboard {
  #cues = [];
  #sheets = new Map();

  /** Number of tiles known. */
  get tiles() {
    return this.#cues.length;
  }

  async load(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`storyboard: status ${response.status}`);
    this.#cues = parseStoryboard(await response.text(), response.url || url);
    this.#sheets.clear();
  }

  /** Draws the tile of `time` into `canvas`. Resolves to true once drawn, false where there is no picture. */
  async draw(canvas, time) {
    const cue = cueAt(this.#cues, time);
    if (!cue) return false;
    const sheet = await this.#sheet(cue.url);
    if (!sheet) return false;
    if (canvas.width !== cue.width || canvas.height !== cue.height) {
      canvas.width = cue.width;
      canvas.height = cue.height;
    }
    canvas
      .getContext("2d")
      .drawImage(sheet, cue.x, cue.y, cue.width, cue.height, 0, 0, cue.width, cue.height);
    return true;
  }

  /** A sheet, loaded once; the least recently used ones are let go, since a film has dozens. */
  #sheet(url) {
    const sheet = this.#sheets.get(url) ?? this.#fetchSheet(url);
    this.#sheets.delete(url);
    this.#sheets.set(url, sheet);
    if (this.#sheets.size > MAX_SHEETS) this.#sheets.delete(this.#sheets.keys().next().value);
    return sheet;
  }

  async #fetchSheet(url) {
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
      return image;
    } catch {
      // Not kept, so that the next look tries again.
      this.#sheets.delete(url);
      return null;
    }
  }
}

function seconds(stamp) {
  return stamp.split(":").reduce((total, part) => total * 60 + Number(part), 0);
}
