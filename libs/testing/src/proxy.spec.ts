import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openProxy, type Proxy, type Watch } from './proxy.js';

// Before a server that repeats what it hears.
describe('openProxy', () => {
  let server: net.Server;
  let proxy: Proxy;
  let heard: string;
  const open: net.Socket[] = [];

  beforeEach(async () => {
    heard = '';
    server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (piece) => {
        heard += piece.toString();
        socket.write(piece);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    await proxy.close();
    server.close();
  });

  async function connect(watch?: Watch): Promise<{ socket: net.Socket; answered: () => string; ended: Promise<string> }> {
    proxy = await openProxy(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`, watch);
    const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1');
    open.push(socket);
    let answered = '';
    socket.on('data', (piece) => (answered += piece.toString()));
    const ended = new Promise<string>((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      socket.once('close', () => resolve('closed'));
    });
    await once(socket, 'connect');
    return { socket, answered: () => answered, ended };
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  /** What was sent is at the proxy by then. */
  const onItsWay = () => new Promise((resolve) => setTimeout(resolve, 200));

  it('loses what goes one way, on an open connection too, until it is set back', async () => {
    const { socket, answered } = await connect();
    socket.write('a');
    await until(() => answered() === 'a');
    proxy.loses = 'answers';
    socket.write('b');
    await until(() => heard === 'ab');
    await onItsWay(); // the answer
    proxy.loses = 'requests';
    socket.write('c');
    await onItsWay();
    proxy.loses = 'nothing';
    socket.write('d');
    await until(() => answered() === 'ad');
    expect(heard).toBe('abd');
  });

  it('passes on so many bytes of answers, then ends the connection', async () => {
    const { socket, answered, ended } = await connect();
    proxy.answerBytes = 5;
    socket.write('abc');
    await until(() => answered() === 'abc');
    socket.write('defgh');
    await ended;
    expect([answered(), heard]).toEqual(['abcde', 'abcdefgh']);
  });

  it('stops where the watch says, and is reset by it', async () => {
    let reset: () => void = () => undefined;
    const watch: Watch = (end) => {
      reset = end;
      return (data, way) => (way === 'requests' && data.includes('!') ? data.indexOf('!') : data.length);
    };
    const { socket, answered, ended } = await connect(watch);
    socket.write('ab');
    await until(() => answered() === 'ab');
    socket.write('cd!ef');
    await until(() => heard === 'abcd');
    socket.write('gh');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([answered(), heard]).toEqual(['ab', 'abcd']); // neither end hears more
    reset();
    expect(await ended).toBe('ECONNRESET');
  });
});
