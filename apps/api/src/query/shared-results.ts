import type { Readable } from 'node:stream';
import { sharings } from '../measuring-points.js';
import { readShort } from './short-body.js';

/** The rows of an answer, in its format, and what its headers say of them. */
export interface Result<Body = Readable | Buffer> {
  readonly body: Body;
  /** The cursor of the next page; requests with equal results need not have equal URLs to put it in. */
  readonly next?: string;
}

export type Produce = (signal: AbortSignal) => Promise<Result<Readable>>;

/** One statement for all requests of a moment that would get the same. */
interface Flight {
  readonly passengers: Set<Passenger>;
  readonly abort: AbortController;
}

interface Passenger {
  readonly resolve: (result: Result | 'large') => void;
  readonly reject: (error: unknown) => void;
}

/** How many results are remembered as too large to be shared. */
const KNOWN_LARGE = 1_000;

/**
 * Results of a bounded size, by their entity tag. A tag names one state of the data, so an entry is right for ever, and
 * goes when room is needed. Equal requests of one moment share one statement: who comes while it runs waits for it, and
 * it ends early only when all have left. A result too large to be kept streams to the first of them; the others, and
 * those that come later, read for themselves.
 */
export class SharedResults {
  /** Least recently used first. */
  private readonly kept = new Map<string, Result<Buffer>>();
  private readonly large = new Set<string>();
  private readonly flights = new Map<string, Flight>();
  private bytes = 0;
  private readonly entryBytes: number;

  /** @param totalBytes of all results kept; one may have a sixteenth of it; 0 = nothing is kept or shared */
  constructor(private readonly totalBytes: number) {
    this.entryBytes = Math.floor(totalBytes / 16);
  }

  /** What is kept at the moment. */
  get usage(): { readonly results: number; readonly bytes: number } {
    return { results: this.kept.size, bytes: this.bytes };
  }

  /**
   * @param tag undefined for what must not be shared
   * @param signal aborted when the client is gone
   * @throws what `produce` throws, and when the signal is aborted
   */
  async get(tag: string | undefined, signal: AbortSignal, produce: Produce): Promise<Result> {
    if (tag === undefined || this.totalBytes === 0) return produce(signal);
    const known = this.kept.get(tag);
    sharings.publish(known !== undefined ? 'kept' : this.flights.has(tag) ? 'joined' : 'read');
    if (known !== undefined) return this.keep(tag, known);
    if (this.large.has(tag)) return produce(signal);
    const shared = await this.board(this.flights.get(tag) ?? this.start(tag, produce), signal);
    return shared === 'large' ? produce(signal) : shared;
  }

  private board(flight: Flight, signal: AbortSignal): Promise<Result | 'large'> {
    return new Promise((resolve, reject) => {
      const passenger = { resolve, reject };
      flight.passengers.add(passenger);
      const leave = (): void => {
        if (!flight.passengers.delete(passenger)) return;
        reject(signal.reason as Error);
        if (flight.passengers.size === 0) flight.abort.abort();
      };
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }

  private start(tag: string, produce: Produce): Flight {
    const flight: Flight = { passengers: new Set(), abort: new AbortController() };
    this.flights.set(tag, flight);
    // Who comes when all others have left begins anew: what is being aborted has nothing for him.
    flight.abort.signal.addEventListener('abort', () => this.end(tag, flight), { once: true });
    void this.fly(tag, flight, produce);
    return flight;
  }

  private async fly(tag: string, flight: Flight, produce: Produce): Promise<void> {
    try {
      const { body, ...rest } = await produce(flight.abort.signal);
      const whole = await readShort(body, this.entryBytes);
      this.end(tag, flight);
      const [first, ...others] = this.land(flight);
      if (whole !== undefined) {
        const result = this.keep(tag, { ...rest, body: whole });
        for (const passenger of [first, ...others]) passenger?.resolve(result);
        return;
      }
      this.rememberLarge(tag);
      if (first === undefined) body.destroy();
      first?.resolve({ ...rest, body });
      for (const passenger of others) passenger.resolve('large');
    } catch (error) {
      this.end(tag, flight);
      for (const passenger of this.land(flight)) passenger.reject(error);
    }
  }

  private end(tag: string, flight: Flight): void {
    if (this.flights.get(tag) === flight) this.flights.delete(tag);
  }

  /** Those who are still there, in the order in which they came. */
  private land({ passengers }: Flight): Passenger[] {
    const landed = [...passengers];
    passengers.clear();
    return landed;
  }

  private keep(tag: string, result: Result<Buffer>): Result<Buffer> {
    this.drop(tag);
    this.kept.set(tag, result);
    this.bytes += sizeOf(tag, result);
    for (const oldest of this.kept.keys()) {
      if (this.bytes <= this.totalBytes) break;
      this.drop(oldest);
    }
    return result;
  }

  private drop(tag: string): void {
    const result = this.kept.get(tag);
    if (result === undefined) return;
    this.kept.delete(tag);
    this.bytes -= sizeOf(tag, result);
  }

  private rememberLarge(tag: string): void {
    this.large.add(tag);
    for (const oldest of this.large) {
      if (this.large.size <= KNOWN_LARGE) break;
      this.large.delete(oldest);
    }
  }
}

/** What an entry costs beside its bytes, roughly; empty results are not free. */
const ENTRY_OVERHEAD_BYTES = 500;

function sizeOf(tag: string, { body, next }: Result<Buffer>): number {
  return body.length + tag.length + (next?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
}
