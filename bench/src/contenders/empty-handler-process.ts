// Nest on Fastify with one route that takes a text body and answers {"success":true}.
import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

@Controller()
class EmptyController {
  @Post('data')
  @HttpCode(200)
  take(@Body() body: string): { success: boolean } {
    return { success: body.length > 0 };
  }
}

@Module({ controllers: [EmptyController] })
class EmptyModule {}

const app = await NestFactory.create<NestFastifyApplication>(EmptyModule, new FastifyAdapter(), { logger: false });
app.useBodyParser('text/plain', { bodyLimit: 32 * 1024 * 1024 }, (_request, body, done) => done(null, body.toString()));
await app.listen(0, '127.0.0.1');
process.stdout.write(`listens ${await app.getUrl()}\n`);
