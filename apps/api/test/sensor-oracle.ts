/** What the sensor endpoints should answer, computed from the readings in arrival order with none of their SQL. */
export interface Reading {
  /** Microseconds since 1970. */
  readonly time: bigint;
  readonly name: string;
  readonly value: number;
}

export interface SeriesQuestion {
  readonly from: bigint;
  readonly to: bigint;
  readonly points?: number | undefined;
  readonly bucket?: string | undefined;
  readonly names?: readonly string[] | undefined;
}

const SECOND = 1_000_000n;
const DAY = 86_400n * SECOND;
const WIDTHS: readonly (readonly [name: string, us: bigint])[] = [
  ['10ms', 10_000n], ['100ms', 100_000n], ['1s', SECOND], ['5s', 5n * SECOND], ['10s', 10n * SECOND], ['30s', 30n * SECOND],
  ['1m', 60n * SECOND], ['5m', 300n * SECOND], ['15m', 900n * SECOND], ['30m', 1_800n * SECOND],
  ['1h', 3_600n * SECOND], ['3h', 10_800n * SECOND], ['6h', 21_600n * SECOND], ['12h', 43_200n * SECOND],
  ['1d', DAY], ['7d', 7n * DAY], ['28d', 28n * DAY], ['364d', 364n * DAY], ['3640d', 3_640n * DAY], ['36400d', 36_400n * DAY], ['3652500d', 3_652_500n * DAY],
];
const ORIGIN = BigInt(new Date('0001-01-01T00:00:00Z').getTime()) * 1_000n;

const startOf = (time: bigint, width: bigint): bigint => time - ((time - ORIGIN) % width);
const shown = (us: bigint): string => new Date(Number(us / 1_000n)).toISOString();
const dayOf = (us: bigint): string => shown(us).slice(0, 10);

export interface SeriesRow {
  readonly time: string;
  readonly seconds: number;
  readonly name: string;
  readonly count: number;
  readonly min: number;
  readonly avg: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
}

export function seriesOf(readings: readonly Reading[], { from, to, points = 500, bucket = '10ms', names }: SeriesQuestion): SeriesRow[] {
  const least = WIDTHS.findIndex(([name]) => name === bucket);
  const [, width] = WIDTHS.slice(least).find(([, us]) => (startOf(to, us) - startOf(from, us)) / us + 1n <= BigInt(points))!;
  const within = readings.filter(({ time, name }) => time >= from && time <= to && (names === undefined || names.includes(name)));
  return groups(within, ({ name, time }) => `${name} ${String(startOf(time, width) - ORIGIN).padStart(24, '0')}`).map((group) => {
    const inTime = byTime(group);
    const values = group.map(({ value }) => value);
    return {
      time: shown(startOf(group[0]!.time, width)), seconds: Number(width) / 1e6, name: group[0]!.name, count: group.length,
      min: Math.min(...values), avg: mean(values), max: Math.max(...values), first: inTime[0]!.value + 0, last: inTime.at(-1)!.value + 0,
    };
  });
}

export function latestOf(readings: readonly Reading[]): { time: string; name: string; value: number }[] {
  return groups(readings, ({ name }) => name).map((group) => {
    const { time, name, value } = byTime(group).at(-1)!;
    return { time: shown(time), name, value };
  });
}

export function namesOf(readings: readonly Reading[]): { name: string; first: string; last: string; count: number }[] {
  return groups(readings, ({ name }) => name).map((group) => {
    const inTime = byTime(group);
    return { name: group[0]!.name, first: shown(inTime[0]!.time), last: shown(inTime.at(-1)!.time), count: group.length };
  });
}

export function powerOf(readings: readonly Reading[]): { date: string; power: number }[] {
  return groups(readings, ({ time }) => dayOf(time)).flatMap((day) => {
    const [voltage, current] = ['Voltage', 'Current'].map((metric) => day.filter(({ name }) => name === metric).map(({ value }) => value));
    return voltage!.length === 0 || current!.length === 0 ? [] : [{ date: dayOf(day[0]!.time), power: mean(voltage!) * mean(current!) }];
  });
}

/** Groups of equal keys in the order of their keys' bytes; members in order of arrival. */
function groups(readings: readonly Reading[], keyOf: (reading: Reading) => string): Reading[][] {
  const found = new Map<string, Reading[]>();
  for (const reading of readings) found.set(keyOf(reading), [...(found.get(keyOf(reading)) ?? []), reading]);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

/** Ties stay in order of arrival. */
function byTime(readings: readonly Reading[]): Reading[] {
  return [...readings].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
