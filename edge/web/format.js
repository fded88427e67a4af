// Words and numbers for people. Pure: no DOM, no clock.

/** `0:07`, `12:34`, `1:02:03`. Anything that is no finite time reads `0:00`. */
export function clock(seconds) {
  const whole = Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : 0;
  const h = Math.floor(whole / 3600);
  const m = Math.floor(whole / 60) % 60;
  const s = String(whole % 60).padStart(2, "0");
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** A time as a screen reader should say it: `1 hour 2 minutes 3 seconds`. */
export function spokenTime(seconds) {
  const whole = Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : 0;
  const parts = [
    [Math.floor(whole / 3600), "hour"],
    [Math.floor(whole / 60) % 60, "minute"],
    [whole % 60, "second"],
  ];
  const said = parts.filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}${n === 1 ? "" : "s"}`);
  return said.length > 0 ? said.join(" ") : "0 seconds";
}

/** `4.5 Mb/s`, `12 Mb/s`, `640 kb/s`; empty when the rate is unknown. */
export function bitrate(bitsPerSecond) {
  if (!(bitsPerSecond > 0)) return "";
  // Rounded to kilobits first, so that 999.9 kb/s never reads "1000 kb/s".
  const kilo = Math.round(bitsPerSecond / 1000);
  if (kilo < 1000) return `${kilo} kb/s`;
  const mega = kilo / 1000;
  return `${mega >= 10 ? Math.round(mega) : Math.round(mega * 10) / 10} Mb/s`;
}

/**
 * A rung's name: its shorter side, so that an upright 1080×1920 reads 1080p as people expect, then what sets it apart
 * (more than 30 frames a second, HDR).
 */
export function rungName({ width, height, frameRate, videoRange }) {
  const side = width > 0 && height > 0 ? Math.min(width, height) : height || width;
  if (!(side > 0)) return "Audio only";
  const rate = frameRate > 31 ? Math.round(frameRate) : "";
  const range = videoRange && videoRange !== "SDR" ? " HDR" : "";
  return `${side}p${rate}${range}`;
}

/** The stand-in for a title until the edge knows one: `les-ombres-s01e03` reads `Les ombres s01e03`. */
export function titleFromId(asset) {
  const words = asset.replace(/-+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `48 seconds`, `42 min`, `1 h 35 min`: a running time, as a catalogue prints it. */
export function runningTime(durationMs) {
  if (!(durationMs > 0)) return "";
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 60) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}

/** `24 December 2026 at 21:00`, where the viewer is unless a time zone is named; empty for what is no time. */
export function moment(text, timeZone) {
  const time = new Date(text ?? "");
  if (Number.isNaN(time.getTime())) return "";
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone }).format(time);
}

/** `Normal`, `0.5×`, `1.25×`. */
export function speedName(rate) {
  return rate === 1 ? "Normal" : `${rate}×`;
}

/** The title of the chapter that is on at `seconds`; undefined between chapters. */
export function chapterAt(chapters, seconds) {
  const ms = seconds * 1000;
  return chapters.find(({ start_ms: start, end_ms: end }) => start <= ms && ms < end)?.title;
}
