import { parse } from '@cdktn/hcl2json';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Block = Record<string, unknown>;

/** A module's files as one: blocks by type and label, expressions as `${...}` text. */
export interface TerraformModule {
  readonly variable: Record<string, Block>;
  readonly output: Record<string, Block>;
  readonly locals: Record<string, unknown>;
}

export const ROOT = 'terraform';
export const MODULES = readdirSync(join(ROOT, 'modules')).map((name) => join(ROOT, 'modules', name));

/** Every file below terraform/ that Terraform reads, by path. */
export function terraformFiles(): string[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.split('/').includes('.terraform') && /\.(tf|tfvars|hcl|tftpl)$/.test(path))
    .map((path) => join(ROOT, path))
    .sort();
}

/** The `.tf` files of one folder, as one text: each call of the parser costs as much as a thousand lines. @throws Error when it is not HCL */
export async function readModule(folder: string): Promise<TerraformModule> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.tf'));
  const text = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
  const { variable = {}, output = {}, locals = [] } = (await parse(`${folder}.tf`, text)) as {
    variable?: Record<string, Block[]>;
    output?: Record<string, Block[]>;
    locals?: Block[];
  };
  const first = (blocks: Record<string, Block[]>): Record<string, Block> => Object.fromEntries(Object.entries(blocks).map(([name, [block = {}]]) => [name, block]));
  return { variable: first(variable), output: first(output), locals: Object.assign({}, ...locals) as Block };
}

/** The values of a `.tfvars` file. */
export async function readValues(path: string): Promise<Record<string, unknown>> {
  return parse(path, readFileSync(path, 'utf8'));
}
