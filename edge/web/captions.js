// Draws the subtitles over the picture: browsers draw them on its very edge, and under the controls.
//
// The engines keep the chosen text track "hidden", which means timed but not drawn. Where the video leaves the page
// (an iPhone's own full screen, Safari's picture-in-picture), the browser draws it, since nobody else can.

const FULL_TEXT = new Set(["subtitles", "captions"]);

export function createCaptions({ video }) {
  const box = document.getElementById("captions");
  const active = () =>
    [...video.textTracks].filter(({ kind, mode }) => FULL_TEXT.has(kind) && mode !== "disabled");

  function draw() {
    const cues = active()
      .filter(({ mode }) => mode === "hidden")
      .flatMap(({ activeCues }) => [...(activeCues ?? [])]);
    box.replaceChildren(...cues.map(line));
    box.dataset.place = cues.some(isHigh) ? "high" : "low";
  }

  function drawnByBrowser(yes) {
    for (const track of active()) track.mode = yes ? "showing" : "hidden";
  }

  video.textTracks.addEventListener("addtrack", ({ track }) => track.addEventListener("cuechange", draw));
  video.textTracks.addEventListener("change", draw);
  video.addEventListener("emptied", draw);
  video.addEventListener("webkitbeginfullscreen", () => drawnByBrowser(true));
  video.addEventListener("webkitendfullscreen", () => drawnByBrowser(false));
  video.addEventListener("webkitpresentationmodechanged", () =>
    drawnByBrowser(video.webkitPresentationMode !== "inline"),
  );
}

function line(cue) {
  const text = document.createElement("p");
  text.append(cue.getCueAsHTML());
  return text;
}

/** A cue that its author placed in the upper half, away from a burnt-in text. */
function isHigh({ line: at, snapToLines }) {
  if (typeof at !== "number") return false;
  return snapToLines ? at >= 0 && at < 6 : at < 50;
}
