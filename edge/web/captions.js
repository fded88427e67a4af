// Keeps subtitles readable: while the controls are up, lines at the bottom move above them.

/** Lines of text that the controls cover. */
const LINES_ABOVE_CONTROLS = -4;

/** `root.dataset.idle` tells whether the controls are down. */
export function keepCaptionsClear({ root, video }) {
  const moved = new WeakSet();

  function arrange() {
    const raised = root.dataset.idle !== "true" && root.dataset.phase === "ready";
    for (const track of video.textTracks) {
      if (track.mode !== "showing") continue;
      for (const cue of track.activeCues ?? []) {
        // Only lines without a place of their own are moved.
        if (cue.line !== "auto" && !moved.has(cue)) continue;
        moved.add(cue);
        cue.snapToLines = true;
        cue.line = raised ? LINES_ABOVE_CONTROLS : "auto";
      }
    }
  }

  new MutationObserver(arrange).observe(root, { attributeFilter: ["data-idle", "data-phase"] });
  video.textTracks.addEventListener("addtrack", ({ track }) => track.addEventListener("cuechange", arrange));
  video.textTracks.addEventListener("change", arrange);
}
