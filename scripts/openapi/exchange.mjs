// Sends one request of the examples and tells its answer in the parts that are the same each time.

/** The request id of every example: it is part of the bodies of problems. */
const REQUEST_ID = 'example';

/**
 * @param {string} url where the service listens
 * @param {{ method: string, path: string, headers?: Record<string, string>, body?: string }} request
 * @returns {Promise<{ status: number, type: string, value: unknown }>} the body as JSON, else as text
 */
export async function send(url, { method, path, headers = {}, body }) {
  const type = body === undefined ? {} : { 'Content-Type': 'text/plain' };
  const answer = await fetch(url + path, { method, body, headers: { 'X-Request-Id': REQUEST_ID, ...type, ...headers } });
  const text = await answer.text();
  const mediaType = (answer.headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
  return { status: answer.status, type: mediaType, value: /json$/.test(mediaType) && !/ndjson/.test(mediaType) ? JSON.parse(text) : text };
}

/**
 * A body with each value whose schema says `x-varies` (ids, times, sizes) replaced by that schema's first example.
 * @param {unknown} value
 * @param {Record<string, any>} schema
 * @param {Record<string, any>} document what `$ref` points into
 */
export function stable(value, schema, document) {
  if (schema['x-varies'] === true) return value === null ? null : schema.examples?.[0];
  if (schema.$ref !== undefined) return stable(value, resolve(schema.$ref, document), document);
  const alternative = (schema.anyOf ?? schema.oneOf)?.find((one) => one.$ref !== undefined);
  if (alternative !== undefined && value !== null && schema.anyOf !== undefined) return stable(value, alternative, document);
  if (Array.isArray(value)) return schema.items === undefined ? value : value.map((item) => stable(item, schema.items, document));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, stable(inner, propertySchema(key, schema), document)]));
}

function propertySchema(key, { properties = {}, additionalProperties }) {
  if (Object.hasOwn(properties, key)) return properties[key];
  return typeof additionalProperties === 'object' ? additionalProperties : {};
}

function resolve(pointer, document) {
  return pointer.slice(2).split('/').reduce((part, key) => part[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
}
