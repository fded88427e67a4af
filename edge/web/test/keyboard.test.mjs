import assert from "node:assert/strict";
import { test } from "node:test";

import { actionFor } from "../keyboard.js";

test("the keys do what viewers expect", () => {
  const wanted = {
    " ": ["toggle"],
    k: ["toggle"],
    K: ["toggle"],
    ArrowLeft: ["seekBy", -5],
    ArrowRight: ["seekBy", 5],
    j: ["seekBy", -10],
    l: ["seekBy", 10],
    ArrowUp: ["changeVolume", 1],
    ArrowDown: ["changeVolume", -1],
    m: ["toggleMute"],
    f: ["toggleFullscreen"],
    c: ["toggleSubtitles"],
    0: ["seekToPart", 0],
    9: ["seekToPart", 0.9],
    Home: ["seekToPart", 0],
    End: ["seekToPart", 1],
    "<": ["changeSpeed", -1],
    ">": ["changeSpeed", 1],
  };
  for (const [key, action] of Object.entries(wanted)) assert.deepEqual(actionFor({ key }), action, key);
});

test("other keys, and keys of the browser, are left alone", () => {
  assert.equal(actionFor({ key: "x" }), null);
  assert.equal(actionFor({ key: "Escape" }), null);
  assert.equal(actionFor({ key: "l", ctrlKey: true }), null);
  assert.equal(actionFor({ key: "f", metaKey: true }), null);
  assert.equal(actionFor({ key: "ArrowLeft", altKey: true }), null);
});
