// What stands in place of the picture: loading, being prepared, and problems. One at a time.

/** `root.dataset.phase` is one of `loading`, `processing`, `ready`, `problem`; the style sheet does the rest. */
export function createScreens(root) {
  const byId = (id) => document.getElementById(id);
  const problem = byId("problem");
  const processing = byId("processing");
  const bar = byId("progress");

  function enter(phase) {
    root.dataset.phase = phase;
    problem.hidden = phase !== "problem";
    processing.hidden = phase !== "processing";
    byId("stage").setAttribute("aria-busy", String(phase === "loading"));
  }

  return {
    get phase() {
      return root.dataset.phase;
    },

    loading: () => enter("loading"),

    ready: () => enter("ready"),

    /** `state` is `queued` or `running`, `percent` 0 to 100. */
    processing({ state, percent }) {
      enter("processing");
      const queued = state === "queued";
      const whole = Math.round(Math.min(Math.max(percent ?? 0, 0), 100));
      byId("processing-headline").textContent = queued ? "In the queue" : "Preparing this episode";
      byId("processing-text").textContent = queued
        ? "Its preparation starts in a moment. It plays by itself as soon as it is ready."
        : "It plays by itself as soon as it is ready.";
      byId("processing-percent").textContent = queued ? "" : `${whole} %`;
      bar.dataset.indeterminate = String(queued);
      bar.style.setProperty("--progress", whole / 100);
      if (queued) bar.removeAttribute("aria-valuenow");
      else bar.setAttribute("aria-valuenow", whole);
    },

    /** `words`: `{headline, text, retry}`; `retry()` is called when the viewer asks for it. */
    problem(words, retry) {
      enter("problem");
      byId("problem-headline").textContent = words.headline;
      byId("problem-text").textContent = words.text;
      const button = byId("retry-button");
      button.hidden = !words.retry;
      button.onclick = retry;
      if (words.retry) button.focus({ preventScroll: true });
    },
  };
}
