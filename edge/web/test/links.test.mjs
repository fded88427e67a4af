import assert from "node:assert/strict";
import { test } from "node:test";

import { resigned, versionOf } from "../links.js";

const VERSION = "https://cdn.example.com/vod/demo/v0123456789abcdef/";
const FRESH = `${VERSION}main.m3u8?Policy=new~_&Signature=b-&Key-Pair-Id=K2&Hash-Algorithm=SHA256`;
const SIGNATURE = FRESH.split("?")[1];

test("an address gets the signature of another one of its version, and keeps the rest", () => {
  for (const [url, expected] of [
    ["video/720p/00001.m4s?Policy=old&Signature=a&Key-Pair-Id=K1", `video/720p/00001.m4s?${SIGNATURE}`],
    ["main.m3u8?Policy=old", `main.m3u8?${SIGNATURE}`],
    ["main.m3u8", `main.m3u8?${SIGNATURE}`],
    ["a.m4s?v=%7E1&Signature=a&x=~2", `a.m4s?v=%7E1&x=~2&${SIGNATURE}`],
    ["thumbs/sprite-001.jpg?Policy=old#xywh=0,0,1,1", `thumbs/sprite-001.jpg?${SIGNATURE}`],
  ]) {
    assert.equal(resigned(VERSION + url, FRESH), VERSION + expected);
  }
});

test("the signature of a view opens its own playlist alone", () => {
  const view = `${VERSION}main.m3u8?view=360-sdr&${SIGNATURE}`;
  const rendition = `${VERSION}video/360p/index.m3u8?Policy=folder&Signature=c&Key-Pair-Id=K2`;
  assert.equal(resigned(rendition, view), rendition);
  assert.equal(resigned(`${VERSION}main.m3u8?view=360-sdr&Policy=old`, view), view);
});

test("what is of another version, title or distribution stays as it is", () => {
  for (const url of [
    "https://cdn.example.com/vod/demo/v0000000000000000/main.m3u8?Policy=old",
    "https://cdn.example.com/vod/another/v0123456789abcdef/main.m3u8?Policy=old",
    "https://other.example.com/vod/demo/v0123456789abcdef/main.m3u8?Policy=old",
    "https://cdn.example.com/watch/demo",
    "blob:https://cdn.example.com/1",
  ]) {
    assert.equal(resigned(url, FRESH), url);
  }
});

test("a version is the folder that a signature opens", () => {
  assert.equal(versionOf(FRESH), VERSION);
  assert.equal(versionOf("https://cdn.example.com/?next=/vod/demo/v0123456789abcdef/"), null);
});
