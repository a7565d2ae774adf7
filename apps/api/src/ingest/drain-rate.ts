const NEWEST_SHARE = 0.3;
const FORGOTTEN_MS = 60_000;

/**
 * How long what waits will take, by the flushes that were as large as a flush may be. Smaller ones say little: the bytes of a flush
 * share what it costs, so a service that idles looks a hundred times slower than it is.
 */
export class DrainRate {
  private msPerByte = 0;
  private at = -Infinity;

  constructor(private readonly writers: number) {}

  /** A full flush is over. @param now performance.now() */
  add(bytes: number, ms: number, now: number): void {
    const measured = ms / bytes / this.writers;
    this.msPerByte = now - this.at > FORGOTTEN_MS ? measured : this.msPerByte + NEWEST_SHARE * (measured - this.msPerByte);
    this.at = now;
  }

  /** Milliseconds; 0 when nothing of the kind was measured of late. */
  waitFor(bytes: number, now: number): number {
    return now - this.at > FORGOTTEN_MS ? 0 : bytes * this.msPerByte;
  }

  /** What one writer stores in so many milliseconds; Infinity when nothing of the kind was measured of late. */
  bytesWithin(ms: number, now: number): number {
    return now - this.at > FORGOTTEN_MS ? Infinity : ms / this.msPerByte / this.writers;
  }
}
