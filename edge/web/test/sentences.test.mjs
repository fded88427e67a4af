import assert from "node:assert/strict";
import { test } from "node:test";

import { forBrokenPlayback, forFailedAsset, forNoToken, forPreview, forProblem } from "../sentences.js";

test("each refusal has its own words", () => {
  const headline = (status) => forProblem({ status }).headline;
  assert.equal(headline(0), "No connection");
  assert.equal(headline(401), "Your sign-in has ended");
  assert.equal(headline(403), "Not included");
  assert.equal(headline(404), "Not published yet");
  assert.equal(headline(429), "One moment");
  assert.equal(headline(503), "FloDrama has a problem");
});

test("what the rules of an episode say reads as a sentence", () => {
  const opensAt = "2026-12-24T20:00:00Z";
  const soon = forProblem({ status: 403, code: "not-yet-open", opensAt }, "Europe/Paris");
  assert.equal(soon.headline, "Not open yet");
  assert.equal(soon.text, "This episode opens on 24 December 2026 at 21:00.");
  assert.equal(soon.retry, true);
  assert.equal(forProblem({ status: 403, code: "not-yet-open", opensAt: "soon" }).text, "This episode opens later.");
  const detail = "This title is not available in your country.";
  const table = [
    [{ status: 403, code: "not-included" }, "Not included", "Your subscription does not include this episode."],
    [{ status: 403, code: "no-longer-open" }, "No longer available", "The time in which this episode could be watched is over."],
    [{ status: 451, code: "not-in-country", detail }, "Not available here", detail],
    [{ status: 451, code: "not-in-country" }, "Not available here", "This episode is not available in your country."],
  ];
  for (const [problem, headline, text] of table) {
    assert.deepEqual(forProblem(problem), { headline, text, retry: false });
  }
  // Of what is broken on our side, the code says nothing to viewers.
  assert.equal(forProblem({ status: 500, code: "access-unreadable" }).headline, "FloDrama has a problem");
  assert.match(forNoToken().text, /signed in/);
});

test("trying again is offered where it can help", () => {
  assert.equal(forProblem({ status: 403 }).retry, false);
  for (const status of [0, 401, 404, 429, 500]) assert.equal(forProblem({ status }).retry, true, `${status}`);
});

test("an unforeseen refusal says what the edge said, as a sentence", () => {
  assert.equal(
    forProblem({ status: 400, detail: "the asset name is too long" }).text,
    "The asset name is too long.",
  );
  assert.equal(
    forProblem({ status: 418, code: "bad-request" }).text,
    "The request was refused (bad-request).",
  );
});

test("a failed asset gives its reason as it was written", () => {
  assert.equal(forFailedAsset("the file has no moving picture").text, "The file has no moving picture.");
  assert.equal(forFailedAsset(null).text, "No reason was given.");
});

test("broken playback is told apart", () => {
  const headlines = new Set(["network", "media", "other"].map((kind) => forBrokenPlayback(kind).headline));
  assert.equal(headlines.size, 3);
});

test("a preview is never said to be finished", () => {
  assert.equal(forPreview({ percent: 42.7 }), "Preview · 42 % prepared");
  assert.equal(forPreview({ percent: 100 }), "Preview · 99 % prepared");
  assert.equal(forPreview({}), "Preview · 0 % prepared");
});
