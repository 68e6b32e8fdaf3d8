import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";

/** A digest of files by name and content; one that is missing counts too. */
export function fingerprint(files, ...more) {
  const hash = crypto.createHash("sha256");
  for (const text of more) hash.update(`${text}\0`);
  for (const file of [...files].sort()) {
    const content = fs.existsSync(file) ? fs.readFileSync(file) : "missing";
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** Every file under a folder, or the file itself. */
export function filesUnder(place) {
  if (!fs.existsSync(place)) return [];
  if (!fs.statSync(place).isDirectory()) return [place];
  return fs.readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}
