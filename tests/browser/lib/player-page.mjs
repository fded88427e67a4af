// The player page as a viewer handles it. What it plays is read from the video element and from `window.flodrama`.

import { join } from "node:path";

export class PlayerPage {
  constructor(page, report, out) {
    Object.assign(this, { page, report, out });
    this.seekBar = page.getByRole("slider", { name: "Seek" });
  }

  async open(url) {
    await this.page.goto(url, { waitUntil: "load" });
    // The page may still be waiting for an episode that is being prepared.
    await this.until(() => {
      const { phase, levels } = window.flodrama?.state ?? {};
      return phase === "problem" || (phase === "ready" && levels.length > 0);
    }, 60_000);
    if ((await this.state()).phase === "problem") {
      throw new Error(`the page says: ${await this.page.locator("#problem-headline").innerText()}`);
    }
    await this.until(() => window.flodrama.state.duration > 0);
  }

  until(condition, timeout = 15_000, argument) {
    return this.page.waitForFunction(condition, argument, { timeout, polling: 50 });
  }

  state() {
    return this.page.evaluate(() => structuredClone({ ...window.flodrama.state }));
  }

  video() {
    return this.page.evaluate(() => {
      const video = document.querySelector("video");
      const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
      const { currentTime, duration, paused, muted, volume, playbackRate, videoWidth, videoHeight } = video;
      const facts = { currentTime, duration, paused, muted, volume, playbackRate, videoWidth, videoHeight };
      return { ...facts, frames: totalVideoFrames, dropped: droppedVideoFrames };
    });
  }

  async playing() {
    await this.until(() => window.flodrama.state.playing);
  }

  /** Waits until the playhead has moved on by `seconds` from where it is now. */
  async advance(seconds) {
    const from = (await this.video()).currentTime;
    await this.until(([at]) => document.querySelector("video").currentTime >= at, seconds * 3_000 + 10_000, [
      from + seconds,
    ]);
  }

  /** Clicks the seek bar at `share` of its width. Resolves to `{target, landed}` once the seek is done. */
  async seekByClick(share) {
    const { duration } = await this.video();
    await this.page.mouse.move(400, 300);
    const box = await this.seekBar.boundingBox();
    const x = Math.round(box.x + box.width * share);
    const landed = this.page.evaluate(() => {
      const video = document.querySelector("video");
      return new Promise((done) =>
        video.addEventListener("seeked", () => done(video.currentTime), { once: true }),
      );
    });
    await this.page.mouse.click(x, box.y + box.height / 2);
    await this.page.mouse.move(400, 300);
    return { target: ((x - box.x) / box.width) * duration, landed: await landed };
  }

  /** Lets no control hold the focus, so that keys go to the player. */
  unfocus() {
    return this.page.evaluate(() => document.activeElement?.blur());
  }

  /** Moves the pointer, so that the controls are up, and waits until nothing fades any more. */
  async wake() {
    await this.page.mouse.move(420, 310);
    await this.page.mouse.move(400, 300);
    await this.until(() => {
      const opacity = (selector) => getComputedStyle(document.querySelector(selector)).opacity;
      return opacity(".controls") === "1" && opacity("#bezel") === "0";
    });
  }

  async screenshot(name) {
    const path = join(this.out, name);
    await this.page.screenshot({ path });
    this.report.screenshots.push(path);
  }

  /**
   * Spread (standard deviation) of the brightness in a part of `locator`, 0 to 128; a blank area has none. `part` is
   * `[left, top, right, bottom]` in shares of its box, so that what lies over it can be left out.
   */
  async contrast(locator, [left, top, right, bottom]) {
    const { x, y, width, height } = await locator.boundingBox();
    const clip = {
      x: x + width * left,
      y: y + height * top,
      width: width * (right - left),
      height: height * (bottom - top),
    };
    const png = (await this.page.screenshot({ clip })).toString("base64");
    return this.page.evaluate(async (data) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const { data: rgba } = context.getImageData(0, 0, image.width, image.height);
      const luma = [];
      for (let i = 0; i < rgba.length; i += 4)
        luma.push(0.299 * rgba[i] + 0.587 * rgba[i + 1] + 0.114 * rgba[i + 2]);
      const mean = luma.reduce((sum, value) => sum + value, 0) / luma.length;
      return Math.sqrt(luma.reduce((sum, value) => sum + (value - mean) ** 2, 0) / luma.length);
    }, png);
  }
}
