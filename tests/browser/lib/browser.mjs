// Headless Chromium, and an ear for everything that goes wrong in it.

import { chromium } from "playwright-core";

const ARGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ARGS });
}

/**
 * Collects what no healthy page shows: console errors, exceptions, refused and failed requests. A request that the
 * player itself takes back (a change of quality, a seek) is no failure.
 */
export function listen(page, problems) {
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${withoutSecrets(message.text())}`);
  });
  page.on("pageerror", (error) => problems.push(`exception: ${withoutSecrets(error.message)}`));
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "";
    if (reason !== "net::ERR_ABORTED") problems.push(`request: ${withoutSecrets(request.url())} ${reason}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400)
      problems.push(`status ${response.status()}: ${withoutSecrets(response.url())}`);
  });
}

/** Addresses without their query and fragment: that is where signatures and tokens are. */
export function withoutSecrets(text) {
  return text.replace(/(https?:\/\/[^\s'"?#]+)[?#][^\s'"]*/g, "$1");
}
