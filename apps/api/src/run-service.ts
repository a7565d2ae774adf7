import { loadConfig, redactSecrets } from '@ingot/config';
import { explain } from './explain.js';
import { ClosingList } from './shutdown.js';

// Words for people go to stderr; stdout is JSON log lines only.
const say = (line: string): void => void process.stderr.write(`${redactSecrets(line)}\n`);
const FAILED_BOOT_MS = 5_000;

/**
 * The service as this very process: it ends the process once it is told to stop and all in flight is done, or when it
 * cannot start.
 * @param env its settings
 * @param stop aborted by whoever listens for signals; in the middle of the boot, too
 * @returns when it serves
 */
export async function runService(env: NodeJS.ProcessEnv, stop: AbortSignal): Promise<void> {
  const open = new ClosingList();
  /** Closes what is open, in reverse order, and ends the process: with 0 when all of it closed cleanly in time. */
  const exit = async (code: number, totalMs: number): Promise<never> => {
    const unclean = await open.close(totalMs, (step, error) => say(`Stopping: ${step}: ${explain(error).join(' ')}`));
    process.exit(code === 0 && unclean.length > 0 ? 1 : code);
  };

  try {
    const config = loadConfig(env);
    const { boot } = await import('./boot.js'); // takes a second or two to load: a wrong setting is told before, in 0.4 s
    stop.throwIfAborted();
    const booting = boot(config, open, say, stop);
    stop.addEventListener('abort', () => {
      say('Stopping (once more to stop at once)...');
      void booting.then(
        () => exit(0, config.INGOT_SHUTDOWN_MS),
        () => undefined, // a boot that fails or was given up ends the process below
      );
    });
    const { welcome } = await booting;
    if (!stop.aborted) welcome.forEach(say);
  } catch (error) {
    if (stop.aborted) await exit(0, FAILED_BOOT_MS);
    explain(error).forEach(say);
    await exit(1, FAILED_BOOT_MS);
  }
}
