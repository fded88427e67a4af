// Full screen and picture-in-picture, with what Safari calls them.

/** `root` goes full screen, controls and all; an iPhone can only take the bare `video`. */
export function createDisplay({ root, video }) {
  const standardFullscreen = Boolean(root.requestFullscreen);
  const canPip = Boolean(document.pictureInPictureEnabled && video.requestPictureInPicture);
  const canWebkitPip = video.webkitSupportsPresentationMode?.("picture-in-picture") ?? false;

  return {
    canFullscreen: standardFullscreen || Boolean(video.webkitEnterFullscreen),
    canPictureInPicture: canPip || canWebkitPip,
    get isFullscreen() {
      return document.fullscreenElement === root;
    },
    get isPictureInPicture() {
      return (
        document.pictureInPictureElement === video || video.webkitPresentationMode === "picture-in-picture"
      );
    },
    // Refusals (no gesture, a policy of the embedding page) leave things as they are, which the viewer sees.
    toggleFullscreen() {
      if (!standardFullscreen) video.webkitEnterFullscreen?.();
      else if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
      else root.requestFullscreen({ navigationUI: "hide" }).catch(() => {});
    },
    togglePictureInPicture() {
      if (!canPip) {
        if (canWebkitPip)
          video.webkitSetPresentationMode(this.isPictureInPicture ? "inline" : "picture-in-picture");
      } else if (document.pictureInPictureElement) document.exitPictureInPicture().catch(() => {});
      else video.requestPictureInPicture().catch(() => {});
    },
  };
}
