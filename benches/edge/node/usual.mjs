// node usual.mjs PLAYLIST KEY_PEM KEY_PAIR_ID URL_BASE
//
// The usual way to hand out a signed playlist: for each request, each segment's address is signed by AWS's own library,
// and the text compressed. Nothing is kept. Listens on a free port of loopback and prints it.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import { getSignedUrl } from "@aws-sdk/cloudfront-signer";

const [playlist, keyFile, keyPairId, base] = process.argv.slice(2);
const lines = readFileSync(playlist, "utf8").split("\n");
const privateKey = readFileSync(keyFile, "utf8");
const compress = promisify(gzip);

function signed(name) {
  const dateLessThan = new Date(Date.now() + 12 * 3600 * 1000);
  return getSignedUrl({ url: `${base}/${name}`, keyPairId, privateKey, dateLessThan, algorithm: "SHA256" });
}

const server = createServer(async (_, response) => {
  const text = lines.map((line) => (line === "" || line.startsWith("#") ? line : signed(line))).join("\n");
  const body = await compress(text);
  response.writeHead(200, {
    "Content-Type": "application/vnd.apple.mpegurl",
    "Content-Encoding": "gzip",
    "Content-Length": body.length,
    "Cache-Control": "private, no-store",
  });
  response.end(body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
