// node tokens.mjs FOLDER COUNT ISSUER CLIENT_ID
//
// Makes access tokens as Cognito's of COUNT viewers, good for a day, one a line in FOLDER/tokens.txt, and the key that
// verifies them in FOLDER/jwks.json. The private key is kept nowhere.

import { createSign, generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";

const [folder, count, iss, client_id] = process.argv.slice(2);
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const kid = "bench";
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const header = encode({ kid, alg: "RS256" });
const now = Math.floor(Date.now() / 1000);

function token(n) {
  const sub = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const claims = {
    sub,
    "cognito:groups": ["viewers"],
    iss,
    client_id,
    origin_jti: `${sub}-origin`,
    event_id: `${sub}-event`,
    token_use: "access",
    scope: "aws.cognito.signin.user.admin",
    auth_time: now,
    exp: now + 24 * 3600,
    iat: now,
    jti: `${sub}-token`,
    username: sub,
  };
  const signed = `${header}.${encode(claims)}`;
  return `${signed}.${createSign("SHA256").update(signed).sign(privateKey, "base64url")}`;
}

writeFileSync(`${folder}/tokens.txt`, `${Array.from({ length: Number(count) }, (_, n) => token(n)).join("\n")}\n`);
const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" };
writeFileSync(`${folder}/jwks.json`, JSON.stringify({ keys: [jwk] }));
