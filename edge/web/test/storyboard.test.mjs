import assert from "node:assert/strict";
import { test } from "node:test";

import { cueAt, parseStoryboard } from "../storyboard.js";

const BASE = "https://cdn.example/vod/demo/v1/thumbs/storyboard.vtt?Policy=p&Signature=s";
const FILE = `WEBVTT

NOTE made by the worker

00:00:00.000 --> 00:00:02.000
sprite-001.jpg?Policy=p&Signature=s#xywh=0,0,320,180

tile two
00:02.000 --> 00:04.000 align:start
sprite-001.jpg?Policy=p&Signature=s#xywh=pixel:320,0,320,180

01:00:00.000 --> 01:00:02.000
sprite-009.jpg#xywh=640,180,320,180
`;

test("each tile keeps its time, its sheet's signature and its place", () => {
  const [first, second, third] = parseStoryboard(FILE, BASE);
  assert.deepEqual(first, {
    start: 0,
    end: 2,
    url: "https://cdn.example/vod/demo/v1/thumbs/sprite-001.jpg?Policy=p&Signature=s",
    x: 0,
    y: 0,
    width: 320,
    height: 180,
  });
  assert.deepEqual([second.start, second.end, second.x], [2, 4, 320]);
  assert.deepEqual([third.start, third.url], [3600, "https://cdn.example/vod/demo/v1/thumbs/sprite-009.jpg"]);
});

test("line ends of any kind give the same tiles", () => {
  for (const end of ["\r\n", "\r"]) {
    assert.deepEqual(parseStoryboard(FILE.replaceAll("\n", end), BASE), parseStoryboard(FILE, BASE));
  }
});

test("what is no tile is left out", () => {
  const text = "WEBVTT\n\n00:00.000 --> 00:02.000\nA subtitle, not a tile\n\nsprite.jpg#xywh=0,0,1,1\n";
  assert.deepEqual(parseStoryboard(text, BASE), []);
  assert.deepEqual(parseStoryboard("", BASE), []);
});

test("a time finds the tile that began last", () => {
  const cues = parseStoryboard(FILE, BASE);
  const starts = [0, 1.999, 2, 100, 3600, 9999].map((time) => cueAt(cues, time).start);
  assert.deepEqual(starts, [0, 0, 2, 2, 3600, 3600]);
  assert.equal(cueAt(cues, -1), null);
  assert.equal(cueAt([], 5), null);
});
