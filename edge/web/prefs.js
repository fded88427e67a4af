// The volume, kept from one episode to the next. Storage may be off, or hold anything: then the usual applies.

const KEY = "flodrama.volume";

/** `{volume: 0…1, muted}`. */
export function preference() {
  try {
    const { volume, muted } = JSON.parse(localStorage.getItem(KEY));
    if (volume >= 0 && volume <= 1) return { volume, muted: muted === true };
  } catch {
    // Nothing readable is kept.
  }
  return { volume: 1, muted: false };
}

export function remember(preference) {
  try {
    localStorage.setItem(KEY, JSON.stringify(preference));
  } catch {
    // Storage is off: the next episode starts at full volume.
  }
}
