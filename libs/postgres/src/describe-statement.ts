import type { Client, Submittable } from 'pg';
import type { Connection } from './pool.js';
import type { ResultColumn } from './read/copy-query.js';

/**
 * Asks the server for the columns of a statement with `$1`, `$2`, ... without running or planning it: the messages
 * Parse and Describe, which is what PREPARE is made of.
 * @param parameterTypes OIDs in pg_type
 * @throws the server's error; its `position` counts the text's characters from 1
 */
export function describeStatement(client: Client | Connection, text: string, parameterTypes: readonly number[]): Promise<readonly ResultColumn[]> {
  return new Promise((resolve, reject) => void client.query(new Description(text, parameterTypes, resolve, reject)));
}

/** The part of the driver's connection that speaks the extended protocol; `@types/pg` leaves it out. */
interface Protocol {
  parse(message: { text: string; name: string; types: readonly number[] }): void;
  describe(message: { type: 'S'; name: string }): void;
  sync(): void;
}

/** Called by the driver as its own queries are. */
class Description implements Submittable {
  private columns: readonly ResultColumn[] = [];

  constructor(
    private readonly text: string,
    private readonly types: readonly number[],
    private readonly resolve: (columns: readonly ResultColumn[]) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  submit(connection: unknown): void {
    const protocol = connection as Protocol;
    protocol.parse({ text: this.text, name: '', types: this.types });
    protocol.describe({ type: 'S', name: '' });
    protocol.sync();
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.columns = fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
  }

  handleError(error: Error): void {
    this.reject(error);
  }

  handleReadyForQuery(): void {
    this.resolve(this.columns);
  }
}
