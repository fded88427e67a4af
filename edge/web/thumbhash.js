// ThumbHash (evanw.github.io/thumbhash): some 25 bytes that unfold into a blurred stand-in for a picture. Pure.

const SIDE = 32;
const CHROMA = 3;

/**
 * Unfolds a base64 hash into `{width, height, rgba}`. Null for what is no hash of an opaque picture: a poster has no
 * transparency, and a stand-in is not worth an error.
 */
export function unfold(base64) {
  const bytes = decode(base64);
  if (bytes.length < 6) return null;
  const head = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const tail = bytes[3] | (bytes[4] << 8);
  if (head >> 23) return null;

  const landscape = tail >> 15 === 1;
  const short = tail & 7;
  if (short === 0) return null;
  const nibbles = nibblesFrom(bytes, 5);
  const [lx, ly] = landscape ? [7, Math.max(3, short)] : [Math.max(3, short), 7];
  const channels = [
    channel((head & 63) / 63, lx, ly, ((head >> 18) & 31) / 31, nibbles),
    channel(((head >> 6) & 63) / 31.5 - 1, CHROMA, CHROMA, (((tail >> 3) & 63) / 63) * 1.25, nibbles),
    channel(((head >> 12) & 63) / 31.5 - 1, CHROMA, CHROMA, (((tail >> 9) & 63) / 63) * 1.25, nibbles),
  ];

  const width = landscape ? SIDE : Math.round((SIDE * short) / 7);
  const height = landscape ? Math.round((SIDE * short) / 7) : SIDE;
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const [l, p, q] = channels.map((waves) =>
        sum(waves, x / width + 0.5 / width, y / height + 0.5 / height),
      );
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      rgba.set([red * 255, (red - q) * 255, blue * 255, 255], at);
    }
  }
  return { width, height, rgba };
}

/** The cosine waves of one channel: `[cx, cy, weight]`, the mean first. */
function channel(mean, nx, ny, scale, nibbles) {
  const waves = [[0, 0, mean]];
  for (let cy = 0; cy < ny; cy += 1) {
    for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1) {
      const weight = (nibbles.next().value / 7.5 - 1) * scale;
      waves.push([cx, cy, weight * 2]);
    }
  }
  return waves;
}

function sum(waves, x, y) {
  return waves.reduce(
    (total, [cx, cy, w]) => total + w * Math.cos(Math.PI * x * cx) * Math.cos(Math.PI * y * cy),
    0,
  );
}

function* nibblesFrom(bytes, start) {
  for (let i = start; i < bytes.length; i += 1) yield* [bytes[i] & 15, bytes[i] >> 4];
  for (;;) yield 7.5;
}

function decode(base64) {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
