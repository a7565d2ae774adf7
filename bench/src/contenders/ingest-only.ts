import { joinOrStartEmbedded } from '@ingot/postgres';
import path from 'node:path';
import type { Stage } from '../workload.js';
import { startIngot, type IngotService } from './ingot.js';

/** A service that takes lines and answers reads, on a PostgreSQL of its own set up like any other; its runs would be another process. */
export async function startIngestOnly(stage: Stage): Promise<IngotService> {
  const server = await joinOrStartEmbedded({ dataDir: path.join(stage.folder, 'ingest-only') });
  if ('stop' in server) stage.atEnd(() => server.stop());
  return startIngot(stage, { DATABASE_URL: server.url, INGOT_ROLE: 'api', INGOT_APPLY: 'auto' });
}
