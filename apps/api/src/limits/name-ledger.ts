import { withConnection, type ConnectionPool } from '@ingot/postgres';

/** What is known of a device: its names, or that it has never sent a line. */
export interface DeviceNames {
  readonly device: string;
  readonly names: readonly string[];
}

/** Which devices there have been and what they measured: `ingot.devices` and `ingot.device_names`. Every process adds what it sees first. */
export class NameLedger {
  constructor(private readonly pool: ConnectionPool) {}

  /** Those of the devices that have sent lines before. */
  async of(devices: readonly string[]): Promise<DeviceNames[]> {
    const { rows } = await withConnection(this.pool, (client) =>
      client.query<{ device: string; names: string[] }>(
        `select device, coalesce(names, '{}') as names
         from ingot.devices left join (select device, array_agg(name) as names from ingot.device_names where device = any ($1) group by device) named using (device)
         where device = any ($1)`,
        [devices],
      ),
    );
    return rows;
  }

  async countDevices(): Promise<number> {
    const { rows } = await withConnection(this.pool, (client) => client.query<{ devices: string }>('select count(*) as devices from ingot.devices'));
    return Number(rows[0]?.devices ?? 0);
  }

  /** @returns how many names each of the devices has after it, with those of other processes */
  async add(found: readonly DeviceNames[]): Promise<Map<string, number>> {
    const devices = found.map(({ device }) => device);
    const pairs = found.flatMap(({ device, names }) => names.map((name) => [device, name] as const));
    return withConnection(this.pool, async (client) => {
      // In order: two processes that add the same must not wait for each other in a circle.
      await client.query('insert into ingot.devices (device) select device from unnest($1::text[]) added (device) order by device on conflict do nothing', [devices]);
      await client.query('insert into ingot.device_names (device, name) select device, name from unnest($1::text[], $2::text[]) added (device, name) order by device, name on conflict do nothing', [
        pairs.map(([device]) => device),
        pairs.map(([, name]) => name),
      ]);
      const { rows } = await client.query<{ device: string; names: string }>('select device, count(*) as names from ingot.device_names where device = any ($1) group by device', [devices]);
      return new Map(rows.map(({ device, names }) => [device, Number(names)]));
    });
  }
}
