import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, type Registry } from 'prom-client';
import { problems } from '../../measuring-points.js';
import { PROBLEMS } from '../../problem.js';
import { HistogramSeries } from './histogram-series.js';
import { REQUEST_BUCKETS, seconds, Subscriptions, type MetricGroup } from './metric-group.js';

const METHODS = ['other', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** The label of every path that no route answers. */
const UNMATCHED = 'unmatched';
const ABORTED = 0;
const ROUTE = Symbol('route template');
const STARTED = Symbol('performance.now()');

type Timed = ServerResponse & { [ROUTE]?: string; [STARTED]: number };
type Observe = (durationSeconds: number) => void;

/**
 * Requests by method, route template and class of status. Anything a client chooses freely (path, unknown method) falls
 * under one label, so that nobody can fill the memory of this process or of Prometheus.
 */
export class HttpMetrics implements MetricGroup {
  private readonly durations: HistogramSeries;
  private readonly inFlight: Gauge;
  private open = 0;
  private readonly subscriptions = new Subscriptions();
  /** By route, then by method and class of status in one number. */
  private readonly observers = new Map<string, Map<number, Observe>>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.durations = new HistogramSeries(registry, {
      name: 'ingot_http_request_duration_seconds',
      help: 'From the head of a request to the last byte of its answer. status: class, or "aborted" when the connection ended first.',
      labelNames: ['method', 'route', 'status'],
      buckets: REQUEST_BUCKETS,
    });
    this.inFlight = new Gauge({ name: 'ingot_http_requests_in_flight', help: 'Requests whose answer is not out yet.', registers });
    const answered = new Counter({ name: 'ingot_http_problems_total', help: 'Answers that are a problem document, by its code (docs/errors.md).', labelNames: ['code'], registers });
    const shed = new Counter({
      name: 'ingot_http_requests_shed_total',
      help: 'Requests refused with 503 because of our own trouble: queue or connections full, database gone, stopping.',
      labelNames: ['route', 'reason'],
      registers,
    });
    for (const code of Object.keys(PROBLEMS)) answered.inc({ code }, 0);
    this.subscriptions.add(problems, ({ code, status, route }) => {
      answered.inc({ code });
      if (status === 503) shed.inc({ route: route ?? UNMATCHED, reason: code });
    });
  }

  /**
   * Before the server listens. By the server's own events, not by Fastify's hooks alone: those do not see a URL that
   * cannot be decoded, nor an answer that the client cut off.
   *
   * One listener for all answers, no closure and no label text for each: an empty handler of Fastify takes 18.8 µs of the
   * processor, 19.9 with this; 20.6 with prom-client's histogram and a closure (minima of 14 rounds in turn, Node 20,
   * two cores under other load). A POST of 4 lines takes 45.
   */
  watch(server: FastifyInstance): void {
    const ended = (response: Timed): void => this.ended(response);
    function onClose(this: Timed): void {
      ended(this);
    }
    server.addHook('onRequest', (request, reply, done) => {
      (reply.raw as Timed)[ROUTE] = request.routeOptions.url;
      done();
    });
    server.server.on('request', (_request, response: Timed) => {
      response[STARTED] = performance.now();
      this.open++;
      response.on('close', onClose);
    });
  }

  collect(): void {
    this.inFlight.set(this.open);
  }

  close(): void {
    this.subscriptions.close();
  }

  private ended(response: Timed): void {
    this.open--;
    const status = response.writableFinished ? response.statusCode : ABORTED;
    this.observer(response[ROUTE] ?? UNMATCHED, response.req.method ?? '', status)(seconds(performance.now() - response[STARTED]));
  }

  private observer(route: string, method: string, status: number): Observe {
    let ofRoute = this.observers.get(route);
    if (ofRoute === undefined) this.observers.set(route, (ofRoute = new Map<number, Observe>()));
    const at = Math.max(0, METHODS.indexOf(method));
    const key = at * 10 + Math.floor(status / 100);
    let observe = ofRoute.get(key);
    if (observe === undefined) ofRoute.set(key, (observe = this.durations.with({ route, method: METHODS[at]!, status: status === ABORTED ? 'aborted' : `${Math.floor(status / 100)}xx` })));
    return observe;
  }
}
