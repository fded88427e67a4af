// The viewer's token. It arrives in the URL fragment, which no server ever sees, and leaves the address bar at once so
// that a copied link or a screenshot does not give it away. sessionStorage keeps it for a reload of this tab only.

const KEY = "flodrama.token";

/** The token from `#token=…`, or else the one that this tab had before; null when there is neither. */
export function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const arrived = fragment.get("token");
  if (!arrived) return stored();
  history.replaceState(history.state, "", location.pathname + location.search);
  store(arrived);
  return arrived;
}

/** Forgets a token that the edge refused, so that a reload asks for a new one. */
export function dropToken() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Storage is off in this browser: nothing was kept.
  }
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(token) {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // Storage is off in this browser: the token lives in memory, and a reload needs the link again.
  }
}
