import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '../access.js';
import { Documented, Field } from '../documented.js';
import { Problem } from '../problem.js';
import { OpenApiService } from './openapi.service.js';
import { API_PAGE, pageAsset } from './pages/api-page.js';
import { errorsPage } from './pages/errors-page.js';

const TAG = 'documentation';
const HTML = 'text/html; charset=utf-8';
// Swagger UI sets styles on its elements; its pictures are data: URLs in the style sheet.
const POLICY = "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE_HEADERS = { 'content-type': HTML, 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache' };

class AssetName {
  @Field({ type: 'string', description: 'A script or style sheet of the page', examples: ['swagger-ui.css'] })
  file: string;
}

const page = (description: string) => ({ 200: { description, content: { 'text/html': { type: 'string' } } } });

@Controller()
export class OpenApiController {
  constructor(@Inject(OpenApiService) private readonly openApi: OpenApiService) {}

  @Access('public')
  @Get('openapi.json')
  @Documented({ tag: TAG, summary: 'This document', answers: { 200: { description: 'OpenAPI 3.1.', content: { 'application/json': { type: 'object', required: ['openapi'] } }, headers: { ETag: 'For If-None-Match' } }, 304: { description: 'The document is that of the ETag in If-None-Match.' } } })
  async document(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { body, etag } = await this.openApi.rendered();
    void reply.headers({ etag, 'cache-control': 'no-cache' });
    if (request.headers['if-none-match'] === etag) return void reply.status(304).send();
    void reply.header('content-type', 'application/json; charset=utf-8').send(body);
  }

  @Access('public')
  @Get('docs')
  @Documented({ tag: TAG, summary: 'This document as a page', answers: page('Every route, to read and to try.') })
  docs(@Res() reply: FastifyReply): void {
    void reply.headers(PAGE_HEADERS).send(API_PAGE);
  }

  @Access('public')
  @Get('docs/errors')
  @Documented({ tag: TAG, summary: 'What each problem means', answers: page('One section for each `type` of a problem.') })
  async errors(@Res() reply: FastifyReply): Promise<void> {
    void reply.headers(PAGE_HEADERS).send(await errorsPage());
  }

  @Access('public')
  @Get('docs/assets/:file')
  @Documented({ tag: TAG, summary: 'A file of the page', params: AssetName, answers: { 200: { description: 'The file.', content: { 'text/css': { type: 'string' }, 'text/javascript': { type: 'string' } } } }, problems: ['not-found'] })
  async asset(@Param('file') file: string, @Res() reply: FastifyReply): Promise<void> {
    const asset = await pageAsset(file);
    if (asset === undefined) throw new Problem('not-found', 'The page has no such file.');
    void reply.headers({ 'content-type': asset.contentType, 'x-content-type-options': 'nosniff', 'cache-control': 'public, max-age=3600' }).send(asset.bytes);
  }
}
