// The members of a zip file in the browser, each read as a stream: a bundle of gigabytes is never in memory.
// APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3: stored and deflated members, with zip64 sizes.

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const DIRECTORY_LIMIT_BYTES = 64 * 1024 * 1024;

const view = async (file, start, length) => new DataView(await file.slice(start, start + length).arrayBuffer());

async function directoryOf(file) {
  const length = Math.min(file.size, 22 + 65535);
  const tail = await view(file, file.size - length, length);
  let at = length - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw new Error("it is no zip file");
  const directory = { size: tail.getUint32(at + 12, true), start: tail.getUint32(at + 16, true) };
  const where = file.size - length + at - 20;
  if (where >= 0) {
    const locator = await view(file, where, 20);
    if (locator.getUint32(0, true) === LOCATOR64) {
      const end = await view(file, Number(locator.getBigUint64(8, true)), 56);
      if (end.byteLength < 56 || end.getUint32(0, true) !== END64) throw new Error("its zip64 record is damaged");
      directory.size = Number(end.getBigUint64(40, true));
      directory.start = Number(end.getBigUint64(48, true));
    }
  }
  if (directory.size > DIRECTORY_LIMIT_BYTES) throw new Error("its directory is too large");
  return directory;
}

/** Reads what the zip64 extra field says of the sizes and the place that did not fit into 32 bits. */
function widened(data, at, length, member) {
  for (let field = at; field + 4 <= at + length; field += 4 + data.getUint16(field + 2, true)) {
    if (data.getUint16(field, true) !== 1) continue;
    let value = field + 4;
    for (const name of ["size", "packed", "start"]) {
      if (member[name] !== 0xffffffff) continue;
      member[name] = Number(data.getBigUint64(value, true));
      value += 8;
    }
  }
  return member;
}

/** Gives the members of a zip file by name: {size, packed, start, method}. Throws on what is no zip file. */
export async function membersOf(file) {
  const { start, size } = await directoryOf(file);
  const data = await view(file, start, size);
  const members = new Map();
  for (let at = 0; at + 46 <= data.byteLength && data.getUint32(at, true) === ENTRY; ) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => data.getUint16(at + offset, true));
    const member = {
      method: data.getUint16(at + 10, true),
      packed: data.getUint32(at + 20, true),
      size: data.getUint32(at + 24, true),
      start: data.getUint32(at + 42, true),
    };
    const bytes = new Uint8Array(data.buffer, data.byteOffset + at + 46, name);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (members.has(text)) throw new Error("it holds a member twice");
    members.set(text, widened(data, at + 46 + name, extra, member));
    at += 46 + name + extra + comment;
  }
  return members;
}

/** Opens a member: a Blob where it is stored, a stream of its bytes where it is deflated. */
export async function openMember(file, member) {
  const local = await view(file, member.start, 30);
  if (local.byteLength < 30 || local.getUint32(0, true) !== LOCAL) throw new Error("a member is damaged");
  const at = member.start + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const packed = file.slice(at, at + member.packed);
  if (member.method === 0) return packed.stream();
  if (member.method !== 8) throw new Error("a member is packed in an unknown way");
  return packed.stream().pipeThrough(new DecompressionStream("deflate-raw"));
}

/** Reads a small member whole; throws when it is longer than the limit. */
export async function readMember(file, member, limitBytes) {
  if (member.size > limitBytes) throw new Error("a member is too long");
  const parts = [];
  let length = 0;
  const reader = (await openMember(file, member)).getReader();
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    length += value.length;
    if (length > limitBytes) throw new Error("a member is too long");
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
