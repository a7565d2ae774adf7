// Asks a running service for its OpenAPI document, and for the answers of the examples.
import { send, stable } from './exchange.mjs';
import { REQUESTS } from './requests.mjs';

/** @param {string} url of a service on an empty database */
export async function record(url) {
  const document = await (await fetch(`${url}/openapi.json`)).json();
  withoutExamples(document);
  for (const { route, name, summary, ...request } of REQUESTS) {
    const [method, path] = route.split(' ');
    const answer = await send(url, { method, ...request });
    const response = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status];
    const media = response?.content?.[answer.type];
    if (media === undefined) throw new Error(`${route}, example ${name}: the document knows no answer ${answer.status} of type ${answer.type}:\n${JSON.stringify(answer.value)}`);
    media.examples = { ...media.examples, [name]: { summary, value: stable(answer.value, media.schema, document), 'x-request': { method, ...request } } };
  }
  return document;
}

/** The service may show the examples of an earlier time. */
function withoutExamples({ paths }) {
  for (const item of Object.values(paths)) {
    for (const { responses } of Object.values(item)) {
      for (const { content = {} } of Object.values(responses)) for (const media of Object.values(content)) delete media.examples;
    }
  }
}
