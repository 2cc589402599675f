import { randomFillSync } from 'node:crypto';

export const opcodes = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** A whole frame from a client: masked, as the standard wants it (RFC 6455, 5.3). The payload is copied. */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length <= 0xffff ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extended + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  const maskAt = 2 + extended;
  randomFillSync(frame, maskAt, 4);
  for (let index = 0; index < length; index++) {
    frame[maskAt + 4 + index] = payload[index]! ^ frame[maskAt + (index & 3)]!;
  }
  return frame;
}

export function encodeText(text: string): Buffer {
  return encodeFrame(opcodes.text, Buffer.from(text));
}

/** The reason is cut to what fits a control frame, between two characters. */
export function encodeClose(code: number, reason: string): Buffer {
  let text = Buffer.from(reason);
  if (text.length > 123) {
    let end = 123;
    while ((text[end]! & 0xc0) === 0x80) end--;
    text = text.subarray(0, end);
  }
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code);
  payload.set(text, 2);
  return encodeFrame(opcodes.close, payload);
}
