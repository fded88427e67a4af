// Keys of the player, as viewers know them from elsewhere.

/**
 * The action for a key press: `[name, argument]`, or null for a key that is not ours. Pure.
 * With Ctrl, Alt or ⌘ the key belongs to the browser.
 */
export function actionFor({ key, ctrlKey, altKey, metaKey }) {
  if (ctrlKey || altKey || metaKey) return null;
  if (/^[0-9]$/.test(key)) return ["seekToPart", Number(key) / 10];
  return KEYS[key.length === 1 ? key.toLowerCase() : key] ?? null;
}

const KEYS = {
  " ": ["toggle"],
  k: ["toggle"],
  ArrowLeft: ["seekBy", -5],
  ArrowRight: ["seekBy", 5],
  j: ["seekBy", -10],
  l: ["seekBy", 10],
  Home: ["seekToPart", 0],
  End: ["seekToPart", 1],
  ArrowUp: ["changeVolume", 1],
  ArrowDown: ["changeVolume", -1],
  m: ["toggleMute"],
  f: ["toggleFullscreen"],
  c: ["toggleSubtitles"],
  i: ["togglePictureInPicture"],
  "<": ["changeSpeed", -1],
  ">": ["changeSpeed", 1],
};

/** Listens on the page. `isActive()`: is there something to play; `confirm(text)` shows what was done. */
export function bindKeyboard({ actions, isActive, confirm }) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !isActive() || belongsToTarget(event)) return;
    const action = actionFor(event);
    if (!action) return;
    event.preventDefault();
    const [name, argument] = action;
    confirm(actions[name](argument));
  });
}

/** Buttons answer to space themselves, and the volume slider to its arrows. */
function belongsToTarget({ key, target }) {
  if (!(target instanceof Element)) return false;
  if (target.closest("input[type=range]")) return key.startsWith("Arrow") || key === "Home" || key === "End";
  return key === " " && target.closest("button") !== null;
}
