import type { ResultColumn } from '@ingot/postgres';
import type { Transform } from 'node:stream';
import type { FormatName } from '../endpoint.js';

/** How rows become the bytes of a response: `copy` -> `encoder`. */
export interface Format {
  readonly name: FormatName;
  /** The whole `Content-Type` header. */
  readonly contentType: string;
  /** Of a file that holds it, without the dot. */
  readonly extension: string;
  /** Bytes of UTF-8. */
  readonly isText: boolean;
  /** False where the format compresses by itself. */
  readonly compressible: boolean;
  /** What programs open as a file rather than show: the answer carries a file name. */
  readonly download: boolean;
  /** The COPY of a query whose columns are known. */
  readonly copy: (query: string, columns: readonly ResultColumn[]) => string;
  /**
   * Turns the bytes of the COPY into the format. Loads its library on first use.
   * @param omitNull columns that a row leaves out when they are null, in formats whose rows name their columns
   */
  readonly encoder: (columns: readonly ResultColumn[], omitNull: readonly string[]) => Transform;
}
