// The still before the first picture, its blurred stand-in, and the shape of the page that follows from it.

import { unfold } from "./thumbhash.js";

export function createPoster({ root, video }) {
  const image = document.getElementById("poster");
  const backdrop = document.getElementById("backdrop");
  const stand = document.getElementById("poster-hint");

  function shape(width, height) {
    if (!(width > 0 && height > 0)) return;
    root.dataset.shape = width < height ? "upright" : "wide";
    root.style.setProperty("--aspect", width / height);
  }

  image.addEventListener("load", () => {
    image.dataset.loaded = "true";
    if (video.videoWidth === 0) shape(image.naturalWidth, image.naturalHeight);
  });
  video.addEventListener("resize", () => shape(video.videoWidth, video.videoHeight));

  return {
    /** Shows the poster at `url`; where it does not load, the first frame does its work. */
    show(url) {
      if (!url || image.src === url) return;
      image.src = url;
      backdrop.src = url;
    },
    /** Shows a ThumbHash until the poster is there. */
    hint(thumbhash) {
      const picture = unfold(thumbhash);
      if (!picture) return;
      stand.width = picture.width;
      stand.height = picture.height;
      stand.getContext("2d").putImageData(new ImageData(picture.rgba, picture.width, picture.height), 0, 0);
      shape(picture.width, picture.height);
    },
  };
}
