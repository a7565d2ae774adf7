import { FORMATS, type Endpoint, type EndpointRequest, type Format } from '@ingot/endpoints';
import Negotiator from 'negotiator';
import { Problem } from '../problem.js';

/**
 * The format of an answer: what `format=` says, else the one of the endpoint's formats that `Accept` likes best; among
 * equals the endpoint's first one, which is what a browser gets.
 * @throws Problem not-acceptable
 */
export function negotiate(endpoint: Pick<Endpoint, 'path' | 'formats'>, request: Pick<EndpointRequest, 'format'>, accept: string | undefined): Format {
  if (request.format !== undefined) return FORMATS[request.format];
  const offered = endpoint.formats.map((name) => FORMATS[name]);
  const negotiator = new Negotiator({ headers: { accept: accept === undefined || accept.trim() === '' ? '*/*' : accept } });
  const chosen = negotiator.mediaType(offered.map(withParameters));
  const format = offered.find((candidate) => withParameters(candidate) === chosen);
  if (format !== undefined) return format;
  const types = offered.map(({ contentType }) => mediaType(contentType));
  throw new Problem('not-acceptable', `${endpoint.path} is offered as ${new Intl.ListFormat('en').format(types)}.`);
}

/** The type as it is matched: a client may ask for its charset, too. */
function withParameters({ contentType, isText }: Format): string {
  return isText && !contentType.includes('charset') ? `${contentType}; charset=utf-8` : contentType;
}

function mediaType(contentType: string): string {
  return contentType.split(';')[0] ?? '';
}
