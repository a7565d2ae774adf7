import { existsSync } from 'node:fs';
import path from 'node:path';

/**
 * The path of a file that comes with Ingot, wherever the service was started: `package.json`, `docs/errors.md`. What
 * belongs to the user (datasets, data) is looked for in the working directory instead.
 * @param name relative to the folder of Ingot's package.json
 */
export function shippedFile(name: string): string {
  let folder = import.meta.dirname; // apps/api/src, or dist/apps/api/src
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return path.join(folder, name);
}
