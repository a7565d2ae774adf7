import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '../../access.js';
import { Documented } from '../../documented.js';
import { MetricsService } from './metrics.service.js';

const TEXT = { type: 'string' };

@Controller('metrics')
export class MetricsController {
  constructor(@Inject(MetricsService) private readonly metrics: MetricsService) {}

  @Access('read:all')
  @Get()
  @Documented({
    tag: 'Operations',
    summary: 'Metrics for Prometheus',
    description: 'The text format, or OpenMetrics where `Accept` prefers it. docs/observability.md lists the metrics.',
    answers: { 200: { description: 'One family after the other.', content: { 'text/plain': TEXT, 'application/openmetrics-text': TEXT } } },
  })
  async scrape(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { contentType, body } = await this.metrics.scrape(request.headers.accept);
    void reply.headers({ 'content-type': contentType, 'cache-control': 'no-store', vary: 'Accept' }).send(body);
  }
}
