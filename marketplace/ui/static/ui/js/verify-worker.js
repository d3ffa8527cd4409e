// What verify-file.js has looked at away from the page: post it a File. It posts {bytes, total} while it reads, then one of
//   {digest, looks}                                  any file; looks are PDQ hashes where it is a picture
//   {certificate}                                    a license certificate
//   {certificate, manifest, files, wrong}            a bundle, whose files were hashed and compared with its manifest
//   {failed}
import { looksOf } from "./picture-print.js";
import { digestOf, Sha256 } from "./sha256.js";
import { membersOf, openMember, readMember } from "./zip-reader.js";

const CERTIFICATE_LIMIT_BYTES = 128 * 1024;
const PAPER_LIMIT_BYTES = 16 * 1024 * 1024;
const PICTURE_LIMIT_BYTES = 64 * 1024 * 1024;
const WRONG_NAMED = 20;
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

let told = 0;
function tell(bytes, total) {
  if (performance.now() - told < 100) return;
  told = performance.now();
  self.postMessage({ bytes, total });
}

async function certificateIn(file) {
  if (file.size > CERTIFICATE_LIMIT_BYTES) return "";
  const text = (await file.text()).trim();
  return COMPACT.test(text) ? text : "";
}

async function startsAsZip(file) {
  const start = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return start.length === 4 && start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

/** Hashes a member as it is unpacked; gives its size too. */
async function hashed(file, member, onBytes) {
  const hasher = new Sha256();
  let size = 0;
  const reader = (await openMember(file, member)).getReader();
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    hasher.update(value);
    size += value.length;
    onBytes(value.length);
  }
  return { sha256: hasher.hex(), size };
}

/** Gives the answer for a bundle, null for a zip file that is none. */
async function bundleIn(file) {
  if (!(await startsAsZip(file))) return null;
  let members;
  try {
    members = await membersOf(file);
  } catch {
    return null;
  }
  if (!members.has("manifest.json") || !members.has("certificate.jws")) return null;
  const manifest = await readMember(file, members.get("manifest.json"), PAPER_LIMIT_BYTES);
  const paper = await readMember(file, members.get("certificate.jws"), CERTIFICATE_LIMIT_BYTES);
  const { assets } = JSON.parse(new TextDecoder().decode(manifest));
  const total = assets.reduce((sum, asset) => sum + asset.size_bytes, 0);
  const wrong = [];
  let bytes = 0;
  for (const asset of assets) {
    const member = members.get(`files/${asset.path}`);
    const found = member && (await hashed(file, member, (more) => tell((bytes += more), total)));
    if (!found || found.sha256 !== asset.sha256 || found.size !== asset.size_bytes) wrong.push(asset.path);
  }
  return {
    certificate: new TextDecoder().decode(paper),
    manifest: new Sha256().update(manifest).hex(),
    files: assets.length,
    wrong: wrong.slice(0, WRONG_NAMED),
    wrongCount: wrong.length,
  };
}

async function answerFor(file) {
  const certificate = await certificateIn(file);
  if (certificate) return { certificate };
  const bundle = await bundleIn(file);
  if (bundle) return bundle;
  const looks = file.size > PICTURE_LIMIT_BYTES ? [] : await looksOf(file);
  return { digest: await digestOf(file, (bytes) => tell(bytes, file.size)), looks };
}

self.addEventListener("message", async ({ data: file }) => {
  try {
    self.postMessage(await answerFor(file));
  } catch (reason) {
    self.postMessage({ failed: String(reason) });
  }
});
