import { constants } from 'node:os';

/** Why a command's signal was aborted: somebody ended it, by Ctrl-C or as a supervisor does. */
export class Stopped extends Error {
  override readonly name = 'Stopped';

  constructor(private readonly by: 'SIGINT' | 'SIGTERM') {
    super('stopped');
  }

  /** As a shell says of a command that the signal ended: 130 or 143. */
  get exitCode(): number {
    return 128 + constants.signals[this.by];
  }
}

/** The exit code of a command that failed: its own, or that of the signal that ended it. */
export function failureCode(signal: AbortSignal): number {
  if (!signal.aborted) return 1;
  return (signal.reason instanceof Stopped ? signal.reason : new Stopped('SIGINT')).exitCode;
}
