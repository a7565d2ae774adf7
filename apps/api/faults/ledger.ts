import { appendFileSync, closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * What a client knows of a request: it was answered with success; it was answered that nothing is stored, or never
 * left; or it cannot know.
 */
export type Told = 'acknowledged' | 'not-stored' | 'unknown';

/** A request as it was sent. Each line is unique in its case: no two have the same value. */
export interface SentRequest {
  readonly device: string;
  readonly lines: readonly string[];
  told: Told;
}

/**
 * A client's own account, in a file that is only ever appended to: each line before it is sent, and what was told of
 * its request afterwards. A request of which nothing more is written is `unknown`.
 */
export class Ledger {
  private readonly handle: number;
  private requests = 0;
  private values = 0;
  private closed = false;

  constructor(private readonly file: string) {
    appendFileSync(file, '');
    this.handle = openSync(file, 'a');
  }

  /** A value that no line of this ledger has had. */
  nextValue(): number {
    return ++this.values;
  }

  /** Written before sending. @returns the request's number */
  sending(device: string, lines: readonly string[]): number {
    const request = ++this.requests;
    this.append(lines.map((line) => `sent\t${request}\t${device}\t${line}\n`).join(''));
    return request;
  }

  told(request: number, told: Told): void {
    this.append(`told\t${request}\t${told}\n`);
  }

  close(): void {
    closeSync(this.handle);
    this.closed = true;
  }

  /** The number of a closed file may already be that of another one. */
  private append(text: string): void {
    if (this.closed) throw new Error('the ledger is closed, and somebody still posts');
    writeSync(this.handle, text);
  }

  /** The account as it stands in the file. */
  read(): SentRequest[] {
    const requests = new Map<string, { device: string; lines: string[]; told: Told }>();
    for (const entry of readFileSync(this.file, 'utf8').split('\n')) {
      const [what, request = '', first = '', line = ''] = entry.split('\t');
      const known = requests.get(request);
      if (what === 'told' && known !== undefined) known.told = first as Told;
      if (what !== 'sent') continue;
      if (known === undefined) requests.set(request, { device: first, lines: [line], told: 'unknown' });
      else known.lines.push(line);
    }
    return [...requests.values()];
  }
}
