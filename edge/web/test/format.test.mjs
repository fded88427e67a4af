import assert from "node:assert/strict";
import { test } from "node:test";

import { bitrate, chapterAt, clock, moment, rungName, runningTime, speedName, spokenTime, titleFromId } from "../format.js";

test("a clock shows hours only where there are any", () => {
  const times = [0, 7.9, 59.999, 60, 754, 3600, 3723].map(clock);
  assert.deepEqual(times, ["0:00", "0:07", "0:59", "1:00", "12:34", "1:00:00", "1:02:03"]);
});

test("what is no finite time reads as the beginning", () => {
  assert.deepEqual([NaN, Infinity, -3, undefined].map(clock), ["0:00", "0:00", "0:00", "0:00"]);
});

test("a spoken time has words, and one second is singular", () => {
  assert.deepEqual([0, 1, 61, 3600, 3723].map(spokenTime), [
    "0 seconds",
    "1 second",
    "1 minute 1 second",
    "1 hour",
    "1 hour 2 minutes 3 seconds",
  ]);
});

test("a bitrate is rounded for people", () => {
  const rates = [0, undefined, 180_400, 999_400, 999_900, 1_554_930, 9_960_000, 12_400_000].map(bitrate);
  assert.deepEqual(rates, ["", "", "180 kb/s", "999 kb/s", "1 Mb/s", "1.6 Mb/s", "10 Mb/s", "12 Mb/s"]);
});

test("a rung is named by its shorter side, and by what sets it apart", () => {
  assert.equal(rungName({ width: 1920, height: 1080, frameRate: 24, videoRange: "SDR" }), "1080p");
  assert.equal(rungName({ width: 1080, height: 1920, frameRate: 30 }), "1080p");
  assert.equal(rungName({ width: 1920, height: 1080, frameRate: 59.94 }), "1080p60");
  assert.equal(rungName({ width: 3840, height: 2160, frameRate: 25, videoRange: "PQ" }), "2160p HDR");
  assert.equal(rungName({ width: 0, height: 0 }), "Audio only");
});

test("a running time is what a catalogue would print", () => {
  const times = [undefined, 1_000, 48_083, 59_999, 2_520_000, 3_600_000, 5_700_000].map(runningTime);
  assert.deepEqual(times, ["", "1 second", "48 seconds", "1 min", "42 min", "1 h", "1 h 35 min"]);
});

test("an id stands in for a title", () => {
  assert.equal(titleFromId("les-ombres-s01e03"), "Les ombres s01e03");
});

test("the ordinary speed has a name", () => {
  assert.deepEqual([0.5, 1, 1.25].map(speedName), ["0.5×", "Normal", "1.25×"]);
});

test("a chapter is on from its start until its end", () => {
  const chapters = [
    { start_ms: 0, end_ms: 2000, title: "One" },
    { start_ms: 2500, end_ms: 5000, title: "Two" },
  ];
  const titles = [0, 1.999, 2, 2.5, 4.9, 5].map((time) => chapterAt(chapters, time));
  assert.deepEqual(titles, ["One", "One", undefined, "Two", "Two", undefined]);
  assert.equal(chapterAt([], 1), undefined);
});

test("a moment is a date and a time where the viewer is", () => {
  assert.equal(moment("2026-12-24T20:00:00Z", "UTC"), "24 December 2026 at 20:00");
  assert.equal(moment("2026-12-24T20:00:00Z", "Asia/Tokyo"), "25 December 2026 at 05:00");
  for (const none of [undefined, null, "", "soon"]) assert.equal(moment(none, "UTC"), "");
});
