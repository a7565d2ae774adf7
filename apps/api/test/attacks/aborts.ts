import { connectTo } from './raw-http.js';

/**
 * Posts a body again and again and goes away in the middle of it, each time one step later: by FIN and by RST in turn.
 * @returns how often; none of these may be stored
 */
export async function abortEverywhere(url: string, body: Buffer, headers: string, offsets: number): Promise<number> {
  let aborted = 0;
  for (let i = 0; i < offsets; i++) {
    const cut = Math.floor((i * body.length) / offsets); // never the whole body
    const socket = connectTo(url);
    await new Promise<void>((resolve) => {
      socket.write(`POST /data HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n`);
      socket.write(body.subarray(0, cut), () => resolve());
    });
    if (i % 2 === 0) socket.destroy();
    else socket.resetAndDestroy();
    aborted++;
  }
  return aborted;
}
