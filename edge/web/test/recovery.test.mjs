import assert from "node:assert/strict";
import { test } from "node:test";

import { Recovery } from "../recovery.js";

const network = { kind: "network", online: true };
const media = { kind: "media", online: true };

test("a stream that stays refused is renewed three times, ever more patiently, then given up", () => {
  const recovery = new Recovery();
  const acts = [1, 2, 3, 4].map(() => recovery.decide(network, 0));
  assert.deepEqual(acts, [
    { act: "renew", afterMs: 0 },
    { act: "renew", afterMs: 1_500 },
    { act: "renew", afterMs: 4_000 },
    { act: "give-up" },
  ]);
});

test("steady playback forgives earlier renewals", () => {
  const recovery = new Recovery();
  for (let i = 0; i < 3; i += 1) recovery.decide(network, 0);
  recovery.steady();
  assert.deepEqual(recovery.decide(network, 0), { act: "renew", afterMs: 0 });
});

test("waiting for the network costs no attempt", () => {
  const recovery = new Recovery();
  for (let i = 0; i < 9; i += 1) {
    assert.deepEqual(recovery.decide({ kind: "network", online: false }, 0), { act: "wait-online" });
  }
  assert.deepEqual(recovery.decide(network, 0), { act: "renew", afterMs: 0 });
});

test("a decoder is recovered, then its audio codec swapped, then given up", () => {
  const recovery = new Recovery();
  const acts = [0, 1_000, 2_000].map((now) => recovery.decide(media, now));
  assert.deepEqual(acts, [
    { act: "recover-media", swap: false },
    { act: "recover-media", swap: true },
    { act: "give-up" },
  ]);
});

test("a decoder fault long after the last one is a first fault again", () => {
  const recovery = new Recovery();
  recovery.decide(media, 0);
  assert.deepEqual(recovery.decide(media, 30_000), { act: "recover-media", swap: false });
});

test("what nobody understands is not retried", () => {
  assert.deepEqual(new Recovery().decide({ kind: "other", online: true }, 0), { act: "give-up" });
});
