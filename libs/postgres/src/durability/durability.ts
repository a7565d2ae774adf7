import type { ClientBase } from 'pg';

/** What a server and a session of it promise of what is committed. */
export interface Durability {
  /** As `server_version_num`. */
  readonly version: number;
  /** As people write it, e.g. `15.8`. */
  readonly versionText: string;
  /** It replays another server's changes and takes none itself. */
  readonly standby: boolean;
  /** Transactions of this session may not write unless they say so. */
  readonly readOnly: boolean;
  readonly fsync: boolean;
  readonly fullPageWrites: boolean;
  /** Pages carry checksums, so that a disk that lies is found out. It says nothing about COMMIT. */
  readonly checksums: boolean;
}

export const OLDEST_VERSION = 150_000;

/** One statement that any login may ask and that touches no table. */
export const DURABILITY = `
  select current_setting('server_version_num')::int as version, current_setting('server_version') as "versionText",
    pg_is_in_recovery() as standby, current_setting('transaction_read_only')::bool as "readOnly", current_setting('fsync')::bool as fsync,
    current_setting('full_page_writes')::bool as "fullPageWrites", current_setting('data_checksums')::bool as checksums`;

export async function readDurability(client: ClientBase): Promise<Durability> {
  const { rows } = await client.query<Durability>(DURABILITY);
  return rows[0]!;
}

/**
 * The settings under which an acknowledged line may be lost though no disk is, one clear line each.
 * @param synchronousCommit of the sessions that store lines, as they really are; undefined when there is none to ask
 */
export function weaknesses({ fsync, fullPageWrites }: Pick<Durability, 'fsync' | 'fullPageWrites'>, synchronousCommit?: string): string[] {
  const lost = 'may lose lines that were acknowledged';
  return [
    ...(fsync ? [] : [`fsync is off on the server: a crash of the machine ${lost}`]),
    ...(fullPageWrites ? [] : [`full_page_writes is off on the server: a crash of the machine ${lost}`]),
    ...(synchronousCommit === 'off' ? [`synchronous_commit is off in the sessions that store lines: a crash of the server ${lost}`] : []),
  ];
}

/** Why nothing can be stored on a server at all, one clear line each. */
export function obstacles({ version, versionText, standby, readOnly }: Pick<Durability, 'version' | 'versionText' | 'standby' | 'readOnly'>): string[] {
  return [
    ...(version < OLDEST_VERSION ? [`the server is PostgreSQL ${versionText}; 15 or newer is needed`] : []),
    ...(standby ? ['the server is a read-only standby'] : []),
    ...(readOnly && !standby ? ['the server lets the sessions that store lines only read (default_transaction_read_only)'] : []),
  ];
}
