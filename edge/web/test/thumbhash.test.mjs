import assert from "node:assert/strict";
import { test } from "node:test";

import { unfold } from "../thumbhash.js";

// Two stills, hashed and unfolded with the reference implementation; one step of rounding is allowed.
const STILLS = [
  {
    hash: "5vgRHIh8d3h/h3hnh3irUM74aw==",
    width: 32,
    height: 18,
    corner: [255, 199, 198],
    middle: [144, 147, 151],
  },
  {
    hash: "JAgODAKPZoS4doZYl4hccIgFOA==",
    width: 18,
    height: 32,
    corner: [157, 171, 167],
    middle: [94, 81, 81],
  },
];

for (const { hash, width, height, corner, middle } of STILLS) {
  test(`a ${width}×${height} stand-in has the colours of its still`, () => {
    const picture = unfold(hash);
    assert.deepEqual([picture.width, picture.height], [width, height]);
    const at = (height >> 1) * width + (width >> 1);
    near(picture.rgba.slice(0, 3), corner);
    near(picture.rgba.slice(at * 4, at * 4 + 3), middle);
    assert.ok(
      picture.rgba.every((value, i) => i % 4 !== 3 || value === 255),
      "opaque",
    );
  });
}

test("what is no hash gives no picture", () => {
  for (const text of ["", "AAAA", "no base64!", undefined]) assert.equal(unfold(text), null);
});

function near(found, wanted) {
  wanted.forEach((value, i) => assert.ok(Math.abs(found[i] - value) <= 1, `${[...found]} is not ${wanted}`));
}
