import { Controller, Get, Inject, Res, type Type } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Access } from '../access.js';
import { Documented, type RouteDocumentation } from '../documented.js';
import { HealthBody, LiveBody, ReadyBody } from './health-bodies.js';
import { HealthService, type Health } from './health.service.js';

const documented = (summary: string, body: Type, unhealthy: string): RouteDocumentation => ({
  tag: 'health',
  summary,
  answers: { 200: { description: 'It is.', body }, 503: { description: unhealthy, body, headers: { 'Retry-After': 'Seconds after which to ask again' } } },
});

@Controller('health')
export class HealthController {
  constructor(@Inject(HealthService) private readonly health: HealthService) {}

  /** Process and database in one answer: 200, or 503 when the database cannot be asked. */
  @Access('public')
  @Get()
  @Documented(documented('Process and database', HealthBody, 'The database cannot be asked.'))
  async overall(@Res() reply: FastifyReply): Promise<void> {
    send(reply, await this.health.overall());
  }

  /** The process runs. Never asks the database: a restart would not bring that back. */
  @Access('public')
  @Get('live')
  @Documented({ tag: 'health', summary: 'The process runs', answers: { 200: { description: 'It does.', body: LiveBody } } })
  live(@Res() reply: FastifyReply): void {
    send(reply, { healthy: true, body: { status: 'alive' } });
  }

  /** Requests may be sent here: serving, not draining, database reachable, and what it acknowledges is safe. */
  @Access('public')
  @Get('ready')
  @Documented(documented('Requests may be sent here', ReadyBody, 'Not now: it starts, drains, has no database, or the database or a disk makes acknowledgements unsafe: `durability` says why.'))
  async ready(@Res() reply: FastifyReply): Promise<void> {
    send(reply, await this.health.ready());
  }
}

function send(reply: FastifyReply, { healthy, body }: Health): void {
  void reply
    .status(healthy ? 200 : 503)
    .headers({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...(healthy ? {} : { 'retry-after': '1' }) })
    .send(JSON.stringify(body));
}
