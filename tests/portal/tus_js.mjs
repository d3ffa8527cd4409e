// tus-js-client sends one file and prints where it went, as one line of JSON.
import fs from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, path, key, given] = process.argv.slice(2);
const options = JSON.parse(given || "{}");
const size = fs.statSync(path).size;
const upload = new Upload(options.buffer ? fs.readFileSync(path) : fs.createReadStream(path), {
  endpoint,
  headers: { Authorization: `Bearer ${key}` },
  metadata: { filename: "水墨.safetensors", filetype: "application/octet-stream" },
  uploadSize: options.buffer ? undefined : size,
  chunkSize: options.chunkSize || (options.buffer ? Infinity : 1 << 20),
  retryDelays: Array(40).fill(50),
  parallelUploads: options.parallelUploads || 1,
  overridePatchMethod: Boolean(options.overridePatchMethod),
  uploadDataDuringCreation: Boolean(options.uploadDataDuringCreation),
  uploadUrl: options.uploadUrl || null,
  onError(error) {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess() {
    console.log(JSON.stringify({ url: upload.url }));
  },
});
upload.start();
