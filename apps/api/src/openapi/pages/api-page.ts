import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

/** A file of a page: bytes and their `Content-Type`. */
export interface PageFile {
  readonly bytes: Buffer | string;
  readonly contentType: string;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** What the page loads from Swagger UI's npm package; nothing comes from another server. */
const ASSETS: Readonly<Record<string, string>> = { 'swagger-ui-bundle.js': SCRIPT, 'swagger-ui.css': STYLE };

// The scripts stand in a file: the page's content security policy allows none in its text. The validator of Swagger UI
// would send the document to a server of somebody else.
const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#routes', deepLinking: true, validatorUrl: null, displayRequestDuration: true, docExpansion: 'list' });\n`;

export const API_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ingot: the API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="routes"></div>
<noscript>This page needs JavaScript; <a href="/openapi.json">/openapi.json</a> holds the same.</noscript>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
`;

/** @returns undefined when the page has no such file */
export async function pageAsset(name: string): Promise<PageFile | undefined> {
  if (name === 'start.js') return { bytes: START, contentType: SCRIPT };
  const contentType = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
  if (contentType === undefined) return undefined;
  const folder = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  return { bytes: await readFile(path.join(folder, name)), contentType };
}
