import fs from "node:fs";

const HEADER_BYTES = 8;

/** Reads an unsigned LEB128 number: [value, offset behind it]. */
function leb128(bytes, offset) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[offset++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, offset];
  }
}

/** Takes the function names out of a wasm file. The linker must not: wasm-bindgen reads what stands beside them. */
export function stripNames(file) {
  const bytes = fs.readFileSync(file);
  const kept = [bytes.subarray(0, HEADER_BYTES)];
  for (let offset = HEADER_BYTES; offset < bytes.length; ) {
    const [size, body] = leb128(bytes, offset + 1);
    if (bytes[offset] !== 0 || sectionName(bytes, body) !== "name") kept.push(bytes.subarray(offset, body + size));
    offset = body + size;
  }
  fs.writeFileSync(file, Buffer.concat(kept));
}

function sectionName(bytes, body) {
  const [length, start] = leb128(bytes, body);
  return bytes.toString("utf8", start, start + length);
}
