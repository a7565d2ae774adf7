import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connectTo } from './raw-http.js';

/** Connections that never finish what they begin. */
export interface SlowClients {
  /** Those the service has ended. */
  readonly ended: number;
  /** Resolves when all are ended by the service. */
  readonly allEnded: Promise<void>;
  /** Ends the rest. */
  close(): void;
}

/** What a slow client has sent when it stalls: nothing, half of its headers, or half of its body. It goes on by a byte every so often. */
export const SLOW_BEGINNINGS = ['', 'POST /data HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n1 a'] as const;

/**
 * Opens so many of them, by turns of each kind.
 * @param everyMs how often each sends one more byte
 */
export async function openSlowClients(url: string, count: number, everyMs = 500): Promise<SlowClients> {
  const sockets: Socket[] = [];
  let ended = 0;
  let tell: () => void = () => undefined;
  const allEnded = new Promise<void>((resolve) => (tell = resolve));
  while (sockets.length < count) {
    // A hundred at a time: more would be refused by the length of the queue in which the kernel keeps them.
    const some = Array.from({ length: Math.min(100, count - sockets.length) }, () => connectTo(url));
    await Promise.all(some.map((socket) => once(socket, 'connect')));
    for (const socket of some) {
      socket.resume().once('close', () => {
        if (++ended === count) tell();
      });
      socket.write(SLOW_BEGINNINGS[sockets.push(socket) % SLOW_BEGINNINGS.length] ?? '');
    }
  }
  const drip = setInterval(() => {
    for (const [i, socket] of sockets.entries()) if ((i + 1) % SLOW_BEGINNINGS.length !== 0 && socket.writable) socket.write('x');
  }, everyMs);
  void allEnded.then(() => clearInterval(drip));
  return {
    get ended() {
      return ended;
    },
    allEnded,
    close: () => {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    },
  };
}
