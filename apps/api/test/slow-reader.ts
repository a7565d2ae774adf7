import http from 'node:http';

/** A client that takes so many bytes a second, or none. */
export interface SlowReader {
  readonly status: number;
  readonly taken: () => number;
  /** How the transfer ended: `complete`, or the error of one that was cut. */
  readonly outcome: Promise<string>;
  leave(): void;
  /** Takes the rest as fast as it comes: what a paused client has not read hides that the other end has gone. */
  hurry(): void;
}

const TICKS_PER_SECOND = 10;

/** Resolves with the answer's status line. */
export function readSlowly(url: string, bytesPerSecond: number): Promise<SlowReader> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, headers: { 'accept-encoding': 'identity' } }, (response) => {
      let taken = 0;
      const outcome = new Promise<string>((settle) => {
        response.once('error', (error) => settle(error.message));
        response.once('end', () => settle('complete'));
      });
      // In paused mode the socket is read no faster than this; the rest waits in the service.
      const size = Math.ceil(bytesPerSecond / TICKS_PER_SECOND);
      const timer = setInterval(() => (taken += ((response.read(Math.min(size, response.readableLength)) ?? '') as Buffer).length), 1_000 / TICKS_PER_SECOND);
      if (bytesPerSecond === 0) clearInterval(timer);
      void outcome.then(() => clearInterval(timer));
      const hurry = (): void => {
        clearInterval(timer);
        response.resume();
      };
      resolve({ status: response.statusCode ?? 0, taken: () => taken, outcome, leave: () => request.destroy(), hurry });
    });
    request.once('error', reject);
  });
}
