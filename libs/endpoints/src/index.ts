export type { Endpoint, FormatName } from './endpoint.js';
export { endpointRead, FORMATS, type Format } from './endpoint-read.js';
export { loadEndpoints } from './load-endpoints.js';
export type { Parameter, ParameterType } from './parameter.js';
export { ParameterError, readRequest, type EndpointRequest, type ParameterProblem, type Query } from './request-parameters.js';
