import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";

const WEB = new URL("../", import.meta.url);
const read = (name) => readFile(new URL(name, WEB), "utf8");
const modules = (await readdir(WEB)).filter((name) => name.endsWith(".js")).sort();
const html = await read("index.html");

test("the page asks for every module at once, and for no other", () => {
  const asked = [...html.matchAll(/(?:modulepreload" href|<script src)="\/static\/([^"]+)"/g)].map(
    ([, name]) => name,
  );
  assert.deepEqual(asked.sort(), [...modules, "hls.min.js"].sort());
});

test("nothing on the page needs a weaker content security policy", () => {
  assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/, "inline script");
  assert.doesNotMatch(html, /<style|\sstyle=/, "inline style");
  assert.doesNotMatch(html, /\son[a-z]+=/, "inline handler");
  assert.doesNotMatch(html, /(?:src|href)="(?:https?:)?\/\//, "another origin");
});

test("no module builds markup or code from text", async () => {
  for (const name of modules) {
    assert.doesNotMatch(
      await read(name),
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/,
      name,
    );
  }
});

test("every icon, element and menu that is named exists", async () => {
  const ids = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
  for (const [, icon] of html.matchAll(/<use href="#([^"]+)"/g)) assert.ok(ids.has(icon), icon);
  for (const [, menu] of html.matchAll(/aria-controls="([^"]+)"/g)) assert.ok(ids.has(menu), menu);
  for (const name of modules) {
    for (const [, id] of (await read(name)).matchAll(/getElementById\("([^"]+)"\)/g)) {
      assert.ok(ids.has(id), `${name}: ${id}`);
    }
  }
});
