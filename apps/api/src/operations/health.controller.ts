import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { HealthService, type Health } from './health.service.js';

@Controller('health')
export class HealthController {
  constructor(@Inject(HealthService) private readonly health: HealthService) {}

  /** Process and database in one answer: 200, or 503 when the database cannot be asked. */
  @Get()
  async overall(@Res() reply: FastifyReply): Promise<void> {
    send(reply, await this.health.overall());
  }

  /** The process runs. Never asks the database: a restart would not bring that back. */
  @Get('live')
  live(@Res() reply: FastifyReply): void {
    send(reply, { healthy: true, body: { status: 'alive' } });
  }

  /** Requests may be sent here: serving, not draining, database reachable. */
  @Get('ready')
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
