import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

/** A YAML file of ours, anchors and merge keys resolved. */
export function readYaml<Content>(file: string): Content {
  return parse(readFileSync(file, 'utf8'), { merge: true }) as Content;
}

/** What a file breaks of a schema of deploy/test/schemas, as text; empty when it is valid. */
export function schemaErrors(schema: 'compose-spec' | 'dependabot' | 'github-workflows', file: string): string[] {
  const definition = JSON.parse(readFileSync(`deploy/test/schemas/${schema}.json`, 'utf8')) as { $schema: string };
  const options = { strict: false, allErrors: true };
  const ajv = definition.$schema.includes('2020-12') ? new Ajv2020(options) : new Ajv(options);
  addFormats.default(ajv);
  const validate = ajv.compile(definition);
  return validate(readYaml(file)) ? [] : (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
}
