import { setTimeout as sleep } from 'node:timers/promises';

/** What is open and must be closed, in the order of opening; a boot that fails half way closes what it has. */
export class ClosingList {
  private readonly steps: { name: string; close: (shareMs: number) => Promise<unknown> }[] = [];

  /** @param close is told how long it may take */
  add(name: string, close: (shareMs: number) => Promise<unknown>): void {
    this.steps.push({ name, close });
  }

  /**
   * Closes the last opened first. A step that fails or does not finish within its share of the time is reported and
   * left behind: the ones after it still get theirs.
   * @returns the names of the steps that did not finish cleanly
   */
  async close(totalMs: number, report: (step: string, error: unknown) => void): Promise<string[]> {
    const deadline = Date.now() + totalMs;
    const unclean: string[] = [];
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      const reserved = this.steps.length * RESERVED_MS;
      const shareMs = Math.max(RESERVED_MS, deadline - Date.now() - reserved);
      const error = await within(shareMs, () => step.close(shareMs));
      if (error === undefined) continue;
      unclean.push(step.name);
      report(step.name, error);
    }
    return unclean;
  }
}

const RESERVED_MS = 1_000; // kept back for each later step, so that a hung one cannot use up all the time

/** The error of a task that failed or was too slow, else undefined. */
async function within(milliseconds: number, task: () => Promise<unknown>): Promise<unknown> {
  const timer = new AbortController();
  const late = sleep(milliseconds, new Error(`not finished after ${milliseconds} ms`), { signal: timer.signal }).catch(() => undefined);
  const done = task().then(
    () => undefined,
    (error: unknown) => error ?? new Error('failed'),
  );
  const result = await Promise.race([done, late]);
  timer.abort();
  return result;
}
