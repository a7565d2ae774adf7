import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A span as OTLP/HTTP brings it in JSON. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code: number; readonly message?: string };
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** A collector for traces on loopback. */
export interface Collector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** Of the last request. */
  readonly headers: http.IncomingHttpHeaders;
  /** Attributes of the service. */
  readonly resource: Readonly<Record<string, unknown>>;
  /** While true, requests are taken and not answered. */
  silent: boolean;
  /** How many requests came. */
  requests: number;
  /** Waits until a span fits. */
  find(fits: (span: CollectedSpan) => boolean): Promise<CollectedSpan>;
  close(): Promise<void>;
}

interface Attribute {
  key: string;
  value: Record<string, string | number | boolean>;
}
interface Body {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: (Omit<CollectedSpan, 'attributes' | 'links'> & { attributes: Attribute[]; links?: CollectedSpan['links'] })[] }[] }[];
}

export async function startCollector(): Promise<Collector> {
  const server = http.createServer((request, response) => {
    collector.requests++;
    if (collector.silent) return;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url !== '/v1/traces') return response.writeHead(404).end();
      Object.assign(collector.headers, request.headers);
      for (const { resource, scopeSpans } of (JSON.parse(Buffer.concat(chunks).toString()) as Body).resourceSpans) {
        Object.assign(collector.resource, plain(resource.attributes));
        for (const span of scopeSpans.flatMap(({ spans }) => spans)) collector.spans.push({ ...span, links: span.links ?? [], attributes: plain(span.attributes) });
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    headers: {},
    resource: {},
    silent: false,
    requests: 0,
    find: async (fits) => {
      for (;;) {
        const span = collector.spans.find(fits);
        if (span !== undefined) return span;
        await sleep(20);
      }
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}

/** OTLP writes whole numbers as text. */
function plain(attributes: Attribute[]): Record<string, string | number | boolean> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.intValue !== undefined ? Number(value.intValue) : Object.values(value)[0]!]));
}
