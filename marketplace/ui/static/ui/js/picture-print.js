// PDQ (Meta, 2019) of a picture in its eight turns, as assets/originality/pictures.py works it out: what a re-saved
// picture is recognised by. Runs in a worker, since it needs an OffscreenCanvas; the picture itself goes nowhere.

const SIDE = 512;
const GRID = 64;
const WAVES = 16;
const LEAST_QUALITY = 50;

/** Gives the (64, length) matrix that blurs by a moving mean twice (Jarosz's filter) and samples 64 places. */
export function tent(length) {
  const window = Math.ceil(length / (2 * GRID));
  const ahead = Math.floor((window + 2) / 2) - 1;
  const mean = (at) => {
    const first = Math.max(0, at + ahead - window + 1);
    const last = Math.min(length - 1, at + ahead);
    return [first, last, 1 / (last - first + 1)];
  };
  const rows = [];
  for (let place = 0; place < GRID; place++) {
    const row = new Float64Array(length);
    const [from, to, share] = mean(Math.floor(((place + 0.5) * length) / GRID));
    for (let at = from; at <= to; at++) {
      const [first, last, part] = mean(at);
      for (let source = first; source <= last; source++) row[source] += share * part;
    }
    rows.push(row);
  }
  return rows;
}

/** Blurs and samples luminances (rows of `width` numbers) to 64 × 64, mirrored where asked. */
function small(luma, width, height, upsideDown, mirrored) {
  const down = tent(height);
  const across = tent(width);
  const half = down.map((weights) => {
    const row = new Float64Array(width);
    weights.forEach((weight, place) => {
      if (!weight) return;
      const at = (upsideDown ? height - 1 - place : place) * width;
      for (let x = 0; x < width; x++) row[x] += weight * luma[at + x];
    });
    return row;
  });
  return half.map((row) =>
    Float64Array.from(across, (weights) => {
      let sum = 0;
      weights.forEach((weight, place) => {
        if (weight) sum += weight * row[mirrored ? width - 1 - place : place];
      });
      return sum;
    }),
  );
}

const COSINES = Array.from({ length: WAVES }, (_unused, wave) =>
  Float64Array.from({ length: GRID }, (_none, at) => Math.cos((Math.PI / (2 * GRID)) * (wave + 1) * (2 * at + 1))),
);

/** Gives the 32 bytes of 64 × 64 luminances in hex: which of 16 × 16 waves are above their lower middle one. */
export function pdqOf(grid) {
  const half = COSINES.map((wave) =>
    Float64Array.from({ length: GRID }, (_none, x) => wave.reduce((sum, value, y) => sum + value * grid[y][x], 0)),
  );
  const spectrum = half.flatMap((row) => COSINES.map((wave) => wave.reduce((sum, value, x) => sum + value * row[x], 0)));
  const middle = [...spectrum].sort((a, b) => a - b)[spectrum.length / 2 - 1];
  const bits = spectrum.map((value) => (value > middle ? 1 : 0)).reverse();
  let hex = "";
  for (let at = 0; at < bits.length; at += 4) {
    hex += ((bits[at] << 3) | (bits[at + 1] << 2) | (bits[at + 2] << 1) | bits[at + 3]).toString(16);
  }
  return hex;
}

/** Tells how much there is to see, 0 to 100, by the sum of clear steps: a flat picture is like any other. */
export function qualityOf(grid) {
  let steps = 0;
  for (let y = 0; y < GRID; y++) {
    for (let x = 0; x < GRID; x++) {
      if (y + 1 < GRID) steps += Math.abs(Math.trunc(((grid[y + 1][x] - grid[y][x]) * 100) / 255));
      if (x + 1 < GRID) steps += Math.abs(Math.trunc(((grid[y][x + 1] - grid[y][x]) * 100) / 255));
    }
  }
  return Math.min(100, Math.floor(steps / 90));
}

const turned = (grid) => grid.map((_row, y) => Float64Array.from(grid, (row) => row[y]));

/** Gives the looks of luminances in eight turns, or none where there is too little to see. */
export function looksOfLuma(luma, width, height) {
  const looks = [];
  for (const upsideDown of [false, true]) {
    for (const mirrored of [false, true]) {
      const grid = small(luma, width, height, upsideDown, mirrored);
      if (!looks.length && qualityOf(grid) < LEAST_QUALITY) return [];
      looks.push(pdqOf(grid), pdqOf(turned(grid)));
    }
  }
  return looks;
}

/** Gives the looks of a picture file, none for what is no picture to this browser. */
export async function looksOf(file) {
  let picture;
  try {
    // Neither its orientation nor its colors are changed, as on the server.
    picture = await createImageBitmap(file, { imageOrientation: "none", colorSpaceConversion: "none" });
  } catch {
    return [];
  }
  const large = Math.max(picture.width, picture.height) > SIDE;
  const [width, height] = large ? [SIDE, SIDE] : [picture.width, picture.height];
  if (Math.min(width, height) < 5) return [];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  picture.close();
  const { data } = context.getImageData(0, 0, width, height);
  const luma = new Float64Array(width * height);
  for (let at = 0; at < luma.length; at++) {
    luma[at] = 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2];
  }
  return looksOfLuma(luma, width, height);
}
