import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';

// The server's half of RFC 6455, as much of it as a JSON conversation needs.
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** The answer that turns an HTTP request into a WebSocket. */
export const handshake = (key: string): string =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${createHash('sha1')
      .update(key + GUID)
      .digest('base64')}`,
    '\r\n',
  ].join('\r\n');

/** Reads and writes frames on a socket whose handshake is done. `onText` gets whole messages. */
export function createFrames(socket: Duplex, onText: (text: string) => void) {
  let buffer = Buffer.alloc(0);
  let parts: Buffer[] = [];
  const send = (opcode: number, payload: Buffer) => {
    if (!socket.writable) return;
    socket.write(Buffer.concat([header(opcode, payload.length), payload]));
  };
  const take = (frame: Frame) => {
    if (frame.opcode === PING) return send(PONG, frame.payload);
    if (frame.opcode === CLOSE) {
      send(CLOSE, frame.payload.subarray(0, 2));
      return socket.end();
    }
    if (frame.opcode === PONG) return;
    parts.push(frame.payload);
    if (!frame.isLast) return;
    const text = Buffer.concat(parts).toString();
    parts = [];
    onText(text);
  };
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (let frame = read(buffer); frame; frame = read(buffer)) {
      buffer = buffer.subarray(frame.size);
      take(frame);
    }
  });
  return {
    text: (value: string) => send(TEXT, Buffer.from(value)),
    ping: () => send(PING, Buffer.from('abw')),
    close: (code = 1000) => {
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      send(CLOSE, payload);
    },
  };
}

interface Frame {
  opcode: number;
  isLast: boolean;
  payload: Buffer;
  size: number;
}
function read(buffer: Buffer): Frame | null {
  const [first, second] = buffer;
  if (first === undefined || second === undefined) return null;
  let at = 2;
  let length = second & 0x7f;
  if (length === 126) {
    if (buffer.length < 4) return null;
    length = buffer.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return null;
    length = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  const isMasked = (second & 0x80) !== 0;
  const maskAt = at;
  if (isMasked) at += 4;
  if (buffer.length < at + length) return null;
  const payload = Buffer.from(buffer.subarray(at, at + length));
  if (isMasked)
    for (const [index, byte] of payload.entries()) payload[index] = byte ^ (buffer[maskAt + (index % 4)] ?? 0);
  return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, payload, size: at + length };
}

function header(opcode: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | opcode, length]);
  if (length < 65_536) {
    const short = Buffer.from([0x80 | opcode, 126, 0, 0]);
    short.writeUInt16BE(length, 2);
    return short;
  }
  const long = Buffer.alloc(10);
  long[0] = 0x80 | opcode;
  long[1] = 127;
  long.writeBigUInt64BE(BigInt(length), 2);
  return long;
}
