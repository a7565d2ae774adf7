import { Command } from 'commander';
import type { Io } from '../io.js';

/** The service, in this very process: signals reach it directly, also as process 1 of a container. */
export const startCommand = (io: Io): Command => new Command('start')
  .description('serve: take lines in, run the models, answer; SIGTERM ends it once all in flight is done')
  .action(async () => (await import('../../../api/src/run-service.js')).runService(io.env, io.signal));
