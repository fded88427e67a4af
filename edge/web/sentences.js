// What the page says when something does not work. Pure: a problem in, words out.

import { moment } from "./format.js";

/**
 * `{headline, text, retry}` for a `Problem`; `retry` is whether trying again can help. Times are of `timeZone`, the
 * viewer's own unless it is named.
 */
export function forProblem({ status, code, detail, opensAt }, timeZone) {
  switch (code) {
    case "not-yet-open":
      return notYetOpen(moment(opensAt, timeZone));
    case "no-longer-open":
      return say("No longer available", "The time in which this episode could be watched is over.", false);
    case "not-in-country":
      return say("Not available here", sentence(detail) || "This episode is not available in your country.", false);
    case "not-included":
      return say("Not included", "Your subscription does not include this episode.", false);
    default:
      return forStatus({ status, code, detail });
  }
}

function notYetOpen(when) {
  return say("Not open yet", when ? `This episode opens on ${when}.` : "This episode opens later.");
}

function forStatus({ status, code, detail }) {
  switch (status) {
    case 0:
      return say("No connection", "FloDrama cannot be reached. Check your connection, then try again.");
    case 401:
      return say(
        "Your sign-in has ended",
        "Open this episode again from FloDrama to sign in and keep watching.",
      );
    case 403:
      return say("Not included", "Your subscription does not include this episode.", false);
    case 404:
      return say("Not published yet", "This episode is not published yet, or its address is mistyped.");
    case 429:
      return say("One moment", "Too many requests came from here. Wait a few seconds, then try again.");
    default:
      if (status >= 500)
        return say("FloDrama has a problem", "It is on our side. Please try again in a moment.");
      return say("This did not work", sentence(detail) || `The request was refused (${code || status}).`);
  }
}

/** For a page that was opened without a token. */
export function forNoToken() {
  return say(
    "Sign in to watch",
    "This episode is for those who are signed in. Open it from FloDrama, with your sign-in.",
    false,
  );
}

/** For an asset whose preparation failed; `reason` is written for the content team and said as it is. */
export function forFailedAsset(reason) {
  const why = sentence(reason) || "No reason was given.";
  return say("This episode could not be prepared", why);
}

/** Beside the title of an episode that is still being encoded. */
export function forPreview({ percent }) {
  const whole = Math.floor(Math.min(Math.max(percent ?? 0, 0), 99));
  return `Preview · ${whole} % prepared`;
}

/** For playback that broke and could not be mended. `kind`: `network`, `media`, `other`. */
export function forBrokenPlayback(kind) {
  switch (kind) {
    case "network":
      return say(
        "The stream stopped",
        "The connection to the video was lost. Try again to continue from here.",
      );
    case "media":
      return say(
        "This video cannot be shown",
        "This browser could not decode the video. Try again, or another browser.",
      );
    default:
      return say("Playback stopped", "Something unexpected happened. Try again to continue from here.");
  }
}

/** For a browser that can play no HLS at all. */
export function forOldBrowser() {
  return say(
    "This browser cannot play FloDrama",
    "Please update it, or open the episode in another browser.",
    false,
  );
}

function say(headline, text, retry = true) {
  return { headline, text, retry };
}

function sentence(text) {
  const trimmed = (text ?? "").trim();
  if (!trimmed) return "";
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
