import type { Endpoint, EndpointRequest, Format } from '@ingot/endpoints';

/**
 * `Content-Disposition` of an answer that is to be kept as a file, e.g. `attachment; filename="data_2022-04-14_2022-04-15.csv"`:
 * the endpoint, its instants and dates, the format. Undefined when it is to be shown.
 */
export function contentDisposition(endpoint: Pick<Endpoint, 'name' | 'parameters'>, { values, download }: EndpointRequest, format: Format): string | undefined {
  if (!(download ?? format.download)) return undefined;
  const range = endpoint.parameters.filter(({ type }) => type === 'timestamp' || type === 'date').map(({ name }) => shortTime(values.get(name) ?? ''));
  const name = [endpoint.name, ...range].filter((part) => part !== '').join('_');
  // Nothing but these reaches the header, whatever a file is called.
  return `attachment; filename="${name.replaceAll(/[^A-Za-z0-9._-]/g, '-')}.${format.extension}"`;
}

/** `2022-04-14 00:00:00.000000+00` is 2022-04-14, as is the end of that day; else 2022-04-14T131017Z. */
function shortTime(value: string): string {
  const [date = '', time] = value.split(/[ +]/);
  if (time === undefined || time === '00:00:00.000000' || time === '23:59:59.999999') return date;
  return `${date}T${time.replaceAll(':', '').replace(/\.?0+$/, '')}Z`;
}
