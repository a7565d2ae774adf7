const METRICS = ['Voltage', 'Current'];
const START = 1_649_894_400; // 2022-04-14T00:00:00Z
const DAY = 86_400;

/** A part of a series: lines `from` on, of `of` lines in all that are spread evenly over so many days. */
export interface Part {
  readonly days?: number;
  readonly from?: number;
  readonly of?: number;
}

/** Lines as a device posts them: alternating metrics, in order of time. */
export function sensorLines(count: number, { days = 1, from = 0, of = count }: Part = {}): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const second = START + Math.floor((n / of) * days * DAY);
    return `${second} ${METRICS[n % METRICS.length]} ${(10 + (n % 997) / 100).toFixed(2)}`;
  });
  return `${lines.join('\n')}\n`;
}

/** The same lines as InfluxDB's line protocol, nanoseconds; the serial number keeps equal times apart, which it would otherwise overwrite. */
export function influxLines(count: number, part: Part = {}): string {
  return sensorLines(count, part)
    .trimEnd()
    .split('\n')
    .map((line, i) => {
      const [second, name, value] = line.split(' ');
      return `${name} value=${value} ${second}${String(i % 1_000_000_000).padStart(9, '0')}`;
    })
    .join('\n');
}
