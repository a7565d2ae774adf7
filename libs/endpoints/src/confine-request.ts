import type { Endpoint } from './endpoint.js';
import type { EndpointRequest } from './request-parameters.js';

/** Ingest takes printable characters only: no device is called so. */
const NO_DEVICE = '\u0001';

/**
 * The request as a key of one device may ask it: for the rows of that device, whatever was asked for. Who asks for others
 * asks for none: they are as absent as those that never were.
 * @throws Error for an endpoint that does not say whose rows it reads
 */
export function confineRequest({ deviceParameter, parameters, name }: Pick<Endpoint, 'deviceParameter' | 'parameters' | 'name'>, request: EndpointRequest, device: string): EndpointRequest {
  const parameter = parameters.find((each) => each.name === deviceParameter);
  if (parameter === undefined) throw new Error(`the endpoint ${name} does not say whose rows it reads`);
  const asked = request.values.get(parameter.name) ?? null;
  const confined = parameter.type === 'list' ? confinedList(asked, device) : asked === null || asked === device ? device : NO_DEVICE;
  return { ...request, values: new Map(request.values).set(parameter.name, confined) };
}

function confinedList(asked: string | null, device: string): string {
  const item = `"${device.replace(/["\\]/g, '\\$&')}"`;
  const isAsked = asked === null || [...asked.matchAll(/"(?:[^"\\]|\\.)*"/gs)].some(([each]) => each === item);
  return isAsked ? `{${item}}` : '{}';
}
