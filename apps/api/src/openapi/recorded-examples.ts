import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { OpenApiDocument } from './document.js';
import type { Operation, Response } from './operation.js';
import { shippedFile } from '../shipped-file.js';

const RECORDED = 'docs/openapi.json';

/**
 * The document with the examples of docs/openapi.json, which `npm run openapi` recorded from a running service. An
 * operation that is not any more what it was then (a changed endpoint file, a route of a project's own) keeps without.
 */
export async function withRecordedExamples(document: OpenApiDocument): Promise<OpenApiDocument> {
  const recorded = await readRecorded();
  if (recorded === undefined) return document;
  const paths = Object.entries(document.paths).map(([path, item]) => {
    const operations = Object.entries(item).map(([method, operation]) => [method, withExamplesOf(operation, recorded.paths[path]?.[method])] as const);
    return [path, Object.fromEntries(operations)] as const;
  });
  return { ...document, paths: Object.fromEntries(paths) };
}

function withExamplesOf(operation: Operation, recorded: Operation | undefined): Operation {
  return recorded !== undefined && isDeepStrictEqual(withoutExamples(recorded), withoutExamples(plain(operation))) ? { ...operation, responses: recorded.responses } : operation;
}

/** An operation without the examples of its answers. */
function withoutExamples(operation: Operation): unknown {
  const strip = ({ content, ...response }: Response): unknown =>
    content === undefined ? response : { ...response, content: Object.fromEntries(Object.entries(content).map(([type, { examples: _, ...media }]) => [type, media])) };
  return { ...operation, responses: Object.fromEntries(Object.entries(operation.responses).map(([status, response]) => [status, strip(response)])) };
}

function plain(operation: Operation): Operation {
  return JSON.parse(JSON.stringify(operation)) as Operation;
}

async function readRecorded(): Promise<OpenApiDocument | undefined> {
  try {
    return JSON.parse(await readFile(shippedFile(RECORDED), 'utf8')) as OpenApiDocument;
  } catch {
    return undefined; // the document is right without its examples
  }
}
