// SHA-256 (FIPS 180-4), fed piece by piece: WebCrypto's digest() wants the whole file in memory.
// verify-worker.js and tests import it.

// The first 32 bits of the fractions of the cube roots of the first 64 primes, and of the square roots of the first 8:
// worked out with whole numbers, so that no table can be mistyped.
function roots(count, degree) {
  const words = new Int32Array(count);
  const primes = [];
  for (let n = 2n; primes.length < count; n++) if (primes.every((p) => n % p)) primes.push(n);
  primes.forEach((prime, place) => {
    const wanted = prime << (32n * BigInt(degree));
    let low = 0n;
    let high = 1n << 40n;
    while (high - low > 1n) {
      const middle = (low + high) >> 1n;
      if (middle ** BigInt(degree) <= wanted) low = middle;
      else high = middle;
    }
    words[place] = Number(low & 0xffffffffn) | 0;
  });
  return words;
}

const K = roots(64, 3);
const START = roots(8, 2);

export class Sha256 {
  #state = START.slice();
  #schedule = new Int32Array(64);
  #rest = new Uint8Array(64);
  #held = 0;
  #length = 0;

  /** Takes more bytes in. */
  update(bytes) {
    let at = 0;
    this.#length += bytes.length;
    if (this.#held) {
      at = Math.min(64 - this.#held, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#held);
      this.#held += at;
      if (this.#held < 64) return this;
      this.#block(this.#rest, 0);
      this.#held = 0;
    }
    for (; at + 64 <= bytes.length; at += 64) this.#block(bytes, at);
    this.#rest.set(bytes.subarray(at));
    this.#held = bytes.length - at;
    return this;
  }

  /** Gives the digest as 64 hexadecimal digits; the hasher is spent. */
  hex() {
    const bits = BigInt(this.#length) * 8n;
    const padding = new Uint8Array(this.#held < 56 ? 64 - this.#held : 128 - this.#held);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #block(bytes, at) {
    const w = this.#schedule;
    const s = this.#state;
    for (let t = 0; t < 16; t++, at += 4) {
      w[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    for (let t = 16; t < 64; t++) {
      const x = w[t - 15];
      const y = w[t - 2];
      const low = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const high = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[t] = (high + w[t - 7] + low + w[t - 16]) | 0;
    }
    let a = s[0], b = s[1], c = s[2], d = s[3];
    let e = s[4], f = s[5], g = s[6], h = s[7];
    for (let t = 0; t < 64; t++) {
      const big = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const one = (h + big + ((e & f) ^ (~e & g)) + K[t] + w[t]) | 0;
      const small = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const two = (small + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + two) | 0;
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
    s[5] += f;
    s[6] += g;
    s[7] += h;
  }
}

/** Hashes a Blob as it is read; `onBytes` hears how many bytes are behind it. Memory stays at one piece. */
export async function digestOf(blob, onBytes = () => {}) {
  const hasher = new Sha256();
  const reader = blob.stream().getReader();
  let bytes = 0;
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    hasher.update(value);
    bytes += value.length;
    onBytes(bytes);
  }
  return hasher.hex();
}
