// Signed addresses. Pure: mostly one signature opens a whole version, so an address of it is renewed by the signature of
// another. A viewer who may have a part of it gets a signature for each folder, which renews none of another.

const SIGNATURE = new Set(["Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm", "Expires"]);

/** `https://…/vod/<asset>/<version>/`, the part of an address that a signature is for; null of any other address. */
export function versionOf(url) {
  return /^[^?#]*\/vod\/[^/?#]+\/[^/?#]+\//.exec(url)?.[0] ?? null;
}

/**
 * `url` with the signature of `fresh` in place of its own; as it is where that does not open it: where the two are not of
 * one version, or `fresh` is a view of the multivariant playlist alone.
 */
export function resigned(url, fresh) {
  const version = versionOf(url);
  if (!version || version !== versionOf(fresh)) return url;
  const [path, query = ""] = split(url);
  const isView = parameters(split(fresh)[1] ?? "").some((parameter) => parameter.startsWith("view="));
  if (isView && path !== split(fresh)[0]) return url;
  // Taken apart by hand: what is escaped, and what is not, stays so.
  const kept = parameters(query).filter((parameter) => !isSignature(parameter));
  const signature = parameters(split(fresh)[1] ?? "").filter(isSignature);
  return `${path}?${[...kept, ...signature].join("&")}`;
}

function split(url) {
  const address = url.split("#", 1)[0];
  const at = address.indexOf("?");
  return at < 0 ? [address] : [address.slice(0, at), address.slice(at + 1)];
}

function parameters(query) {
  return query.split("&").filter(Boolean);
}

function isSignature(parameter) {
  return SIGNATURE.has(parameter.split("=", 1)[0]);
}
