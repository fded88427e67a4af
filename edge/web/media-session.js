// Lock screens, headphones and media keys, where the browser offers them.

export function bindMediaSession({ actions }) {
  const session = navigator.mediaSession;
  if (!session) return { describe() {} };
  const handlers = {
    play: actions.play,
    pause: actions.pause,
    seekbackward: ({ seekOffset }) => actions.seekBy(-(seekOffset ?? 10)),
    seekforward: ({ seekOffset }) => actions.seekBy(seekOffset ?? 10),
    seekto: ({ seekTime }) => actions.seekTo(seekTime),
  };
  for (const [name, handler] of Object.entries(handlers)) {
    try {
      session.setActionHandler(name, handler);
    } catch {
      // This browser does not know that key.
    }
  }
  const known = { title: "", posterUrl: "" };
  return {
    /** `{title?, posterUrl?}`: what is newly known. */
    describe(news) {
      const { title, posterUrl } = Object.assign(known, news);
      const artwork = posterUrl ? [{ src: posterUrl, type: "image/jpeg" }] : [];
      session.metadata = new MediaMetadata({ title, artist: "FloDrama", artwork });
    },
  };
}
