import { loadConfig, redactSecrets } from '@ingot/config';
import { boot } from './boot.js';
import { explain } from './explain.js';
import { ClosingList } from './shutdown.js';

// Words for people go to stderr; stdout is JSON log lines only.
const say = (line: string): void => void process.stderr.write(`${redactSecrets(line)}\n`);
const open = new ClosingList();
const stop = new AbortController();
const FAILED_BOOT_MS = 5_000;

/** Closes what is open, in reverse order, and ends the process: with 0 when all of it closed cleanly in time. */
async function exit(code: number, totalMs: number): Promise<never> {
  const unclean = await open.close(totalMs, (step, error) => say(`Stopping: ${step}: ${explain(error).join(' ')}`));
  process.exit(code === 0 && unclean.length > 0 ? 1 : code);
}

try {
  const config = loadConfig(process.env);
  const booting = boot(config, open, say, stop.signal);
  // The first signal drains and stops, also in the middle of the boot; a second one exits at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
      say('Stopping (once more to stop at once)...');
      void booting.then(
        () => exit(0, config.INGOT_SHUTDOWN_MS),
        () => undefined, // a boot that fails or was given up ends the process below
      );
    });
  }
  const { welcome } = await booting;
  if (!stop.signal.aborted) welcome.forEach(say);
} catch (error) {
  if (stop.signal.aborted) await exit(0, FAILED_BOOT_MS);
  explain(error).forEach(say);
  await exit(1, FAILED_BOOT_MS);
}
