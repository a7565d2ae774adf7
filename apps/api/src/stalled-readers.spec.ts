import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import net from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { dropStalledReaders } from './stalled-readers.js';

describe('dropStalledReaders', () => {
  let server: FastifyInstance;
  let port: number;
  const closed: string[] = [];

  beforeAll(async () => {
    server = Fastify({ forceCloseConnections: true });
    dropStalledReaders(server, 1);
    const told = (name: string, body: Readable): Readable => body.once('close', () => closed.push(name));
    server.get('/endless', () => told('endless', new Readable({ highWaterMark: 65_536, read() { this.push(Buffer.alloc(65_536)); } })));
    server.get('/late', () => told('late', Readable.from((async function* () { yield 'a'; await sleep(2_500); yield 'b'; })())));
    server.get('/whole', (_, reply) => reply.send(Buffer.alloc(50_000_000)));
    await server.listen({ port: 0, host: '127.0.0.1' });
    ({ port } = server.server.address() as net.AddressInfo);
  });
  afterAll(() => server.close());

  /** Asks, and takes nothing. */
  const ask = (path: string): net.Socket => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return socket;
  };
  const connections = (): Promise<number> => new Promise((resolve) => server.server.getConnections((_, count) => resolve(count)));

  it('cuts who takes nothing of a stream, or of a large answer in one piece', async () => {
    const sockets = [ask('/endless'), ask('/whole')];
    await sleep(500);
    expect(await connections()).toBe(2);
    await sleep(3_000);
    expect(await connections()).toBe(0);
    expect(closed).toEqual(['endless']);
    sockets.forEach((socket) => socket.destroy());
  });

  it('leaves alone who reads slowly, and who waits for us', async () => {
    const slow = ask('/endless');
    const timer = setInterval(() => void slow.read(2_000_000), 200);
    const late = ask('/late');
    late.resume();
    let text = '';
    late.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await sleep(3_000);
    expect(await connections()).toBe(2);
    expect(text.endsWith('0\r\n\r\n')).toBe(true);
    clearInterval(timer);
    for (const socket of [slow, late]) {
      socket.destroy();
      await once(socket, 'close');
    }
  });
});
