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

/** A body whose lines move on in time from one request to the next. Repeating one body would write the same instants over and over. */
export interface MovingBody {
  /** The leading digits of each time are `@`. */
  readonly text: string;
  /** What they are in the first request; each further one adds 1. */
  readonly first: number;
}

const LINES_A_SECOND = 2;
const TIME_DIGITS = 10;

/** Lines as a device posts them that reads both metrics once a second. */
export function movingSensorLines(count: number): MovingBody {
  return movingLines(count, (time, name, value) => `${time} ${name} ${value}`);
}

/** The same as InfluxDB's line protocol. */
export function movingInfluxLines(count: number): MovingBody {
  return movingLines(count, (time, name, value) => `${name} value=${value} ${time}000000000`);
}

function movingLines(count: number, lineOf: (time: string, name: string, value: string) => string): MovingBody {
  const last = Math.ceil(count / LINES_A_SECOND) - 1;
  const own = String(last).length; // digits that tell the lines of a request apart
  const moving = '@'.repeat(TIME_DIGITS - own);
  const lines = Array.from({ length: count }, (_, i) => {
    const time = moving + String(Math.floor(i / LINES_A_SECOND)).padStart(own, '0');
    return lineOf(time, METRICS[i % METRICS.length]!, (10 + (i % 997) / 100).toFixed(2));
  });
  return { text: `${lines.join('\n')}\n`, first: Math.ceil(START / 10 ** own) };
}

/** The body of the n-th request. */
export function bodyAt({ text, first }: MovingBody, n: number): string {
  return text.replace(/@+/g, String(first + n));
}
