// What every scenario of the player page has in common: its command line, its browser, its report.

import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";

import { launch, withoutSecrets } from "./browser.mjs";
import { Report } from "./report.mjs";

export const DESKTOP = { viewport: { width: 1280, height: 720 } };

/**
 * The values of the command line, all of them text. Where they are not `complete`, says `usage` and ends with exit code 2.
 */
export function commandLine(usage, names, complete = ({ url, out }) => url && out) {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
    const { values } = parseArgs({ options });
    if (!complete(values)) throw new Error("something that is needed is not given");
    return values;
  } catch (error) {
    console.error(`${withoutSecrets(error.message)}\nusage: node ${usage}`);
    process.exit(2);
  }
}

/**
 * Plays a scenario with a browser and a report; screenshots go to the folder `out`. Prints the report, whatever was
 * added to `problems` in it; the exit code is 0 where every expectation held.
 */
export async function scenario(out, play) {
  const [report, problems] = [new Report(), []];
  await mkdir(out, { recursive: true });
  const browser = await launch();
  try {
    await play({ browser, report, problems });
  } finally {
    await browser.close();
  }
  for (const problem of new Set(problems)) report.expect(problem, false);
  console.log(JSON.stringify(report));
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

/** The page itself met no error that ends playback. */
export async function expectNoFatalError(page, report, fact) {
  const errors = await page.evaluate(() => window.flodrama?.errors ?? []);
  report.facts[fact] = errors;
  const fatal = errors.filter((error) => error.fatal);
  report.expect("the engine meets no fatal error", fatal.length === 0, fatal);
}
