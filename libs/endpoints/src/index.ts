export type { Endpoint } from './endpoint.js';
export { endpointRead, FORMATS } from './endpoint-read.js';
export { loadEndpoints } from './load-endpoints.js';
export { ParameterError, readRequest, type EndpointRequest, type Query } from './request-parameters.js';
