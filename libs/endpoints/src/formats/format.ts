import type { Frame, ResultColumn } from '@ingot/postgres';
import type { Transform } from 'node:stream';
import type { FormatName } from '../endpoint.js';

/** How rows become the bytes of a response: `copy` -> frame -> `encoder`. */
export interface Format {
  readonly name: FormatName;
  /** The whole `Content-Type` header. */
  readonly contentType: string;
  /** Of a file that holds it, without the dot. */
  readonly extension: string;
  /** What stands around the bytes of the COPY. */
  readonly frame: Frame;
  /** Bytes of UTF-8. */
  readonly isText: boolean;
  /** False where the format compresses by itself. */
  readonly compressible: boolean;
  /** What programs open as a file rather than show: the answer carries a file name. */
  readonly download: boolean;
  /**
   * The COPY of a query whose columns are known.
   * @param omitNull columns that a row leaves out when they are null, in formats whose rows name their columns
   */
  readonly copy: (query: string, columns: readonly ResultColumn[], omitNull: readonly string[]) => string;
  /** Where Postgres does not render the format itself: turns the framed bytes of the COPY into it. Loads its library on first use. */
  readonly encoder?: (columns: readonly ResultColumn[]) => Transform;
}
