import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The name of a file until all of it is on the disk. */
export function partial(path: string): string {
  return `${path}.partial`;
}

/** Writes a file so that it is there whole or not at all, whatever happens to process, system or power. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(partial(path), 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await publishFile(path);
}

/** Waits until the bytes of a file are on the disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives a finished file its name. */
export async function publishFile(path: string): Promise<void> {
  await rename(partial(path), path);
  if (process.platform === 'win32') return; // folders cannot be synced there
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export async function removePartial(path: string): Promise<void> {
  await rm(partial(path), { force: true });
}
