import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Endpoint } from '../endpoint.js';
import type { EndpointRequest } from '../request-parameters.js';

/** Where a page ends: the next one begins behind this row, and shows what page one's moment had. */
export interface Cursor {
  readonly arm: number;
  /** The row's values of the arm's sort keys, in PostgreSQL's own notation. */
  readonly keys: readonly string[];
  /** The run that page one showed. */
  readonly runId: bigint;
  /** What was published then. */
  readonly publication: bigint;
}

/** `invalid`: not given out by this service, or to another request. `expired`: what it points into is not there any more. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
  constructor(
    readonly reason: 'invalid' | 'expired',
    message: string,
  ) {
    super(message);
  }
}

type Written = [version: number, endpoint: string, code: string, request: string, runId: string, publication: string, arm: number, keys: string[]];

const VERSION = 1;
const SIGNATURE_BYTES = 16;
const TAG_BYTES = 9;
const CODE_LENGTH = 12;
/** A cursor is a part of a URL, and a request's head has room for 16 KiB in all. */
const LONGEST = 8_000;

/** Writes and reads cursors: opaque to clients, signed, and good for the endpoint's file and the parameters they were given out for. */
export class Cursors {
  /** @param secret kept in the database, so that each process takes the cursors of all others and of those before */
  constructor(private readonly secret: Buffer) {}

  /** @throws Error when the row's keys are too long to be carried in a URL */
  write({ arm, keys, runId, publication }: Cursor, endpoint: Endpoint, request: Pick<EndpointRequest, 'values'>): string {
    const written: Written = [VERSION, nameOf(endpoint), endpoint.codeHash.slice(0, CODE_LENGTH), tagOf(request), runId.toString(), publication.toString(), arm, [...keys]];
    const payload = Buffer.from(JSON.stringify(written));
    const text = Buffer.concat([this.sign(payload), payload]).toString('base64url');
    if (text.length > LONGEST) throw new Error(`a cursor of ${endpoint.name} would have ${text.length} characters: its sort keys are too long`);
    return text;
  }

  /** @throws CursorError */
  read(text: string, endpoint: Endpoint, request: Pick<EndpointRequest, 'values'>): Cursor {
    const bytes = /^[\w-]+$/.test(text) ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
    const [signature, payload] = [bytes.subarray(0, SIGNATURE_BYTES), bytes.subarray(SIGNATURE_BYTES)];
    const expected = this.sign(payload);
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) throw new CursorError('invalid', 'is not one that this service gave out');
    const [version, name, code, tag, runId, publication, arm, keys] = JSON.parse(payload.toString()) as Written;
    if (version !== VERSION) throw new CursorError('expired', 'is of another version of this service');
    if (name !== nameOf(endpoint)) throw new CursorError('invalid', 'belongs to another endpoint');
    if (code !== endpoint.codeHash.slice(0, CODE_LENGTH)) throw new CursorError('expired', 'is older than the endpoint as it is now');
    if (tag !== tagOf(request)) throw new CursorError('invalid', 'belongs to a request with other parameters'); // those of another file may have others
    return { arm, keys, runId: BigInt(runId), publication: BigInt(publication) };
  }

  private sign(payload: Buffer): Buffer {
    return createHmac('sha256', this.secret).update('cursor\0').update(payload).digest().subarray(0, SIGNATURE_BYTES);
  }
}

function nameOf({ dataset, name }: Endpoint): string {
  return `${dataset}/${name}`;
}

function tagOf({ values }: Pick<EndpointRequest, 'values'>): string {
  return createHash('sha256').update(JSON.stringify([...values].sort(([a], [b]) => (a < b ? -1 : 1)))).digest().subarray(0, TAG_BYTES).toString('base64url');
}
