// What a good player page does, chapter by chapter. Each notes what it found and expects what a viewer would.

const SEEK_TOLERANCE_S = 0.5;
const KEY_TOLERANCE_S = 0.25;
/** A picture has contrast, even a dark one; an empty area has none. */
const MIN_CONTRAST = 1;
/** A part of the poster with no button and no shade over it, whatever its shape. */
const BARE_POSTER = [0.44, 0.2, 0.56, 0.4];
/** A preview without its round corners. */
const INNER = [0.1, 0.1, 0.9, 0.9];

export async function startScreen({ player, report }) {
  const { page } = player;
  await player.until(() => document.getElementById("poster").naturalWidth > 0);
  report.facts.poster = await page.evaluate(() => {
    const { naturalWidth: width, naturalHeight: height } = document.getElementById("poster");
    return { width, height };
  });
  report.facts.title = await page.locator("h1").innerText();
  await player.until(() => getComputedStyle(document.getElementById("poster")).opacity === "1");
  const contrast = await player.contrast(page.locator("#poster"), BARE_POSTER);
  report.expect("the poster has a picture", contrast > MIN_CONTRAST, contrast);
  report.expect("the big play button is shown", await page.locator("#big-play").isVisible());
  report.expect("the episode has a title", report.facts.title.trim() !== "");
  report.expect("the token left the address bar", !page.url().includes("token="));
  await player.screenshot("player-start.png");
}

export async function playback({ player, report }) {
  const pressed = Date.now();
  await player.page.locator("#big-play").click();
  await player.playing();
  await player.advance(0.01);
  report.facts.startMs = Date.now() - pressed;

  const before = await player.video();
  const began = Date.now();
  await player.advance(5);
  const wall = (Date.now() - began) / 1000;
  const after = await player.video();
  const advanced = after.currentTime - before.currentTime;
  report.facts.playback = {
    advanced_s: round(advanced),
    wall_s: round(wall),
    frames: after.frames - before.frames,
    dropped: after.dropped - before.dropped,
    engine: (await player.state()).engine,
    duration_s: round(after.duration),
  };
  report.expect("the playhead keeps real time", advanced / wall > 0.85 && advanced / wall < 1.15, {
    advanced,
    wall,
  });
  report.expect("frames are decoded", after.frames - before.frames >= 25, after.frames - before.frames);
  report.expect("the big play button is gone", !(await player.page.locator("#big-play").isVisible()));
  await player.wake();
  await player.screenshot("player-playing.png");
}

export async function seeking({ player, report }) {
  report.facts.seeks = [];
  for (const share of [0.62, 0.2]) {
    const { target, landed } = await player.seekByClick(share);
    report.facts.seeks.push({ target: round(target), landed: round(landed) });
    report.expect("a click on the seek bar lands", Math.abs(landed - target) <= SEEK_TOLERANCE_S, {
      target,
      landed,
    });
    await player.advance(1);
  }
  await player.unfocus();
  await player.page.keyboard.press("k");
  await player.seekBar.focus();
  const { currentTime: from } = await player.video();
  await player.page.keyboard.press("ArrowRight");
  await player.until(
    ([at]) => document.querySelector("video").currentTime > at && !document.querySelector("video").seeking,
    15_000,
    [from + 4],
  );
  const { currentTime: to } = await player.video();
  report.expect("→ on the seek bar moves 5 s", Math.abs(to - from - 5) <= KEY_TOLERANCE_S, to - from);
  const spoken = await player.seekBar.getAttribute("aria-valuetext");
  report.expect("the seek bar says its time in words", /second|minute/.test(spoken ?? ""), spoken);
  await player.unfocus();
  await player.page.keyboard.press("k");
  await player.playing();
}

export async function preview({ player, report }) {
  const { page } = player;
  report.facts.storyboardTiles = (await player.state()).storyboardTiles;
  report.expect("the storyboard has tiles", report.facts.storyboardTiles > 0);
  await player.wake();
  const box = await player.seekBar.boundingBox();
  await page.mouse.move(box.x + box.width * 0.45, box.y + box.height / 2);
  await player.until(
    () => !document.getElementById("preview").hidden && !document.querySelector("#preview canvas").hidden,
  );
  const contrast = await player.contrast(page.locator("#preview canvas"), INNER);
  report.facts.previewContrast = round(contrast);
  report.expect("the preview shows a picture", contrast > MIN_CONTRAST, contrast);
  report.expect(
    "the preview shows a time",
    /^\d+:\d\d/.test(await page.locator(".preview-time").innerText()),
  );
  await player.screenshot("player-preview.png");
  await player.wake();
}

export async function quality({ player, report, rungs }) {
  const { page } = player;
  // Far enough from the end for the new rung to come on screen.
  await player.seekByClick(0.05);
  await player.playing();
  const { levels } = await player.state();
  report.facts.levels = levels.map(({ name, height, bitrate }) => ({ name, height, bitrate }));
  if (rungs) report.expect(`the ladder has ${rungs} rungs`, levels.length === rungs, levels.length);

  const button = page.locator("#quality-button");
  await player.wake();
  await button.click();
  const items = page.locator("#quality-menu [role=menuitemradio]");
  const names = await items.locator(".menu-name").allInnerTexts();
  report.facts.qualityMenu = await items.allInnerTexts();
  report.expect("the menu begins with Auto and the rung on screen", /^Auto \(\d+p/.test(names[0]), names[0]);
  const wanted = levels.map(({ name }) => name).reverse();
  report.expect(
    "the menu lists every rung",
    JSON.stringify(names.slice(1)) === JSON.stringify(wanted),
    names,
  );
  await player.screenshot("player-menu.png");

  const { videoHeight } = await player.video();
  const chosen = videoHeight === levels[0].height ? levels.at(-1) : levels[0];
  const began = Date.now();
  await items.nth(levels.length - chosen.index).click();
  await player.until(([height]) => document.querySelector("video").videoHeight === height, 30_000, [
    chosen.height,
  ]);
  report.facts.qualitySwitch = { from: videoHeight, to: chosen.height, ms: Date.now() - began };
  report.expect("the rung on screen is the chosen one", (await player.state()).chosenLevel === chosen.index);
  await player.advance(0.5);

  await player.wake();
  await button.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  report.expect("the keyboard returns the menu to Auto", (await player.state()).chosenLevel === -1);
  const focused = () => page.evaluate(() => document.activeElement.id);
  report.expect(
    "focus returns to the menu's button",
    (await focused()) === "quality-button",
    await focused(),
  );
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Escape");
  report.expect("Escape closes the menu", await page.locator("#quality-menu").isHidden());
}

export async function tracks({ player, report }) {
  const { audioTracks, audio, subtitles } = await player.state();
  report.facts.audioTracks = audioTracks.map(({ name }) => name);
  report.facts.subtitles = subtitles.map(({ name }) => name);
  const shown = (id) => player.page.locator(id).isVisible();
  await player.wake();
  report.expect(
    "an audio menu only where there is a choice",
    (await shown("#audio-button")) === audioTracks.length > 1,
  );
  report.expect(
    "a subtitle menu only where there are any",
    (await shown("#subtitles-button")) === subtitles.length > 0,
  );
  if (audioTracks.length > 1) {
    const other = (audio + 1) % audioTracks.length;
    await player.page.locator("#audio-button").click();
    await player.page.locator("#audio-menu [role=menuitemradio]").nth(other).click();
    await player.until(([index]) => window.flodrama.state.audio === index, 15_000, [other]);
    await player.playing();
    await player.advance(0.5);
  }
  if (subtitles.length > 0) {
    await player.unfocus();
    const turned = async (on) => {
      await player.page.keyboard.press("c");
      await player.until(([yes]) => window.flodrama.state.subtitle >= 0 === yes, 5_000, [on]);
    };
    await turned(true);
    await player.advance(0.5);
    await reads(player, report);
    await turned(false);
    // The other sound is French by now: its forced subtitles show where no others do, and are not for choosing.
    await player.until(() => document.querySelector("#captions").textContent === "Port", 5_000);
    report.expect("forced subtitles are not in the menu", subtitles.length === 1, subtitles.length);
  }
}

/** The subtitles of the shared episode say which second it is. */
async function reads(player, report) {
  await player.until(() => /^Second \d+$/.test(document.querySelector("#captions").textContent), 10_000);
  const { text, italic, time } = await player.page.evaluate(() => ({
    text: document.querySelector("#captions").textContent,
    italic: document.querySelector("#captions i")?.textContent,
    time: document.querySelector("video").currentTime,
  }));
  report.facts.cue = { text, time };
  const second = Number(text.split(" ").pop());
  report.expect(
    "the subtitles say what is said now",
    second <= time + 0.3 && time - 0.3 <= second + 1,
    `${text} at ${time}`,
  );
  report.expect("italics are italic", italic === "Second", italic);
}

export async function keyboard({ player, report }) {
  const { page } = player;
  const press = async (key) => {
    const before = await player.video();
    await page.keyboard.press(key);
    await player.until(() => !document.querySelector("video").seeking);
    return [before, await player.video()];
  };
  await player.seekByClick(0.4);
  await player.unfocus();
  const paused = await press(" ");
  report.expect("space pauses", !paused[0].paused && paused[1].paused);
  for (const [key, step] of [
    ["ArrowLeft", -5],
    ["ArrowRight", 5],
    ["j", -10],
    ["l", 10],
  ]) {
    const [before, after] = await press(key);
    const moved = after.currentTime - before.currentTime;
    const wanted = Math.min(Math.max(before.currentTime + step, 0), before.duration) - before.currentTime;
    report.expect(`${key} moves ${step} s`, Math.abs(moved - wanted) <= KEY_TOLERANCE_S, moved);
  }
  const muted = await press("m");
  report.expect("m mutes", !muted[0].muted && muted[1].muted);
  const unmuted = await press("m");
  report.expect("m unmutes", !unmuted[1].muted);
  const quieter = await press("ArrowDown");
  report.expect("↓ lowers the volume", quieter[1].volume < quieter[0].volume, quieter[1].volume);
  const faster = await press(">");
  report.expect("> speeds up", faster[1].playbackRate > faster[0].playbackRate, faster[1].playbackRate);
  const slower = await press("<");
  report.expect("< slows down", slower[1].playbackRate === faster[0].playbackRate, slower[1].playbackRate);
  const third = await press("3");
  report.expect(
    "3 goes to 30 %",
    Math.abs(third[1].currentTime - third[1].duration * 0.3) <= KEY_TOLERANCE_S,
  );
  const resumed = await press(" ");
  report.expect("space plays on", resumed[0].paused && !resumed[1].paused);
  await player.playing();
}

/** A phone: nothing overflows, every button is within reach, a tap plays. */
export async function phone({ player, report }) {
  const { page } = player;
  await player.until(() => getComputedStyle(document.getElementById("poster")).opacity === "1");
  await page.locator("#big-play").tap();
  await player.playing();
  await player.advance(2);
  const outside = await page.evaluate(() => {
    const buttons = [...document.querySelectorAll(".controls .button")].filter(
      (button) => button.offsetParent,
    );
    const beyond = ({ left, right }) => left < 0 || right > innerWidth;
    return buttons.filter((button) => beyond(button.getBoundingClientRect())).map(({ id }) => id);
  });
  report.expect("every button is on the screen", outside.length === 0, outside);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  report.expect("the page is no wider than the screen", overflow <= 0, overflow);
  await player.screenshot("player-mobile.png");
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}
