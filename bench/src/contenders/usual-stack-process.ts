// What a user would write instead: NestJS and TypeORM, one entity for a reading, save() of what a request holds.
import 'reflect-metadata';
import { BadRequestException, Body, Controller, Get, HttpCode, Inject, Module, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Between, Column, DataSource, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

@Entity({ name: 'usual_stack_reading' })
class Reading {
  @PrimaryGeneratedColumn({ type: 'bigint' })
  id: string;

  @Index()
  @Column({ type: 'timestamptz' })
  time: Date;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'double precision' })
  value: number;
}

@Controller('data')
class ReadingController {
  constructor(@Inject(DataSource) private readonly source: DataSource) {}

  @Post()
  @HttpCode(200)
  async post(@Body() body: string): Promise<{ success: boolean }> {
    const readings = body.split('\n').flatMap((line) => (line.trim() === '' ? [] : [this.readingOf(line)]));
    await this.source.getRepository(Reading).save(readings, { chunk: 1_000 });
    return { success: true };
  }

  @Get()
  async get(@Query('from') from: string, @Query('to') to: string): Promise<{ time: Date; name: string; value: number }[]> {
    const readings = await this.source.getRepository(Reading).find({ where: { time: Between(new Date(from), new Date(to)) }, order: { time: 'ASC', id: 'ASC' } });
    return readings.map(({ time, name, value }) => ({ time, name, value }));
  }

  private readingOf(line: string): Reading {
    const [seconds, name, value] = line.trim().split(/\s+/);
    const reading = Object.assign(new Reading(), { time: new Date(Number(seconds) * 1000), name, value: Number(value) });
    if (!/^\d+$/.test(seconds ?? '') || name === undefined || !Number.isFinite(reading.value)) throw new BadRequestException({ success: false });
    return reading;
  }
}

const source = new DataSource({ type: 'postgres', url: process.argv[2] ?? '', entities: [Reading], synchronize: true, extra: { max: 10 } });
await source.initialize();

@Module({ controllers: [ReadingController], providers: [{ provide: DataSource, useValue: source }] })
class ReadingModule {}

const app = await NestFactory.create<NestFastifyApplication>(ReadingModule, new FastifyAdapter(), { logger: false });
app.useBodyParser('text/plain', { bodyLimit: 32 * 1024 * 1024 }, (_request, body, done) => done(null, body.toString()));
await app.listen(0, '127.0.0.1');
process.stdout.write(`listens ${await app.getUrl()}\n`);
process.once('SIGTERM', () => void app.close().then(() => source.destroy()).then(() => process.exit(0)));
