import type { Watch, Way } from '@ingot/testing';

/**
 * Where a flush is stopped: PostgreSQL has every row and waits for the end of the COPY, behind which COMMIT stands; or
 * it has committed, and its word of that does not arrive.
 */
export type FlushPoint = 'before COMMIT' | 'after COMMIT';

/** The application_name of the sessions that flushes go through. */
const WRITER = 'ingot ingest';

/**
 * Faults at an exact point of a flush, made in the proxy before PostgreSQL, so that the service holds no code for tests.
 * It knows just enough of the protocol (PostgreSQL documentation, "Message Formats") to find the ends of messages.
 */
export class Failpoint {
  private armed?: { point: FlushPoint; act: (reset: () => void) => void; reached: () => void };

  /** For openProxy(). */
  readonly watch: Watch = (reset) => {
    const requests = new Messages(true);
    const answers = new Messages(false);
    let writes: boolean | undefined; // told by the startup message; runs commit too
    return (data, way) => {
      writes ??= data.includes(WRITER);
      if (!writes) return data.length;
      const at = this.placeIn(way === 'requests' ? requests.read(data) : answers.read(data), way);
      if (at === undefined || this.armed === undefined) return data.length;
      const { act, reached } = this.armed;
      this.armed = undefined;
      act(reset);
      reached();
      return at;
    };
  };

  /**
   * The next flush that comes to this point stops there: what follows is withheld.
   * @param act what happens then; `reset` ends its connection
   * @returns when it has happened
   */
  arm(point: FlushPoint, act: (reset: () => void) => void): Promise<void> {
    return new Promise((reached) => {
      this.armed = { point, act, reached };
    });
  }

  private placeIn(messages: readonly Message[], way: Way): number | undefined {
    const isPoint = (message: Message): boolean =>
      this.armed?.point === 'before COMMIT' ? way === 'requests' && message.type === 'c' : way === 'answers' && message.type === 'C' && message.text === 'COMMIT';
    return messages.find(isPoint)?.at;
  }
}

interface Message {
  readonly type: string;
  /** Where it begins in the piece it ends in, 0 when it began earlier. */
  readonly at: number;
  /** Of a short one: its content up to the first NUL. */
  readonly text: string;
}

const SHORT = 64;

/** Cuts one direction of a connection into messages. Only the last few bytes of long ones are ever held. */
class Messages {
  private rest: Buffer = Buffer.alloc(0);
  /** Bytes of a long message that are still to come. */
  private toSkip = 0;

  /** @param untyped whether the first message is a startup message, which has no type byte */
  constructor(private untyped: boolean) {}

  /** The messages that end in this piece. */
  read(data: Buffer): Message[] {
    const found: Message[] = [];
    const skipped = Math.min(this.toSkip, data.length);
    this.toSkip -= skipped;
    const held = this.rest.length;
    const all = held === 0 ? data.subarray(skipped) : Buffer.concat([this.rest, data]);
    const placeOf = (offset: number): number => Math.max(0, offset + skipped - held);
    let start = 0;
    for (;;) {
      const head = this.untyped ? 4 : 5;
      if (all.length - start < head) break;
      const length = (this.untyped ? 0 : 1) + all.readUInt32BE(start + head - 4);
      const end = start + length;
      if (end > all.length && length <= SHORT) break;
      const type = this.untyped ? '' : String.fromCharCode(all[start] ?? 0);
      const [text = ''] = length <= SHORT ? all.toString('latin1', start + head, end).split('\0') : [];
      found.push({ type, at: placeOf(start), text });
      this.untyped = false;
      start = end;
      if (end <= all.length) continue;
      this.toSkip = end - all.length;
      start = all.length;
    }
    this.rest = Buffer.from(all.subarray(start));
    return found;
  }
}
