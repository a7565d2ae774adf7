import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';

export interface MediaType {
  schema?: Record<string, unknown>;
  examples?: Record<string, { summary: string; value: unknown; 'x-request': { method: string; path: string } }>;
}
export interface Response {
  $ref?: string;
  description: string;
  headers?: Record<string, { $ref?: string; schema?: Record<string, unknown> }>;
  content?: Record<string, MediaType>;
}
export interface Parameter {
  $ref?: string;
  name: string;
  in: 'query' | 'path' | 'header';
  required: boolean;
  schema: Record<string, unknown>;
  example?: unknown;
}
export interface Operation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, Response>;
}
export interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

/** The document of a running service, and what its schemas say of answers. */
export class Api {
  private readonly ajv: Ajv2020;
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(readonly document: Document) {
    this.ajv = new Ajv2020({ strict: false, allErrors: false });
    (formats.default as unknown as { default: (ajv: Ajv2020) => void }).default(this.ajv);
    this.ajv.addSchema(document, 'api');
  }

  static async of(url: string): Promise<Api> {
    return new Api((await (await fetch(`${url}/openapi.json`)).json()) as Document);
  }

  /** What a `$ref` of the document points to; anything else as it is. */
  resolve<T extends object>(part: T): T {
    const { $ref } = part as { $ref?: string };
    if ($ref === undefined) return part;
    return $ref.slice(2).split('/').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], this.document) as T;
  }

  /** What is wrong with a value by the schema at a path into the document; nothing when it is right. */
  errors(path: readonly string[], value: unknown): string[] {
    const pointer = `api#/${path.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    const validate = this.validators.get(pointer) ?? this.ajv.compile({ $ref: pointer });
    this.validators.set(pointer, validate);
    return validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, keyword, params }) => `${instancePath} ${keyword} ${JSON.stringify(params)}`);
  }

  /**
   * What is wrong with an answer to a method of a documented path: a status, content type, header or body that the
   * document does not know.
   */
  faults(path: string, method: string, answer: { status: number; headers: Readonly<Record<string, string | string[] | undefined>>; body: string }): string[] {
    const key = method === 'HEAD' ? 'get' : method.toLowerCase();
    const documented = this.document.paths[path]?.[key];
    const own = documented?.responses[String(answer.status)];
    const place = own === undefined ? ['components', 'responses', 'Problem'] : ['paths', path, key, 'responses', String(answer.status)];
    const response = own ?? (this.document.components.responses?.Problem as Response);
    const mediaType = textOf(answer.headers['content-type']).split(';', 1)[0] ?? '';
    const content = response.content;
    if (content === undefined) return answer.body === '' ? [] : [`a body where none is documented: ${answer.body.slice(0, 200)}`];
    if (!Object.hasOwn(content, mediaType)) return [`${answer.status} as ${mediaType || 'nothing'}, documented are ${Object.keys(content).join(', ')}: ${answer.body.slice(0, 300)}`];
    const faults = Object.entries(response.headers ?? {}).flatMap(([name, header]) => this.headerFaults(name, header, answer.headers[name.toLowerCase()]));
    if (answer.status === 503 && answer.headers['retry-after'] === undefined) faults.push('503 without Retry-After');
    if (method === 'HEAD' || !/[/+]json$/.test(mediaType)) return faults;
    return [...faults, ...this.errors([...place, 'content', mediaType, 'schema'], JSON.parse(answer.body))];
  }

  private headerFaults(name: string, header: { $ref?: string; schema?: Record<string, unknown> }, value: string | string[] | undefined): string[] {
    if (value === undefined) return name === 'X-Request-Id' ? ['no X-Request-Id'] : [];
    const { type, pattern, format } = this.resolve(header).schema ?? {};
    const text = textOf(value);
    const isRight = (type !== 'integer' || /^\d+$/.test(text)) && (typeof pattern !== 'string' || new RegExp(pattern).test(text)) && (format !== 'date-time' || !Number.isNaN(Date.parse(text)));
    return isRight ? [] : [`${name}: ${text} is not what its schema says`];
  }
}

function textOf(header: string | string[] | undefined): string {
  return [header ?? ''].flat().join(', ');
}
