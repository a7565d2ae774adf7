import { checkEndpoints } from '@ingot/endpoints';
import type { ApplyOptions, CheckReaders } from '@ingot/models';
import type { Command } from 'commander';
import type { Session } from './database.js';
import type { Io } from './io.js';
import { countOption } from './number-options.js';
import { formatBackfill } from './output/backfill-line.js';

export interface BackfillOptions {
  readonly dropHistory?: readonly string[];
  readonly chunkRows?: number;
}

/** What every command that computes tables anew takes. */
export function withBackfillOptions(command: Command): Command {
  return command
    .option('--drop-history <models...>', 'models that may lose rows made of lines that retention has dropped, by name')
    .addOption(countOption('--chunk-rows <n>', 'rows of its input that one committed chunk of a backfill reads'));
}

/** The same for the engine, with a progress line; models that an endpoint could not read any more are refused. */
export function applyOptions(io: Io, session: Session, dataset: string, { dropHistory, chunkRows }: BackfillOptions): ApplyOptions {
  return {
    checkReaders: checkReadersOf(session, dataset),
    readSeconds: session.config.INGOT_READ_TX_SECONDS,
    ...(dropHistory === undefined ? {} : { dropHistory }),
    ...(chunkRows === undefined ? {} : { chunkRows }),
    onProgress: (progress) => io.progress(formatBackfill(progress)),
  };
}

/** The endpoints of a dataset, as the engine asks them before it changes what they read. */
export function checkReadersOf({ endpoints }: Session, dataset: string): CheckReaders {
  const own = endpoints.filter((endpoint) => endpoint.dataset === dataset);
  return (client, nameOf) => checkEndpoints(client, own, nameOf);
}
