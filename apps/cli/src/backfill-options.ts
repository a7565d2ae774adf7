import type { ApplyOptions } from '@ingot/models';
import type { Command } from 'commander';
import type { Config } from '@ingot/config';
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

/** The same for the engine, with a progress line. */
export function applyOptions(io: Io, config: Config, { dropHistory, chunkRows }: BackfillOptions): ApplyOptions {
  return {
    readSeconds: config.INGOT_READ_TX_SECONDS,
    ...(dropHistory === undefined ? {} : { dropHistory }),
    ...(chunkRows === undefined ? {} : { chunkRows }),
    onProgress: (progress) => io.progress(formatBackfill(progress)),
  };
}
