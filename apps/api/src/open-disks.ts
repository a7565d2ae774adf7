import type { Config } from '@ingot/config';
import { DiskWatch } from '@ingot/postgres';
import { tmpdir } from 'node:os';
import type { Logger } from './logger.js';
import type { ClosingList } from './shutdown.js';

/** Watches the disks that can be seen from here: that of the embedded server, and that of what clients are slow to take. */
export async function openDisks(config: Config, logger: Logger, open: ClosingList): Promise<DiskWatch> {
  const spool = { name: 'spool', path: config.INGOT_SPOOL_DIR ?? tmpdir() };
  const disks = new DiskWatch({
    folders: config.embedded ? [{ name: 'database', path: config.INGOT_DATA_DIR }, spool] : [spool],
    minFreeBytes: config.INGOT_MIN_FREE_DISK_BYTES,
    onChange: ({ name, freeBytes, low }) =>
      low ? logger.error({ disk: name, freeBytes }, 'a disk has less room than INGOT_MIN_FREE_DISK_BYTES: not ready') : logger.warn({ disk: name, freeBytes }, 'a disk has room again'),
  });
  await disks.start();
  open.add('disks', () => Promise.resolve(disks.close()));
  return disks;
}
